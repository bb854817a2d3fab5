internal import Glibc
package import Scheduling

/// What a node sees of the machine that it is on.
///
/// Conformers: `ResourceProbe`, and the machines of a simulation.
package protocol MachineProbe: Sendable {
    var processorCount: Int { get }
    var memoryBytes: Int64 { get }
    /// What is in use now; the processors' share counts since the last call.
    mutating func measure(running: Int, beat: Int) -> ResourceReport
}

/// Measures this machine: processors, memory, load, disk.
package struct ResourceProbe: MachineProbe {
    private var lastBusy: UInt64 = 0
    private var lastTotal: UInt64 = 0
    private let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    package var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    package var memoryBytes: Int64 { Self.memory().total }

    package mutating func measure(running: Int, beat: Int) -> ResourceReport {
        let (busy, total) = Self.processorTicks()
        let share = total > lastTotal ? Double(busy - lastBusy) / Double(total - lastTotal) : 0
        lastBusy = busy
        lastTotal = total
        let memory = Self.memory()
        var disk = statvfs()
        let hasDisk = statvfs(directory, &disk) == 0
        let load =
            DataDirectory.read("/proc/loadavg", limit: 200)?.split(separator: " ").first.flatMap {
                Double($0)
            } ?? 0
        return ResourceReport(
            cpuLoad: (share * 1000).rounded() / 1000,
            loadAverage: load,
            memoryTotalBytes: memory.total,
            memoryFreeBytes: memory.free,
            diskTotalBytes: hasDisk ? Int64(disk.f_blocks) * Int64(disk.f_frsize) : 0,
            diskFreeBytes: hasDisk ? Int64(disk.f_bavail) * Int64(disk.f_frsize) : 0,
            running: running,
            beat: beat
        )
    }

    private static func processorTicks() -> (busy: UInt64, total: UInt64) {
        guard let line = DataDirectory.read("/proc/stat", limit: 4096)?.split(separator: "\n").first else {
            return (0, 0)
        }
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        guard ticks.count >= 5 else { return (0, 0) }
        let total = ticks.reduce(0, +)
        return (total - ticks[3] - ticks[4], total)
    }

    private static func memory() -> (total: Int64, free: Int64) {
        var total: Int64 = 0
        var free: Int64 = 0
        for line in (DataDirectory.read("/proc/meminfo", limit: 4096) ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count >= 2, let kilobytes = Int64(parts[1]) else { continue }
            if parts[0] == "MemTotal:" { total = kilobytes * 1024 }
            if parts[0] == "MemAvailable:" { free = kilobytes * 1024 }
        }
        return (total, free)
    }
}
