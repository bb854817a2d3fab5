import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import Processes

/// Everything here starts real processes and counts descriptors and zombies of this one, so one test at a
/// time.
@Suite(.serialized, .timeLimit(.minutes(2)))
enum ProcessesTests {}

/// A directory that is removed with all in it.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/skyfire-processes-XXXXXX".utf8CString)
        // The template ends with a zero; `mkdtemp` writes within it.
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        // The template ends with a zero; the text is a copy.
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record(error)
        }
    }
}

/// A supervisor in a scratch directory, whose events are sorted by attempt.
final class Workshop: Sendable {
    let scratch: ScratchDirectory
    let journal: ProcessJournal
    let supervisor: ProcessSupervisor
    private let sorter: EventSorter

    private final class EventSorter: Sendable {
        let streams = Mutex<[String: AsyncStream<ProcessEvent>.Continuation]>([:])

        func take(_ event: ProcessEvent) {
            let stream = streams.withLock { $0[event.id] }
            stream?.yield(event)
            switch event {
            case .ended, .spawnFailed: stream?.finish()
            case .started, .lingering: break
            }
        }
    }

    init(
        limits: LogLimits = LogLimits(),
        maximumProcesses: Int = 4096,
        usesControlGroups: Bool = true
    ) throws {
        let sorter = EventSorter()
        self.sorter = sorter
        scratch = try ScratchDirectory()
        journal = try ProcessJournal(directory: scratch.path + "/node")
        supervisor = try ProcessSupervisor(
            journal: journal,
            maximumProcesses: maximumProcesses,
            logLimits: limits,
            usesControlGroups: usesControlGroups,
            onEvent: { sorter.take($0) }
        )
        try supervisor.begin()
    }

    deinit { supervisor.close() }

    func events(of id: String) -> AsyncStream<ProcessEvent> {
        let (stream, continuation) = AsyncStream<ProcessEvent>.makeStream()
        sorter.streams.withLock { $0[id] = continuation }
        return stream
    }

    func request(_ line: String, id: String = "run/task[0]/1") -> ProcessRequest {
        ProcessRequest(
            id: id,
            arguments: ["/bin/sh", "-c", line],
            environment: ["PATH": "/usr/bin:/bin", "BOUNDARY": "\(scratch.path) \(id)"],
            workingDirectory: "/tmp",
            logDirectory: logDirectory(id)
        )
    }

    func logDirectory(_ id: String = "run/task[0]/1") -> String { "\(scratch.path)/logs/\(id)" }

    /// Starts and waits for the end; `whenStarted` runs between.
    func run(_ request: ProcessRequest, whenStarted: () async throws -> Void = {}) async throws -> ProcessExit
    {
        let events = events(of: request.id)
        try supervisor.start(request)
        for await event in events {
            switch event {
            case .started: try await whenStarted()
            case .ended(let exit): return exit
            case .spawnFailed(let failure): throw failure
            case .lingering: break
            }
        }
        throw CancellationError()
    }

    func run(_ line: String) async throws -> ProcessExit { try await run(request(line)) }

    /// All that is kept of a stream after the end.
    func output(_ stream: LogStream = .stdout, id: String = "run/task[0]/1") throws -> [UInt8] {
        let reader = AttemptLogReader(directory: logDirectory(id), attemptHasEnded: true)
        var bytes: [UInt8] = []
        var offset: Int64 = 0
        while true {
            let slice = try reader.read(stream, offset: offset, limit: 50_000)
            bytes += slice.bytes
            offset = slice.nextOffset
            if slice.isComplete { return bytes }
        }
    }

    func text(_ stream: LogStream = .stdout, id: String = "run/task[0]/1") throws -> String {
        String(decoding: try output(stream, id: id), as: UTF8.self)
    }

    /// Follows standard output until it holds this text; returns all of it so far.
    @discardableResult
    func wait(for text: String, id: String = "run/task[0]/1") async throws -> String {
        let reader = AttemptLogReader(directory: logDirectory(id))
        for await _ in AttemptLogWatch.changes(in: logDirectory(id)) {
            let slice = try reader.read(.stdout, offset: 0, limit: 1 << 20)
            let seen = String(decoding: slice.bytes, as: UTF8.self)
            if seen.contains(text) { return seen }
        }
        throw CancellationError()
    }
}

/// Whether a process runs; a zombie does not.
func isAlive(_ pid: pid_t) -> Bool {
    ProcessTable.status(of: pid).map { !$0.isDead } ?? false
}

/// The numbers in a text.
func numbers(_ text: String) -> [pid_t] {
    text.split { !$0.isNumber }.compactMap { pid_t($0) }
}

func openDescriptors() throws -> Int {
    let directory = try #require(opendir("/proc/self/fd"))
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}
