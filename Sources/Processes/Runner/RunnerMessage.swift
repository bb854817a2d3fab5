/// The version of the protocol between workers and runners. Another one cannot be understood: the runner is ended.
///
/// Of all versions from 2 on the first message of a runner is `welcome`, which begins with the version.
package let runnerProtocolVersion: Int64 = 3

/// What a worker asks of its runner.
enum RunnerRequest {
    case hello(version: Int64)
    case prepare(ProcessRequest)
    case release(String)
    case discard(String)
    /// By the request's own signal and grace, or at once.
    case stop(String, kills: Bool)
    /// The end was taken note of; the runner may forget it.
    case acknowledge(String)
    case lease(Lease)
    /// Kill everything and end.
    case shutdown
    /// End, provided that nothing is held.
    case retire
    /// Say `pong`.
    case ping

    func encoded() -> [UInt8] {
        var writer = FrameWriter()
        switch self {
        case .hello(let version):
            writer.put(UInt8(1))
            writer.put(version)
        case .prepare(let request):
            writer.put(UInt8(2))
            writer.put(request.id)
            writer.put(each: request.arguments) { $0.put($1) }
            writer.put(each: request.environment) {
                $0.put($1.key)
                $0.put($1.value)
            }
            writer.put(request.workingDirectory)
            writer.put(request.logDirectory)
            writer.put(request.timeout.map(\.boundedNanoseconds))
            writer.put(request.stopPolicy.signal)
            writer.put(request.stopPolicy.grace.boundedNanoseconds)
            writer.put(request.boundaryVariable)
            writer.put(request.isLeased)
            writer.put(request.context)
        case .release(let id):
            writer.put(UInt8(3))
            writer.put(id)
        case .discard(let id):
            writer.put(UInt8(4))
            writer.put(id)
        case .stop(let id, let kills):
            writer.put(UInt8(5))
            writer.put(id)
            writer.put(kills)
        case .acknowledge(let id):
            writer.put(UInt8(6))
            writer.put(id)
        case .lease(let lease):
            writer.put(UInt8(7))
            writer.put(lease.dueNanoseconds)
            writer.put(lease.warning.boundedNanoseconds)
        case .shutdown: writer.put(UInt8(8))
        case .retire: writer.put(UInt8(9))
        case .ping: writer.put(UInt8(10))
        }
        return writer.finish()
    }

    init(_ message: ArraySlice<UInt8>) throws(FrameError) {
        var reader = FrameReader(message)
        switch try reader.byte() {
        case 1: self = .hello(version: try reader.number())
        case 2:
            let id = try reader.text()
            let arguments = try reader.list { (reader) throws(FrameError) in try reader.text() }
            let variables = try reader.list { (reader) throws(FrameError) in
                (try reader.text(), try reader.text())
            }
            self = .prepare(
                ProcessRequest(
                    id: id,
                    arguments: arguments,
                    environment: Dictionary(variables) { _, last in last },
                    workingDirectory: try reader.text(),
                    logDirectory: try reader.text(),
                    timeout: try reader.optionalNumber().map { .nanoseconds($0) },
                    stopPolicy: StopPolicy(
                        signal: try reader.smallNumber(),
                        grace: .nanoseconds(try reader.number())
                    ),
                    boundaryVariable: try reader.optionalText(),
                    isLeased: try reader.flag(),
                    context: try reader.text()
                )
            )
        case 3: self = .release(try reader.text())
        case 4: self = .discard(try reader.text())
        case 5: self = .stop(try reader.text(), kills: try reader.flag())
        case 6: self = .acknowledge(try reader.text())
        case 7:
            self = .lease(
                Lease(dueNanoseconds: try reader.number(), warning: .nanoseconds(try reader.number()))
            )
        case 8: self = .shutdown
        case 9: self = .retire
        case 10: self = .ping
        default: throw FrameError()
        }
    }
}

/// A process that a runner holds for whoever claims it.
package struct HeldProcess: Sendable {
    package var id: String
    /// What the request said for this moment.
    package var context: String
    /// When it started; `nil` while that is under way.
    package var startedAtMilliseconds: Int64?
    /// How it ended, or why it did not start; `nil` while it runs.
    package var end: ProcessEvent?
}

/// What a runner tells its worker.
enum RunnerReply {
    /// The answer to `hello`, before all else. Pid and start, in nanoseconds since the boot, name the runner among all of
    /// this boot.
    case welcome(version: Int64, pid: Int32, startedAt: Int64)
    /// One of the processes held.
    case held(HeldProcess)
    /// Those were all.
    case heldAll
    case event(ProcessEvent)
    case pong

    func encoded() -> [UInt8] {
        var writer = FrameWriter()
        switch self {
        case .held(let held):
            writer.put(UInt8(1))
            writer.put(held.id)
            writer.put(held.context)
            writer.put(held.startedAtMilliseconds)
            writer.put(held.end != nil)
            if let end = held.end { writer.put(event: end) }
        case .welcome(let version, let pid, let startedAt):
            writer.put(UInt8(2))
            writer.put(version)
            writer.put(pid)
            writer.put(startedAt)
        case .event(let event):
            writer.put(UInt8(3))
            writer.put(event: event)
        case .heldAll: writer.put(UInt8(4))
        case .pong: writer.put(UInt8(5))
        }
        return writer.finish()
    }

    init(_ message: ArraySlice<UInt8>) throws(FrameError) {
        var reader = FrameReader(message)
        switch try reader.byte() {
        case 1:
            self = .held(
                HeldProcess(
                    id: try reader.text(),
                    context: try reader.text(),
                    startedAtMilliseconds: try reader.optionalNumber(),
                    end: try reader.flag() ? try reader.event() : nil
                )
            )
        case 2:
            self = .welcome(
                version: try reader.number(),
                pid: try reader.smallNumber(),
                startedAt: try reader.number()
            )
        case 3: self = .event(try reader.event())
        case 4: self = .heldAll
        case 5: self = .pong
        default: throw FrameError()
        }
    }
}

extension FrameWriter {
    fileprivate mutating func put(event: ProcessEvent) {
        switch event {
        case .started(let start):
            put(UInt8(1))
            put(start.id)
            put(start.pid)
            put(start.startedAtMilliseconds)
        case .spawnFailed(let failure):
            put(UInt8(2))
            put(failure.id)
            put(failure.step.rawValue)
            put(failure.errno)
            put(failure.message)
        case .lingering(let id, let pids):
            put(UInt8(3))
            put(id)
            put(each: pids) { $0.put($1) }
        case .ended(let exit):
            put(UInt8(4))
            put(exit.id)
            put(exit.pid)
            switch exit.outcome {
            case .exited(let code):
                put(false)
                put(code)
            case .signaled(let signal):
                put(true)
                put(signal)
            }
            put(exit.hasTimedOut)
            put(exit.wasStopped)
            put(exit.hasLostLease)
            put(exit.startedAtMilliseconds)
            put(exit.endedAtMilliseconds)
            put(exit.duration.boundedNanoseconds)
            put(exit.cpuTime.boundedNanoseconds)
            put(exit.maxResidentBytes)
            put(summary: exit.stdout)
            put(summary: exit.stderr)
        }
    }

    private mutating func put(summary: LogStreamSummary) {
        put(summary.totalBytes)
        put(summary.droppedBytes)
        put(summary.diskError.map { Int64($0) })
    }
}

extension FrameReader {
    fileprivate mutating func event() throws(FrameError) -> ProcessEvent {
        switch try byte() {
        case 1:
            return .started(
                ProcessStart(
                    id: try text(),
                    pid: try smallNumber(),
                    startedAtMilliseconds: try number()
                )
            )
        case 2:
            let id = try text()
            guard let step = SpawnFailure.Step(rawValue: try text()) else { throw FrameError() }
            return .spawnFailed(
                SpawnFailure(id: id, step: step, errno: try smallNumber(), message: try text())
            )
        case 3:
            return .lingering(
                id: try text(),
                pids: try list { (reader) throws(FrameError) in try reader.smallNumber() }
            )
        case 4:
            let id = try text()
            let pid = try smallNumber()
            let isSignaled = try flag()
            let value = try smallNumber()
            return .ended(
                ProcessExit(
                    id: id,
                    pid: pid,
                    outcome: isSignaled ? .signaled(value) : .exited(value),
                    hasTimedOut: try flag(),
                    wasStopped: try flag(),
                    hasLostLease: try flag(),
                    startedAtMilliseconds: try number(),
                    endedAtMilliseconds: try number(),
                    duration: .nanoseconds(try number()),
                    cpuTime: .nanoseconds(try number()),
                    maxResidentBytes: try number(),
                    stdout: try summary(),
                    stderr: try summary()
                )
            )
        default: throw FrameError()
        }
    }

    private mutating func summary() throws(FrameError) -> LogStreamSummary {
        LogStreamSummary(
            totalBytes: try number(),
            droppedBytes: try number(),
            diskError: try optionalNumber().map { Int32(truncatingIfNeeded: $0) }
        )
    }
}
