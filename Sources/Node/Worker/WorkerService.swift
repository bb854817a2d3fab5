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
        var assignments: [AttemptID: Assignment] = [:]
        /// Of what is held: what its assignment says, and no more once it is finished.
        var stamps: [AttemptID: AssignmentStamp] = [:]
        /// Exclusive attempts from before their start to their end.
        var exclusive: Set<AttemptID> = []
        /// Whose T5 is under way in this session. The first list asks once more for an end that came before it; a second
        /// T5 beside the first would find no assignment, and be told that the attempt was taken away.
        var finishing: Set<AttemptID> = []
        var desk: Desk?
        /// The session whose lease was ended before it was.
        var endedLease: Int64?
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
    /// Notified when the first exclusive attempt begins: the lease is to be renewed often from now on.
    let exclusiveBegan = Signal()

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

    /// Whether attempts are held that must not outlive the lease.
    package var holdsExclusive: Bool { work.withLock { !$0.exclusive.isEmpty } }

    /// How many attempts the end of this process would end, or leave unreported.
    package var unfinishedCount: Int {
        let (running, unsettled) = work.withLock { ($0.core.runningAttempts, $0.core.unsettledAttempts) }
        return unsettled.count + running.count { !host.outlivesWorker($0) }
    }

    /// Takes over what an earlier life of this node had started. Before the first session.
    package func claim(_ attempts: [HeldAttempt]) {
        work.withLock { work in
            work.core.claimed(
                attempts.map(\.attempt),
                ended: Set(attempts.filter(\.hasEnded).map(\.attempt))
            )
            work.exclusive.formUnion(attempts.filter(\.isExclusive).map(\.attempt))
            for each in attempts { work.stamps[each.attempt] = each.stamp }
        }
        for each in attempts {
            logger.notice(
                "Goes on with an attempt of an earlier life of this node",
                metadata: [LogKeys.attempt: "\(each.attempt)"]
            )
        }
    }

    /// Lets exclusive attempts go on as far as the session's last confirmed write allows.
    package func renewLease(_ session: any ZnodeSession) {
        let terms = LeaseTerms(sessionTimeout: session.timeout)
        work.withLock { work in
            guard work.endedLease != session.id else { return }
            host.renewLease(until: session.lastConfirmedWrite + terms.length, warning: terms.warning)
        }
    }

    /// Ends exclusive attempts at once: this session is about to be given up, and the store will not wait for the lease.
    package func endLease(_ session: any ZnodeSession) {
        work.withLock { work in
            work.endedLease = session.id
            host.renewLease(until: time.instant(), warning: .zero)
        }
    }

    package func drain() { work.withLock { $0.core.drain() } }

    package func undrain() { work.withLock { $0.core.undrain() } }

    /// Asks everything that runs to end, or only what the end of this process would end anyway.
    package func stopAll(_ mode: KillMode, unlessOutliving: Bool = false) {
        for attempt in work.withLock({ $0.core.runningAttempts })
        where !unlessOutliving || !host.outlivesWorker(attempt) {
            host.stop(attempt, mode)
        }
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
        work.withLock { work in
            work.desk = desk
            work.finishing = []
        }
        defer {
            work.withLock { work in
                work.desk = nil
                work.core.sessionEnded()
                work.stamps = work.stamps.filter { work.core.holds($0.key) }
                work.assignments = work.assignments.filter { work.core.holds($0.key) }
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
        carryOut(commands, desk)
    }

    /// What is for the host is done at once, so that it is not lost with a session. Of the rest the first list of the next
    /// session decides again.
    private func carryOut(_ commands: [WorkerCore.Command], _ desk: Desk?) {
        for command in commands {
            if command.isLocal {
                carryOutLocally(command)
            } else if let desk, !isUnderWay(command, desk) {
                desk.commands.yield(command)
            }
        }
    }

    /// Whether a T5 of the same attempt is under way; where not, this one is from now on.
    private func isUnderWay(_ command: WorkerCore.Command, _ desk: Desk) -> Bool {
        guard case .finish(let attempt, _) = command else { return false }
        return work.withLock { work in
            // Decided in a session that is over: the first list of the next one asks again.
            guard work.desk?.session === desk.session else { return true }
            return !work.finishing.insert(attempt).inserted
        }
    }

    private func carryOutLocally(_ command: WorkerCore.Command) {
        switch command {
        case .stop(let attempt, let mode): host.stop(attempt, mode)
        case .abandon(let attempt):
            logger.warning(
                "An attempt was taken away; its process is ended",
                metadata: [LogKeys.attempt: "\(attempt)"]
            )
            host.stop(attempt, .kill)
        case .acknowledge(let attempt):
            forget(attempt)
            host.acknowledge(attempt)
        case .read, .readKill, .start, .finish, .reportLate, .deleteKill: break
        }
    }

    private func carryOut(_ command: WorkerCore.Command, _ desk: Desk) async {
        switch command {
        case .stop, .abandon, .acknowledge: break
        case .read(let attempt): await read(attempt, desk)
        case .readKill(let attempt): await readKill(attempt, desk)
        case .start(let attempt): await start(attempt, desk)
        case .finish(let attempt, let end): await finish(attempt, end, desk)
        case .reportLate(let attempt, let end, let isCertain):
            await reportLate(attempt, end, isCertain: isCertain, desk)
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
                guard error.isRetriable || error.isOutcomeUnknown,
                    await desk.session.mayTryAgain(after: error, sleep: time.sleep)
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
                self.perform { $0.assignmentGone(attempt) }
                return
            }
            let isStarted = znode.stat.version > 0
            let hasNeverRun = isStarted && self.startedHere(znode, path)
            let stamp = AssignmentStamp(
                token: znode.stat.createdZxid,
                assignedAt: WallTime(milliseconds: znode.stat.createdMilliseconds)
            )
            self.work.withLock { $0.stamps[attempt] = stamp }
            if !isStarted {
                do {
                    let assignment = try RecordCoding.decode(Assignment.self, from: znode.data, path: path)
                    self.work.withLock { $0.assignments[attempt] = assignment }
                } catch {
                    self.logger.error("An assignment cannot be read", metadata: [LogKeys.error: "\(error)"])
                }
            }
            self.perform {
                $0.assignmentRead(
                    attempt,
                    isStarted: isStarted,
                    hasNeverRun: hasNeverRun,
                    now: self.time.now()
                )
            }
        }
    }

    /// Whether an attempt that is not held was started in this life of the host, which holds all that it has released.
    private func startedHere(_ znode: Znode, _ path: ZnodePath) -> Bool {
        do {
            let record = try RecordCoding.decode(StartRecord.self, from: znode.data, path: path)
            return host.isIdentity(record.host)
        } catch {
            logger.error("A start cannot be read", metadata: [LogKeys.error: "\(error)"])
            return false
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
        let (read, stamp) = work.withLock { work in
            (work.assignments.removeValue(forKey: attempt), work.stamps[attempt])
        }
        guard let assignment = read, let stamp else {
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
        if assignment.isExclusive {
            work.withLock { _ = $0.exclusive.insert(attempt) }
            exclusiveBegan.notify()
        }
        host.prepare(attempt, assignment, stamp, worker: worker)
        switch await commitStart(attempt, desk) {
        case .started:
            let commands = work.withLock { $0.core.started(attempt) }
            guard !commands.contains(.abandon(attempt)) else {
                // The session ended meanwhile; the next one finds the start and reports it lost.
                discard(attempt)
                return
            }
            // The start was a write that was answered.
            renewLease(desk.session)
            host.release(attempt)
            carryOut(commands, desk)
        case .startedByAnother:
            discard(attempt)
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
            discard(attempt)
            forget(attempt)
            perform { $0.assignmentGone(attempt) }
        }
    }

    private func discard(_ attempt: AttemptID) {
        work.withLock { _ = $0.exclusive.remove(attempt) }
        host.discard(attempt)
    }

    private func forget(_ attempt: AttemptID) {
        work.withLock { work in
            work.exclusive.remove(attempt)
            work.assignments[attempt] = nil
            work.stamps[attempt] = nil
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
                data: RecordCoding.encode(
                    StartRecord(incarnation: incarnation, startedAt: now, host: host.identity(of: attempt))
                ),
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
                    guard await desk.session.mayTryAgain(after: error, sleep: time.sleep) else {
                        return .gone
                    }
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
                guard error.isRetriable || error.isOutcomeUnknown,
                    await desk.session.mayTryAgain(after: error, sleep: time.sleep)
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
        // After what became of it is told to the core, which asks for no second one then.
        defer {
            work.withLock { work in
                if work.desk?.session === desk.session { work.finishing.remove(attempt) }
            }
        }
        let stamp = work.withLock { $0.stamps[attempt] }
        let report = ReportCoding.ended(attempt, end, stamp)
        let status = layout.status(bucket: ZnodeLayout.bucket(of: worker)).child(report.name)
        let path = layout.assignment(attempt, worker)
        var operations: [StoreOperation] = [.delete(path), .create(status, data: report.data)]
        var isShortened = false
        while true {
            do throws(StoreError) {
                _ = try await desk.lane.commit(operations)
                break
            } catch {
                if error.isRetriable || error.isOutcomeUnknown {
                    if error.isOutcomeUnknown { work.withLock { $0.core.finishUnknown(attempt) } }
                    // Still to be finished if the session ends: the next one asks again.
                    guard await desk.session.mayTryAgain(after: error, sleep: time.sleep) else { return }
                    continue
                }
                if error.isSessionOver { return }
                if error.code == .noNode {
                    perform { $0.finishRefused(attempt) }
                    return
                }
                if error.code == .tooLarge, !isShortened {
                    isShortened = true
                    var smaller = end
                    smaller.outputs = [:]
                    smaller.reason = "E3006 the report was too large"
                    smaller.outcome = .failed
                    let replacement = ReportCoding.ended(attempt, smaller, stamp)
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
        perform { $0.finished(attempt) }
    }

    /// Tells the leader of a result that counts no more. It decides whether that is an incident.
    private func reportLate(_ attempt: AttemptID, _ end: AttemptEnd, isCertain: Bool, _ desk: Desk) async {
        logger.notice(
            "A result came too late or twice",
            metadata: [LogKeys.attempt: "\(attempt)", LogKeys.reason: "\(end.outcome)"]
        )
        let stamp = work.withLock { $0.stamps[attempt] }
        let report = ReportCoding.late(attempt, end, stamp, isCertain: isCertain, worker: worker)
        let path = layout.status(bucket: ZnodeLayout.bucket(of: worker)).child(report.name)
        await retrying(desk) { () throws(StoreError) in
            do throws(StoreError) {
                _ = try await desk.session.create(path, data: report.data)
            } catch {
                guard error.code == .nodeExists else { throw error }  // told already
            }
            self.perform { $0.finished(attempt) }
        }
    }
}
