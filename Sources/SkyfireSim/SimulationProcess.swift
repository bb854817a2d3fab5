internal import Foundation
internal import Synchronization

/// This program as a process: how it is run anew and by itself, and how it is told to end.
enum SimulationProcess {
    private static let received = Atomic<Int32>(0)

    /// The signal that asks for the end; 0 where none has come.
    static var signal: Int32 { received.load(ordering: .relaxed) }

    /// From now on a signal that ends the program is taken note of instead: the world that is under way comes to its end.
    static func heedSignals() {
        _ = signal
        var heeded = sigset_t()
        sigemptyset(&heeded)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            sigaddset(&heeded, number)
            Glibc.signal(number) { SimulationProcess.received.store($0, ordering: .relaxed) }
        }
        // Who started this process may have done so from a thread that lets no signal through.
        pthread_sigmask(SIG_UNBLOCK, &heeded, nil)
    }

    static var program: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// Runs the program anew with an order of hashing that is the same in all processes.
    static func insistOnDeterministicHashing() {
        let name = "SWIFT_DETERMINISTIC_HASHING"
        // Other values mean the same to the library, or the opposite: one is enough.
        guard getenv(name).map({ String(cString: $0) }) != "1" else { return }
        setenv(name, "1", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
        perror("the program cannot be run anew")
        exit(71)
    }

    private struct Died: Error, CustomStringConvertible {
        let description: String
    }

    /// Has another process of this program live through seeds, and prints what it says of them.
    static func live(
        _ seeds: Range<UInt64>,
        until deadline: ContinuousClock.Instant?,
        _ options: WorldOptions
    ) throws -> Batch {
        let process = Process()
        process.executableURL = program
        process.arguments =
            [
                "--report", "--from", "\(seeds.lowerBound)", "--seeds",
                "\(seeds.upperBound - seeds.lowerBound)",
            ]
            + options.arguments
        if let deadline {
            let left = ContinuousClock.now.duration(to: deadline) / .seconds(1)
            process.arguments? += ["--seconds", String(max(1, Int(left.rounded())))]
        }
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let end = output.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        print(String(decoding: output[..<end], as: UTF8.self), terminator: "")
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw Died(
                description: "their process ended with \(process.terminationStatus) and is not recorded"
            )
        }
        return try Batch.decode(output[end...])
    }
}

/// Where the disks of a process's machines are: a directory in memory, locked as long as the process lives.
struct Scratch {
    let path: String
    private let descriptor: Int32

    /// Makes one, and removes those that killed processes have left.
    init() throws {
        let root = "/dev/shm"
        for name in try FileManager.default.contentsOfDirectory(atPath: root)
        where name.hasPrefix("skyfire-sim.") {
            let left = open("\(root)/\(name)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard left >= 0 else { continue }
            if flock(left, LOCK_EX | LOCK_NB) == 0 { Self.removeTree("\(root)/\(name)") }
            close(left)
        }
        while true {
            var template = Array("\(root)/skyfire-sim.XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
            let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            // Another process may have taken it for one that was left.
            if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0, access(path, F_OK) == 0 {
                self.path = path
                self.descriptor = descriptor
                return
            }
            if descriptor >= 0 { close(descriptor) }
        }
    }

    func remove() {
        Self.removeTree(path)
        close(descriptor)
    }

    private static func removeTree(_ path: String) {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // Another process was faster, or it belongs to somebody else.
            return
        }
    }
}
