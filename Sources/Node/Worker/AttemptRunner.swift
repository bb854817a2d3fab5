internal import AsyncHTTPClient
internal import Glibc
package import Logging
internal import NIOCore
internal import NIOHTTP1
package import Processes
package import Scheduling
import Synchronization

/// Runs attempts on this machine: processes by the supervisor, HTTP calls by a client. Knows nothing of the store.
package final class AttemptRunner: AttemptHost {
    private struct Live {
        var attempt: AttemptID
        var assignment: Assignment
        var outputFile: String
        var startedAt: WallTime?
        var call: Task<Void, Never>?
        /// Why it could not be prepared.
        var failure: ProcessError?
    }

    private let directory: DataDirectory
    private let supervisor: ProcessSupervisor
    private let processEvents: AsyncStream<ProcessEvent>
    private let live = Mutex<[String: Live]>([:])
    private let logger: Logger
    package let events: AsyncStream<HostEvent>
    private let eventsContinuation: AsyncStream<HostEvent>.Continuation

    /// Sweeps what a crashed predecessor left running, then starts the supervisor.
    package init(directory: DataDirectory, logger: Logger) throws(ProcessError) {
        self.directory = directory
        self.logger = logger
        let journal = try ProcessJournal(directory: directory.path)
        for swept in journal.sweep() where !swept.killedPIDs.isEmpty {
            logger.warning(
                "Ended a process that an earlier life of this node left running",
                metadata: [LogKeys.attempt: "\(swept.id)", LogKeys.count: "\(swept.killedPIDs.count)"]
            )
        }
        (supervisor, processEvents) = try ProcessSupervisor.streaming(journal: journal)
        (events, eventsContinuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
        try supervisor.begin()
    }

    /// Turns process events into ends until the supervisor has closed.
    package func run() async {
        for await event in processEvents {
            switch event {
            case .started(let start):
                live.withLock {
                    $0[start.id]?.startedAt = WallTime(milliseconds: start.startedAtMilliseconds)
                }
            case .lingering(let id, let pids):
                logger.warning(
                    "Processes withstand KILL",
                    metadata: [LogKeys.attempt: "\(id)", LogKeys.count: "\(pids.count)"]
                )
            case .spawnFailed(let failure):
                finish(failure.id) { live in
                    AttemptEnd(
                        outcome: failure.step == .resources || failure.step == .closing
                            ? .refused : .systemFailed,
                        startedAt: live.startedAt,
                        endedAt: SystemClock.now(),
                        reason: failure.message
                    )
                }
            case .ended(let exit):
                finish(exit.id) { live in self.end(of: exit, live) }
            }
        }
        eventsContinuation.finish()
    }

    /// Does all that can be done before the start is committed.
    package func prepare(
        _ attempt: AttemptID,
        _ assignment: Assignment,
        token: Int64,
        worker: WorkerID
    ) {
        let run = directory.runDirectory(attempt.run)
        let workingDirectory = "\(run)/work"
        _ = DataDirectory.makeDirectories(workingDirectory)
        let outputFile = "\(run)/\(attempt.task)~\(attempt.partition)~\(attempt.number).out"
        unlink(outputFile)
        let id = attempt.znodeName
        live.withLock { $0[id] = Live(attempt: attempt, assignment: assignment, outputFile: outputFile) }
        guard case .command(let argv) = assignment.action else { return }
        let request = ProcessRequest(
            id: id,
            arguments: argv,
            environment: AttemptEnvironment.variables(
                attempt,
                assignment,
                token: token,
                worker: worker,
                outputFile: outputFile,
                workingDirectory: workingDirectory
            ),
            workingDirectory: assignment.workingDirectory ?? workingDirectory,
            logDirectory: directory.logDirectory(attempt),
            timeout: assignment.timeoutMilliseconds.map { .milliseconds($0) },
            stopPolicy: policy(assignment),
            boundaryVariable: "SKYFIRE_OUTPUT"
        )
        do throws(ProcessError) {
            try supervisor.prepare(request)
        } catch {
            live.withLock { $0[id]?.failure = error }
        }
    }

    /// The start is committed: go.
    package func release(_ attempt: AttemptID) {
        let id = attempt.znodeName
        guard let entry = live.withLock({ $0[id] }) else { return }
        switch entry.assignment.action {
        case .command:
            do throws(ProcessError) {
                if let failure = entry.failure { throw failure }
                try supervisor.release(id)
            } catch {
                finish(id) { _ in
                    AttemptEnd(
                        outcome: error.isRetriable ? .refused : .systemFailed,
                        endedAt: SystemClock.now(),
                        reason: "\(error)"
                    )
                }
            }
        case .http(let action):
            let log = AttemptLog(directory: directory.logDirectory(attempt))
            live.withLock { $0[id]?.startedAt = SystemClock.now() }
            // The call's task is owned by `live`, which ends it; nothing of it outlives its entry there.
            let call = Task {
                await self.call(action, id: id, timeout: entry.assignment.timeoutMilliseconds, log: log)
            }
            live.withLock { $0[id]?.call = call }
        }
    }

    /// The start was not committed: forget the preparation.
    package func discard(_ attempt: AttemptID) {
        supervisor.discard(attempt.znodeName)
        live.withLock { $0[attempt.znodeName] = nil }
    }

    package func stop(_ attempt: AttemptID, _ mode: KillMode) {
        let id = attempt.znodeName
        guard let entry = live.withLock({ $0[id] }) else { return }
        entry.call?.cancel()
        switch mode {
        case .cancel: supervisor.terminate(id, policy: policy(entry.assignment))
        case .kill: supervisor.kill(id)
        }
    }

    /// The output of an attempt that runs here.
    package func log(of attempt: AttemptID) -> AttemptLog? { supervisor.log(of: attempt.znodeName) }

    package var liveAttempts: [AttemptID] { live.withLock { $0.values.map(\.attempt) } }

    package func claim() async throws -> [HeldAttempt] { [] }

    package func acknowledge(_ attempt: AttemptID) {}

    package func renewLease(until deadline: ContinuousClock.Instant) {}

    /// Kills what runs and ends the supervisor.
    package func close(endsAttempts: Bool) async {
        await onThread { self.supervisor.close() }
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
        guard let entry = live.withLock({ $0.removeValue(forKey: id) }) else { return }
        eventsContinuation.yield(.ended(entry.attempt, make(entry)))
        unlink(entry.outputFile)
    }

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
        if exit.hasTimedOut {
            end.outcome = .timedOut
            end.reason = "ran longer than its timeout"
        } else if exit.wasStopped {
            end.outcome = .killed
        } else if exit.outcome == .exited(0) {
            end.outcome = .succeeded
            takeOutputs(&end, live)
        }
        return end
    }

    private func takeOutputs(_ end: inout AttemptEnd, _ live: Live) {
        guard let text = DataDirectory.read(live.outputFile, limit: 64 * 1024), !text.isEmpty else { return }
        switch OutputFile.parse(text, allowed: live.assignment.outputs) {
        case .success(let outputs):
            end.outputs = outputs
        case .failure(let error):
            end.outcome = .failed
            end.reason = error.description
        }
    }

    // MARK: HTTP calls

    private func call(
        _ action: Assignment.HTTPAction,
        id: String,
        timeout: Int64?,
        log: AttemptLog
    ) async {
        let outcome: AttemptOutcome
        let reason: String?
        let isTimedOut: Bool
        do {
            var request = HTTPClientRequest(url: action.url)
            request.method = HTTPMethod(rawValue: action.method)
            for (name, value) in action.headers { request.headers.add(name: name, value: value) }
            if let body = action.body { request.body = .bytes(ByteBuffer(string: body)) }
            let limit = min(action.timeoutMilliseconds, timeout ?? .max)
            let response = try await HTTPClient.shared.execute(request, timeout: .milliseconds(limit))
            let status = Int(response.status.code)
            write("HTTP \(status) \(response.status.reasonPhrase)\n", to: log)
            // The body is shown, not needed: the first 64 KiB of it.
            var left = 64 * 1024
            for try await part in response.body {
                write(
                    String(
                        buffer: part.getSlice(at: part.readerIndex, length: min(left, part.readableBytes))
                            ?? part
                    ),
                    to: log
                )
                left -= part.readableBytes
                if left <= 0 { break }
            }
            let isExpected = action.expect?.contains(status) ?? (200...299).contains(status)
            outcome = isExpected ? .succeeded : .failed
            reason = isExpected ? nil : "HTTP status \(status)"
            isTimedOut = false
        } catch {
            isTimedOut = (error as? HTTPClientError) == .deadlineExceeded
            outcome = Task.isCancelled ? .killed : isTimedOut ? .timedOut : .failed
            reason = Task.isCancelled ? nil : "\(action.method) \(action.url): \(error)"
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

    private func write(_ text: String, to log: AttemptLog) {
        var text = text
        text.withUTF8 { log.append(UnsafeRawBufferPointer($0), to: .stdout) }
    }
}
