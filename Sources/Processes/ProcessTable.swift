import CProcess
import Glibc

/// One process as `/proc/<pid>/stat` has it.
struct ProcessStatus: Equatable {
    let pid: pid_t
    let state: UInt8
    let parent: pid_t
    let group: pid_t
    let session: pid_t
    /// Clock ticks between the boot and the process's start; with the pid and the boot id it names one
    /// process.
    let startTicks: UInt64
    let threads: UInt64

    /// Whether it has ended and only waits to be reaped. The state is that of the main thread, which may end alone: the
    /// process lives as long as another thread does.
    var isDead: Bool { (state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")) && threads <= 1 }
}

/// What `/proc` says about processes.
enum ProcessTable {
    /// The status of one process; `nil` when there is none.
    static func status(of pid: pid_t) -> ProcessStatus? {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Of the buffer only the bytes that were read are looked at, and only in here.
        return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            return count > 0 ? parse(pid: pid, UnsafeRawBufferPointer(rebasing: buffer[..<count])) : nil
        }
    }

    /// Parses `pid (name) state ppid pgrp session …`; the name may hold anything, so the last `)` ends it.
    static func parse(pid: pid_t, _ text: UnsafeRawBufferPointer) -> ProcessStatus? {
        guard let nameEnd = text.lastIndex(of: UInt8(ascii: ")")), nameEnd + 2 < text.count else {
            return nil
        }
        var fields = [UInt64](repeating: 0, count: 20)
        var field = 0
        for byte in text[(nameEnd + 2)...] {
            if byte == UInt8(ascii: " ") {
                field += 1
                if field == fields.count { break }
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                fields[field] = fields[field] &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
            }
        }
        guard field >= 19 else { return nil }
        return ProcessStatus(
            pid: pid,
            state: text[nameEnd + 2],
            parent: pid_t(truncatingIfNeeded: fields[1]),
            group: pid_t(truncatingIfNeeded: fields[2]),
            session: pid_t(truncatingIfNeeded: fields[3]),
            startTicks: fields[19],
            threads: fields[17]
        )
    }

    /// All processes of this machine that this process can see.
    static func all() -> [ProcessStatus] {
        numbers(in: "/proc").compactMap { status(of: $0) }
    }

    /// The names in a directory of `/proc` that are numbers.
    private static func numbers(in path: String) -> [pid_t] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var found: [pid_t] = []
        while let entry = readdir(directory) {
            // The entry is valid until the next `readdir`; a number is taken out of it.
            let pid = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                var number: pid_t = 0
                for byte in name.prefix(while: { $0 != 0 }) {
                    guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return pid_t(0) }
                    number = number &* 10 &+ pid_t(byte - UInt8(ascii: "0"))
                    if number > 10_000_000 { return pid_t(0) }
                }
                return number
            }
            if pid > 0 { found.append(pid) }
        }
        return found
    }

    /// What a process was given as its environment when its program started: `NAME=value`, each with a zero byte.
    ///
    /// Empty also in the midst of an exec; `nil` for the dead, for kernel threads and where it is not ours to
    /// read.
    static func environment(of pid: pid_t) -> [UInt8]? {
        let content = readSmallFile("/proc/\(pid)/environ", limit: environmentLimit)
        if let content, !content.isEmpty || hasProgram(pid) { return content }
        // A main thread that has ended has none; the others have.
        for thread in numbers(in: "/proc/\(pid)/task") where thread != pid {
            let content = readSmallFile("/proc/\(pid)/task/\(thread)/environ", limit: environmentLimit)
            if let content, !content.isEmpty { return content }
        }
        return nil
    }

    private static let environmentLimit = 4 << 20

    /// Whether a process runs a program; kernel threads and the dead do not.
    private static func hasProgram(_ pid: pid_t) -> Bool {
        var byte: CChar = 0
        return readlink("/proc/\(pid)/exe", &byte, 1) == 1
    }

    /// Sends a signal to exactly the process of a status, never to a later one with its pid.
    @discardableResult
    static func send(_ signal: Int32, to process: ProcessStatus) -> Bool {
        let descriptor = skyfire_pidfd_open(process.pid)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard let now = status(of: process.pid), now.startTicks == process.startTicks else { return false }
        return skyfire_pidfd_signal(descriptor, signal) == 0
    }

    /// This boot of the machine; pids and start times of another boot mean nothing.
    static func bootID() -> String {
        guard let content = readSmallFile("/proc/sys/kernel/random/boot_id") else { return "unknown" }
        return String(decoding: content.prefix { $0 > UInt8(ascii: " ") }, as: UTF8.self)
    }
}

/// The descendants of ended processes that the kernel has made children of this process.
///
/// `PR_SET_CHILD_SUBREAPER` makes this process the parent of every descendant whose own parent has ended. So
/// when a main process has ended and none of its descendants is among them, it has left none at all: one
/// small read answers what otherwise takes a walk over all of `/proc`. The kernel hands orphans to the first
/// thread, and that thread's list is read; children that other threads started are not in it.
struct AdoptedOrphans {
    private let descriptor: Int32
    /// This process, where it is the one that adopts them: what its attempts start stays below it for good.
    let subreaper: pid_t?

    init() {
        let pid = getpid()
        guard skyfire_process_adopt_orphans() == 0 else {
            (descriptor, subreaper) = (-1, nil)
            return
        }
        subreaper = pid
        descriptor = open("/proc/\(pid)/task/\(pid)/children", O_RDONLY | O_CLOEXEC)
    }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// The adopted processes now, among them children started by the first thread itself; `nil` when this
    /// kernel cannot tell.
    func pids() -> [pid_t]? {
        guard descriptor >= 0 else { return nil }
        // Of the buffer only the bytes that were read are looked at, and only in here.
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer -> [pid_t]? in
            var pids: [pid_t] = []
            var offset: off_t = 0
            var number: pid_t = 0
            while true {
                let count = pread(descriptor, buffer.baseAddress, buffer.count, offset)
                if count < 0 { return nil }
                if count == 0 { return pids }
                offset += off_t(count)
                for byte in buffer[..<count] {
                    if byte == UInt8(ascii: " ") {
                        if number > 0 { pids.append(number) }
                        number = 0
                    } else {
                        number = number &* 10 &+ pid_t(byte &- UInt8(ascii: "0"))
                    }
                }
            }
        }
    }
}
