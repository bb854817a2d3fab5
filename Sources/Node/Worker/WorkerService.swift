package import Coordination
package import Logging
package import Scheduling
import Synchronization
package import ZnodeStore

/// The shell around `WorkerCore`: reads assignments, commits starts and finishes, and has attempts run.
///
/// The service lives as long as the process; `serve(in:)` is one session of it.
package final class WorkerService: Sendable {
    private struct Work {
        var core = WorkerCore()
        var assignments: [AttemptID: (assignment: Assignment, token: Int64)] = [:]
        var desk: Desk?
    }

    /// Where the commands of one session are carried out.
    private struct Desk: Sendable {
        let session: any ZnodeSession
        let lane: TransactionLane
        let commands: AsyncStream<WorkerCore.Command>.Continuation
    }

    private let worker: WorkerID
    private let incarnation: String
    private let layout: ZnodeLayout
    private let host: any AttemptHost
    private let time: NodeTime
    private let logger: Logger
    private let work = Mutex(Work())

    package init(
        worker: WorkerID,
        incarnation: String,
        layout: ZnodeLayout,
        host: any AttemptHost,
        time: NodeTime,
        logger: Logger
    ) {
        self.worker = worker
        self.incarnation = incarnation
        self.layout = layout
        self.host = host
        self.time = time
        self.logger = logger
    }

    package var liveCount: Int { work.withLock { $0.core.liveCount } }

    package func drain() { work.withLock { $0.core.drain() } }

    package func undrain() { work.withLock { $0.core.undrain() } }

    /// Asks everything that runs to end.
    package func stopAll(_ mode: KillMode) {
        for attempt in work.withLock({ $0.core.runningAttempts }) { host.stop(attempt, mode) }
    }

    /// An attempt's process is over. Said at any time, in a session or between two.
    package func ended(_ attempt: AttemptID, _ end: AttemptEnd) {
        perform { $0.ended(attempt, end) }
    }

    /// One session: until it is over or the task is cancelled.
    package func serve(in session: any ZnodeSession) async throws {
        let lane = TransactionLane(session: session)
        // Commands are bounded by the attempts held, of which there are as many as slots.
        let (commands, continuation) = AsyncStream<WorkerCore.Command>.makeStream(bufferingPolicy: .unbounded)
        let desk = Desk(session: session, lane: lane, commands: continuation)
        work.withLock { $0.desk = desk }
        defer {
            work.withLock { work in
                work.desk = nil
                work.core.sessionEnded()
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await lane.run() }
            group.addTask {
                await withDiscardingTaskGroup { tasks in
                    for await command in commands {
                        tasks.addTask { await self.carryOut(command, desk) }
                    }
                }
            }
            group.addTask {
                var isFirst = true
                for try await names in session.childrenUpdates(of: self.layout.assign(self.worker)) {
                    let first = isFirst
                    self.perform { $0.assignmentsListed(names, isFirst: first) }
                    isFirst = false
                }
            }
            defer {
                continuation.finish()
                group.cancelAll()
            }
            try await group.next()
        }
    }

    private func perform(_ decide: (inout WorkerCore) -> [WorkerCore.Command]) {
        let (commands, desk) = work.withLock { work in (decide(&work.core), work.desk) }
        guard let desk else { return }  // the first list of the next session decides again
        for command in commands { desk.commands.yield(command) }
    }

    private func carryOut(_ command: WorkerCore.Command, _ desk: Desk) async {
        switch command {
        case .read(let attempt): await read(attempt, desk)
        case .readKill(let attempt): await readKill(attempt, desk)
        case .start(let attempt): await start(attempt, desk)
        case .finish(let attempt, let end): await finish(attempt, end, desk)
        case .stop(let attempt, let mode): host.stop(attempt, mode)
        case .abandon(let attempt):
            logger.warning(
                "An attempt was taken away; its process is ended",
                metadata: [LogKeys.attempt: "\(attempt)"]
            )
            host.stop(attempt, .kill)
        case .deleteKill(let attempt):
            await retrying(desk) { () throws(StoreError) in
                do throws(StoreError) {
                    try await desk.session.delete(self.layout.kill(attempt, self.worker))
                } catch {
                    guard error.code == .noNode else { throw error }
                }
            }
        }
    }

    /// Does something again after a broken connection, as long as the session lives.
    private func retrying(_ desk: Desk, _ body: () async throws(StoreError) -> Void) async {
        while !Task.isCancelled {
            do throws(StoreError) {
                try await body()
                return
            } catch {
                guard error.isRetriable || error.isOutcomeUnknown, await desk.session.waitUntilConnected()
                else {
                    if !error.isSessionOver {
                        logger.error("A request failed", metadata: [LogKeys.error: "\(error)"])
                    }
                    return
                }
            }
        }
    }

    private func read(_ attempt: AttemptID, _ desk: Desk) async {
        let path = layout.assignment(attempt, worker)
        await retrying(desk) { () throws(StoreError) in
            let znode: Znode
            do throws(StoreError) {
                znode = try await desk.session.get(path)
            } catch {
                guard error.code == .noNode else { throw error }
                self.work.withLock { $0.core.assignmentGone(attempt) }
                return
            }
            let isStarted = znode.stat.version > 0
            if !isStarted {
                do {
                    let assignment = try RecordCoding.decode(Assignment.self, from: znode.data, path: path)
                    self.work.withLock { $0.assignments[attempt] = (assignment, znode.stat.createdZxid) }
                } catch {
                    self.logger.error("An assignment cannot be read", metadata: [LogKeys.error: "\(error)"])
                }
            }
            self.perform { $0.assignmentRead(attempt, isStarted: isStarted, now: self.time.now()) }
        }
    }

    private func readKill(_ attempt: AttemptID, _ desk: Desk) async {
        let path = layout.kill(attempt, worker)
        await retrying(desk) { () throws(StoreError) in
            let data: [UInt8]
            do throws(StoreError) {
                data = try await desk.session.get(path).data
            } catch {
                guard error.code == .noNode else { throw error }
                return
            }
            var mode = KillMode.kill
            do {
                mode = try RecordCoding.decode(KillMode.self, from: data, path: path)
            } catch {
                self.logger.error(
                    "A kill request cannot be read; it kills at once",
                    metadata: [LogKeys.error: "\(error)"]
                )
            }
            let wanted = mode
            self.perform { $0.killRequested(attempt, wanted) }
        }
    }

    // MARK: T4 start

    private func start(_ attempt: AttemptID, _ desk: Desk) async {
        guard let (assignment, token) = work.withLock({ $0.assignments.removeValue(forKey: attempt) }) else {
            perform {
                $0.ended(
                    attempt,
                    AttemptEnd(
                        outcome: .systemFailed,
                        endedAt: time.now(),
                        reason: "the assignment cannot be read"
                    )
                )
            }
            return
        }
        host.prepare(attempt, assignment, token: token, worker: worker)
        switch await commitStart(attempt, desk) {
        case .started:
            let commands = work.withLock { $0.core.started(attempt) }
            guard !commands.contains(.abandon(attempt)) else {
                // The session ended meanwhile; the next one finds the start and reports it lost.
                host.discard(attempt)
                return
            }
            host.release(attempt)
            for command in commands { desk.commands.yield(command) }
        case .startedByAnother:
            host.discard(attempt)
            perform {
                $0.ended(
                    attempt,
                    AttemptEnd(
                        outcome: .lost,
                        endedAt: time.now(),
                        reason: "an earlier incarnation of the worker started it"
                    )
                )
            }
        case .gone:
            host.discard(attempt)
            work.withLock { $0.core.assignmentGone(attempt) }
        }
    }

    private enum StartOutcome {
        case started, startedByAnother, gone
    }

    private func commitStart(_ attempt: AttemptID, _ desk: Desk) async -> StartOutcome {
        let now = time.now()
        let path = layout.assignment(attempt, worker)
        let report = ReportCoding.started(attempt, at: now)
        let operations: [StoreOperation] = [
            .set(
                path,
                data: RecordCoding.encode(StartRecord(incarnation: incarnation, startedAt: now)),
                version: 0
            ),
            .create(
                layout.status(bucket: ZnodeLayout.bucket(of: worker)).child(report.name),
                data: report.data
            ),
        ]
        while true {
            do throws(StoreError) {
                _ = try await desk.lane.commit(operations)
                return .started
            } catch {
                switch error.code {
                case .noNode: return .gone
                case .badVersion:
                    // Mine, by a commit whose reply was lost, or an earlier incarnation's.
                    return await startedBy(path, desk)
                case _ where error.isRetriable || error.isOutcomeUnknown:
                    guard await desk.session.waitUntilConnected() else { return .gone }
                default:
                    logger.error(
                        "A start could not be committed",
                        metadata: [LogKeys.attempt: "\(attempt)", LogKeys.error: "\(error)"]
                    )
                    return .gone
                }
            }
        }
    }

    private func startedBy(_ path: ZnodePath, _ desk: Desk) async -> StartOutcome {
        while true {
            do {
                let znode = try await desk.session.get(path)
                let record = try RecordCoding.decode(StartRecord.self, from: znode.data, path: path)
                return record.incarnation == incarnation ? .started : .startedByAnother
            } catch let error as StoreError {
                guard error.isRetriable || error.isOutcomeUnknown, await desk.session.waitUntilConnected()
                else {
                    return .gone
                }
            } catch {
                return .startedByAnother
            }
        }
    }

    // MARK: T5 finish

    private func finish(_ attempt: AttemptID, _ end: AttemptEnd, _ desk: Desk) async {
        let report = ReportCoding.ended(attempt, end)
        let status = layout.status(bucket: ZnodeLayout.bucket(of: worker)).child(report.name)
        let path = layout.assignment(attempt, worker)
        var operations: [StoreOperation] = [.delete(path), .create(status, data: report.data)]
        while true {
            do throws(StoreError) {
                _ = try await desk.lane.commit(operations)
                break
            } catch {
                if error.isRetriable || error.isOutcomeUnknown {
                    // Still to be finished if the session ends: the next one asks again.
                    guard await desk.session.waitUntilConnected() else { return }
                    continue
                }
                if error.isSessionOver { return }
                if error.code == .noNode {
                    // Taken away by the leader, or finished by a commit whose reply was lost. Either way the leader
                    // knows; a result that came too late is no result.
                    logger.notice(
                        "A result came too late or twice",
                        metadata: [LogKeys.attempt: "\(attempt)"]
                    )
                    break
                }
                if error.code == .tooLarge {
                    var smaller = end
                    smaller.outputs = [:]
                    smaller.reason = "E3006 the report was too large"
                    smaller.outcome = .failed
                    let replacement = ReportCoding.ended(attempt, smaller)
                    operations[1] = .create(
                        layout.status(bucket: ZnodeLayout.bucket(of: worker)).child(replacement.name),
                        data: replacement.data
                    )
                    continue
                }
                logger.error(
                    "A finish could not be committed",
                    metadata: [LogKeys.attempt: "\(attempt)", LogKeys.error: "\(error)"]
                )
                return
            }
        }
        work.withLock { $0.core.finished(attempt) }
    }
}
