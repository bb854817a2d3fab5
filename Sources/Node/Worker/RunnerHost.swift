internal import AsyncHTTPClient
internal import Glibc
package import Logging
internal import NIOCore
internal import NIOHTTP1
package import Processes
package import Scheduling
import Synchronization

/// The host of a node on a machine: processes by its runner, HTTP calls by itself. Knows nothing of the store.
///
/// Processes go on when the node's process ends; calls end with it.
package final class RunnerHost: AttemptHost {
    private struct Live {
        var attempt: AttemptID
        var outputFile: String
        /// The names that may be written to the output file; `nil` for any.
        var outputs: [String]?
        var isExclusive: Bool
        var isReleased = false
        var startedAt: WallTime?
        /// What is to be called, for an attempt that is no process.
        var action: Assignment.HTTPAction?
        var timeoutMilliseconds: Int64?
        var call: Task<Void, Never>?
        /// Whether the call was stopped before it began.
        var isStopped = false
        /// Whether the lease ended before the call.
        var hasLostLease = false
        /// Told as ended, and kept by the runner until that is acknowledged.
        var hasEnded = false
    }

    private let directory: DataDirectory
    private let client: RunnerClient
    private let live = Mutex<[String: Live]>([:])
    /// Which runner there is; none before the first connection.
    private let runner = Mutex("none")
    /// Names this life of the node's process, which calls live and die with.
    private let caller = "calls-" + String(UInt64.random(in: 0 ... .max), radix: 16)
    private let lease = Mutex<(end: ContinuousClock.Instant, warning: Duration)?>(nil)
    /// Bytes of the largest outputs, and how many were not taken.
    private let outputs = Mutex((largest: 0, refused: 0))
    private let logger: Logger
    package let events: AsyncStream<HostEvent>
    private let continuation: AsyncStream<HostEvent>.Continuation
    private let claims: AsyncStream<[HeldAttempt]>
    private let claimed: AsyncStream<[HeldAttempt]>.Continuation

    /// `launch` starts a runner for this directory where there is none.
    package init(directory: DataDirectory, launch: RunnerLaunch, logger: Logger) throws(ProcessError) {
        self.directory = directory
        self.logger = logger
        client = try RunnerClient(directory: directory.path, launch: launch)
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
        (claims, claimed) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// Connects to the runner and turns its events into ends until `close`.
    package func run() async throws {
        try client.begin()
        var isFirst = true
        for await event in client.events {
            switch event {
            case .connected(let runner, let held):
                let before = self.runner.withLock { known in
                    defer { known = runner }
                    return known
                }
                // It may have been said while there was no connection.
                lease.withLock { lease in
                    if let lease { client.renew(Lease(until: lease.end, warning: lease.warning)) }
                }
                if isFirst {
                    let adopted = held.compactMap { adopt($0) }
                    client.allowStarts()
                    claimed.yield(adopted)
                } else {
                    compare(held, hasDied: before != runner)
                    client.allowStarts()
                }
                isFirst = false
                for end in held.compactMap(\.end) { take(end) }
            case .process(let event):
                take(event)
            case .killed(let reason):
                logger.error(
                    "The runner was of no use and was killed, with its attempts",
                    metadata: [LogKeys.reason: "\(reason)"]
                )
            case .unreachable(let reason):
                logger.error(
                    "There is no runner; nothing can be started",
                    metadata: [LogKeys.reason: "\(reason)"]
                )
            }
        }
        continuation.finish()
    }

    package func identity(of attempt: AttemptID) -> String {
        let isCall = live.withLock { $0[attempt.znodeName]?.action != nil }
        return isCall ? caller : runner.withLock { $0 }
    }

    package func isIdentity(_ name: String) -> Bool { name == caller || name == runner.withLock { $0 } }

    package func claim() async throws -> [HeldAttempt] {
        for await held in claims { return held }
        throw CancellationError()
    }

    private func take(_ event: ProcessEvent) {
        switch event {
        case .started(let start):
            live.withLock {
                $0[start.id]?.startedAt = WallTime(milliseconds: start.startedAtMilliseconds)
            }
        case .lingering(let id, let pids):
            guard let attempt = AttemptID(znodeName: id[...]) else { return }
            continuation.yield(.lingering(attempt, processes: pids.count))
        case .spawnFailed(let failure):
            let isRefusal: Bool =
                switch failure.step {
                case .resources, .closing, .lease: true
                case .workingDirectory, .program, .request: false
                }
            finish(failure.id) { live in
                AttemptEnd(
                    outcome: isRefusal ? .refused : .systemFailed,
                    startedAt: live.startedAt,
                    endedAt: SystemClock.now(),
                    reason: failure.message
                )
            }
        case .ended(let exit):
            finish(exit.id) { live in self.end(of: exit, live) }
        }
    }

    /// Takes over a process of an earlier life of this node.
    private func adopt(_ held: HeldProcess) -> HeldAttempt? {
        guard let attempt = AttemptID(znodeName: held.id[...]) else {
            client.stop(held.id, kills: true)
            client.acknowledge(held.id)
            return nil
        }
        let context = Context(held.context)
        let startedAt = held.startedAtMilliseconds.map { WallTime(milliseconds: $0) }
        live.withLock {
            $0[held.id] = Live(
                attempt: attempt,
                outputFile: outputFile(attempt),
                outputs: context.outputs,
                isExclusive: context.isExclusive,
                isReleased: true,
                startedAt: startedAt
            )
        }
        return HeldAttempt(
            attempt: attempt,
            startedAt: startedAt,
            isExclusive: context.isExclusive,
            hasEnded: held.end != nil,
            stamp: context.stamp
        )
    }

    /// Another runner has taken the place of one that died: what that one ran is gone, and swept away. Or the connection to
    /// the same one was lost, and with it what was asked for and not released. It holds all that it ever released, so what
    /// it does not hold has not run, also where its release was sent.
    private func compare(_ held: [HeldProcess], hasDied: Bool) {
        let known = Set(held.map(\.id))
        let reason = hasDied ? "the runner died" : "the connection to the runner was lost"
        let (gone, strangers) = live.withLock { live in
            (
                live.filter { $0.value.action == nil && !known.contains($0.key) },
                known.filter { live[$0] == nil }
            )
        }
        logger.error(
            hasDied ? "The runner died; its attempts died with it" : "The connection to the runner was lost",
            metadata: [LogKeys.count: "\(gone.values.count { !$0.hasEnded })"]
        )
        for id in strangers { client.stop(id, kills: true) }
        for (id, entry) in gone where !entry.hasEnded {
            finish(id) { live in
                AttemptEnd(
                    outcome: live.isReleased && hasDied ? .lost : .refused,
                    startedAt: live.startedAt,
                    endedAt: SystemClock.now(),
                    reason: reason
                )
            }
        }
    }

    package func prepare(
        _ attempt: AttemptID,
        _ assignment: Assignment,
        _ stamp: AssignmentStamp,
        worker: WorkerID
    ) {
        let run = directory.runDirectory(attempt.run)
        let workingDirectory = "\(run)/work"
        _ = DataDirectory.makeDirectories(workingDirectory)
        let outputFile = outputFile(attempt)
        unlink(outputFile)
        let id = attempt.znodeName
        var entry = Live(
            attempt: attempt,
            outputFile: outputFile,
            outputs: assignment.outputs,
            isExclusive: assignment.isExclusive,
            timeoutMilliseconds: assignment.timeoutMilliseconds
        )
        if case .http(let action) = assignment.action { entry.action = action }
        live.withLock { $0[id] = entry }
        guard case .command(let argv) = assignment.action else { return }
        client.prepare(
            ProcessRequest(
                id: id,
                arguments: argv,
                environment: AttemptEnvironment.variables(
                    attempt,
                    assignment,
                    token: stamp.token,
                    worker: worker,
                    outputFile: outputFile,
                    workingDirectory: workingDirectory
                ),
                workingDirectory: assignment.workingDirectory ?? workingDirectory,
                logDirectory: directory.logDirectory(attempt),
                timeout: assignment.timeoutMilliseconds.map { .milliseconds($0) },
                stopPolicy: policy(assignment),
                boundaryVariable: "SKYFIRE_OUTPUT",
                isLeased: assignment.isExclusive,
                context: Context(
                    isExclusive: assignment.isExclusive,
                    stamp: stamp,
                    outputs: assignment.outputs
                ).text
            )
        )
    }

    package func release(_ attempt: AttemptID) {
        let id = attempt.znodeName
        let entry = live.withLock { live in
            live[id]?.isReleased = true
            return live[id]
        }
        guard let entry, !entry.hasEnded else { return }
        guard let action = entry.action else { return client.release(id) }
        let log = AttemptLog(directory: directory.logDirectory(attempt))
        live.withLock { live in
            live[id]?.startedAt = SystemClock.now()
            // The call's task is owned by `live`, which ends it; nothing of it outlives its entry there.
            let call = Task {
                await self.callWithinLease(
                    action,
                    id: id,
                    timeout: entry.timeoutMilliseconds,
                    log: log,
                    isExclusive: entry.isExclusive
                )
            }
            live[id]?.call = call
            if live[id]?.isStopped != false { call.cancel() }
        }
    }

    package func discard(_ attempt: AttemptID) {
        client.discard(attempt.znodeName)
        live.withLock { $0[attempt.znodeName] = nil }
    }

    package func stop(_ attempt: AttemptID, _ mode: KillMode) {
        let id = attempt.znodeName
        let entry = live.withLock { live in
            live[id]?.isStopped = true
            return live[id]
        }
        guard let entry else { return }
        if entry.action == nil { client.stop(id, kills: mode == .kill) } else { entry.call?.cancel() }
    }

    package func acknowledge(_ attempt: AttemptID) {
        let id = attempt.znodeName
        let entry = live.withLock { $0.removeValue(forKey: id) }
        if entry?.action == nil { client.acknowledge(id) }
        if let entry { unlink(entry.outputFile) }
    }

    package func renewLease(until deadline: ContinuousClock.Instant, warning: Duration) {
        // Sent in the order in which they are kept: the runner goes by the last that it hears.
        lease.withLock { lease in
            lease = (deadline, warning)
            client.renew(Lease(until: deadline, warning: warning))
        }
        guard deadline <= ContinuousClock.now else { return }
        // Shortened: calls wait for the end that they have seen.
        live.withLock { live in
            for (id, entry) in live where entry.isExclusive {
                guard let call = entry.call else { continue }
                live[id]?.hasLostLease = true
                call.cancel()
            }
        }
    }

    package var liveAttempts: [AttemptID] { live.withLock { $0.values.map(\.attempt) } }

    package var figures: [BoundFigure] {
        let (largest, refused) = outputs.withLock { $0 }
        return [
            BoundFigure(
                "output_bytes",
                "Bytes of the largest outputs of a task on this node since it began.",
                value: largest,
                limit: AssignmentBuilder.maximumOutputBytes,
                refused: refused
            )
        ]
    }

    package func outlivesWorker(_ attempt: AttemptID) -> Bool {
        live.withLock { live in live[attempt.znodeName].map { $0.action == nil && $0.isReleased } ?? false }
    }

    package func close(endsAttempts: Bool) async {
        for call in live.withLock({ $0.values.compactMap(\.call) }) { call.cancel() }
        await onThread { self.client.close(endsProcesses: endsAttempts) }
    }

    private func outputFile(_ attempt: AttemptID) -> String {
        let run = directory.runDirectory(attempt.run)
        return "\(run)/\(attempt.task)~\(attempt.partition)~\(attempt.number).out"
    }

    /// What the runner keeps for a later life of this node.
    private struct Context {
        var isExclusive: Bool
        var stamp: AssignmentStamp?
        var outputs: [String]?

        init(isExclusive: Bool, stamp: AssignmentStamp, outputs: [String]?) {
            self.isExclusive = isExclusive
            self.stamp = stamp
            self.outputs = outputs
        }

        /// `exclusive` or `shared`, the token, when it was assigned in milliseconds, then `*` or the names of outputs,
        /// apart by spaces.
        init(_ text: String) {
            let words = text.split(separator: " ").map(String.init)
            isExclusive = words.first == "exclusive"
            let numbers = words.dropFirst().prefix(2).compactMap { Int64($0) }
            if numbers.count == 2 {
                stamp = AssignmentStamp(token: numbers[0], assignedAt: WallTime(milliseconds: numbers[1]))
            }
            let names = words.dropFirst(3)
            outputs = names.first == "*" ? nil : Array(names)
        }

        var text: String {
            let first = [isExclusive ? "exclusive" : "shared"]
            let numbers = [stamp?.token ?? 0, stamp?.assignedAt.milliseconds ?? 0].map { String($0) }
            return (first + numbers + (outputs ?? ["*"])).joined(separator: " ")
        }
    }

    private func policy(_ assignment: Assignment) -> StopPolicy {
        let signals: [String: Int32] = [
            "TERM": SIGTERM, "INT": SIGINT, "HUP": SIGHUP, "QUIT": SIGQUIT, "USR1": SIGUSR1, "USR2": SIGUSR2,
            "KILL": SIGKILL,
        ]
        return StopPolicy(
            signal: signals[assignment.killSignal] ?? SIGTERM,
            grace: .milliseconds(assignment.killGraceMilliseconds)
        )
    }

    private func finish(_ id: String, _ make: (Live) -> AttemptEnd) {
        let entry = live.withLock { live -> Live? in
            let entry = live[id]
            live[id]?.hasEnded = true
            return entry
        }
        // Of no interest to this node any more.
        guard let entry else { return client.acknowledge(id) }
        guard !entry.hasEnded else { return }
        continuation.yield(.ended(entry.attempt, make(entry)))
    }

    private static let leaseReason = "ended with its lease: the worker had no contact with the store"

    private func end(of exit: ProcessExit, _ live: Live) -> AttemptEnd {
        var end = AttemptEnd(
            outcome: .failed,
            startedAt: WallTime(milliseconds: exit.startedAtMilliseconds),
            endedAt: WallTime(milliseconds: exit.endedAtMilliseconds)
        )
        switch exit.outcome {
        case .exited(let code):
            end.exitCode = Int(code)
            if code != 0 { end.reason = "exit code \(code)" }
        case .signaled(let signal):
            end.signal = Int(signal)
            end.reason = "ended by signal \(signal)"
        }
        if exit.hasLostLease, !exit.wasStopped {
            end.outcome = .lost
            end.reason = Self.leaseReason
        } else if exit.hasTimedOut {
            end.outcome = .timedOut
            end.reason = "ran longer than its timeout"
        } else if exit.wasStopped {
            end.outcome = .killed
        } else if exit.outcome == .exited(0) {
            end.outcome = .succeeded
            takeOutputs(&end, live)
        }
        if let lost = lostOutput(of: exit) {
            logger.error(
                "Output of an attempt could not be kept",
                metadata: [LogKeys.attempt: "\(live.attempt)", LogKeys.reason: "\(lost)"]
            )
            end.reason = end.reason.map { "\($0); \(lost)" } ?? lost
        }
        return end
    }

    /// What a disk that refused it has kept out of the log.
    private func lostOutput(of exit: ProcessExit) -> String? {
        let refused = [exit.stdout, exit.stderr].filter { $0.diskError != nil && $0.droppedBytes > 0 }
        guard let error = refused.first?.diskError else { return nil }
        let count = refused.reduce(0) { $0 + $1.droppedBytes }
        return "\(count) bytes of its output could not be kept: \(String(cString: strerror(error)))"
    }

    private func takeOutputs(_ end: inout AttemptEnd, _ live: Live) {
        switch OutputFile.read(live.outputFile, allowed: live.outputs) {
        case .success(let values):
            end.outputs = values
            let size = OutputFile.size(of: values)
            outputs.withLock { $0.largest = max($0.largest, size) }
        case .failure(let error):
            if error.isTooLarge { outputs.withLock { $0.refused += 1 } }
            end.outcome = .failed
            end.reason = error.description
        }
    }

    // MARK: HTTP calls

    /// Calls; what must not outlive the lease is cancelled with it.
    private func callWithinLease(
        _ action: Assignment.HTTPAction,
        id: String,
        timeout: Int64?,
        log: AttemptLog,
        isExclusive: Bool
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.call(action, id: id, timeout: timeout, log: log) }
            if isExclusive {
                group.addTask {
                    while let end = self.lease.withLock({ $0?.end }), end > ContinuousClock.now {
                        do {
                            // The lease's own end; looked at again where it was renewed meanwhile.
                            try await ContinuousClock().sleep(until: end)
                        } catch {
                            return  // the call is over
                        }
                    }
                    self.live.withLock { $0[id]?.hasLostLease = true }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func call(
        _ action: Assignment.HTTPAction,
        id: String,
        timeout: Int64?,
        log: AttemptLog
    ) async {
        let outcome: AttemptOutcome
        let reason: String?
        let limit = min(action.timeoutMilliseconds, timeout ?? .max)
        do {
            // The answer is over when its last byte is there, however slowly they come.
            let status = try await withThrowingTaskGroup(of: Int?.self) { group in
                group.addTask { try await self.exchange(action, log) }
                group.addTask {
                    try await ContinuousClock().sleep(for: .milliseconds(limit))
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            if let status {
                let isExpected = action.expect?.contains(status) ?? (200...299).contains(status)
                outcome = isExpected ? .succeeded : .failed
                reason = isExpected ? nil : "HTTP status \(status)"
            } else {
                outcome = .timedOut
                let text = "\(action.method) \(action.url): no whole answer within \(limit) ms"
                write("\(text)\n", to: log)
                reason = text
            }
        } catch {
            let isLost = live.withLock { live in live[id].map { $0.hasLostLease && !$0.isStopped } ?? false }
            if Task.isCancelled, isLost {
                (outcome, reason) = (.lost, Self.leaseReason)
            } else {
                outcome = Task.isCancelled ? .killed : .failed
                reason = Task.isCancelled ? nil : "\(action.method) \(action.url): \(error)"
            }
            if let reason { write("\(reason)\n", to: log) }
        }
        log.end()
        finish(id) { live in
            AttemptEnd(
                outcome: outcome,
                startedAt: live.startedAt,
                endedAt: SystemClock.now(),
                reason: reason
            )
        }
    }

    /// Calls and takes the answer whole; returns its status.
    private func exchange(_ action: Assignment.HTTPAction, _ log: AttemptLog) async throws -> Int {
        var request = HTTPClientRequest(url: action.url)
        request.method = HTTPMethod(rawValue: action.method)
        for (name, value) in action.headers { request.headers.add(name: name, value: value) }
        if let body = action.body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, deadline: .distantFuture)
        write("HTTP \(response.status.code) \(response.status.reasonPhrase)\n", to: log)
        // The body is shown, not needed: the first 64 KiB of it.
        var left = 64 * 1024
        for try await part in response.body {
            write(
                String(
                    buffer: part.getSlice(at: part.readerIndex, length: min(left, part.readableBytes)) ?? part
                ),
                to: log
            )
            left -= part.readableBytes
            if left <= 0 { break }
        }
        try Task.checkCancellation()
        return Int(response.status.code)
    }

    private func write(_ text: String, to log: AttemptLog) {
        // The log writes the bytes in the call and keeps none of them.
        var text = text
        text.withUTF8 { log.append(UnsafeRawBufferPointer($0), to: .stdout) }
    }
}
