package import Coordination
package import Cron
package import Logging
package import Scheduling
import Synchronization
package import ZnodeStore

/// What timers must know of the cluster before they fire.
package protocol FiringPermission: Sendable {
    /// Why nothing may be fired now, or `nil`.
    var firingHold: String? { get }
    /// How many runs the queue takes before its bound, as far as this node knows.
    var queueRoom: Int { get }
    /// So many runs were queued since the queue's length was measured.
    func queued(_ count: Int)
}

/// Fires the jobs that this node owns: watches its directory of definitions, sleeps until the soonest due time, and
/// commits T2. One task and one heap for any number of jobs.
package final class TriggerService: Sendable {
    private struct Timers {
        var core = TriggerCore()
        /// The version of each job's `fired` znode, for the next T2.
        var marks: [JobName: (record: FiredRecord, version: Int32)] = [:]
        /// Firings whose T2 is under way.
        var underWay = 0
    }

    /// The most firings whose T2 is under way at once; what else is due waits for the end of one.
    private static let maximumUnderWay = 1_024

    private let worker: WorkerID
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let zones: TimeZoneDatabase
    private let permission: any FiringPermission
    private let time: NodeTime
    private let logger: Logger
    private let timers = Mutex(Timers())
    /// The next due time may be sooner than it was.
    private let changed = Signal()

    package init(
        worker: WorkerID,
        session: any ZnodeSession,
        layout: ZnodeLayout,
        zones: TimeZoneDatabase,
        permission: any FiringPermission,
        time: NodeTime,
        logger: Logger
    ) {
        self.worker = worker
        self.session = session
        self.layout = layout
        self.zones = zones
        self.permission = permission
        self.time = time
        self.logger = logger
    }

    /// How many jobs are due now and held back.
    package var heldCount: Int {
        guard permission.firingHold != nil else { return 0 }
        let now = time.now().second
        return timers.withLock { $0.core.dueCount(at: now) }
    }

    /// Fires until the session is over or a read fails; then it may be called again.
    package func run() async throws {
        // A lane ends with the run that it served, and with it what was on its way.
        let lane = TransactionLane(session: session)
        timers.withLock { $0.core.firingsLost() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await lane.run() }
            group.addTask {
                for try await names in self.session.childrenUpdates(of: self.layout.jobs(of: self.worker)) {
                    try await self.take(names)
                }
            }
            group.addTask { await self.fireForever(lane) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Definitions

    private func take(_ names: [String]) async throws {
        var current: [JobName: Int] = [:]
        for name in names {
            guard let (job, version) = ZnodeLayout.parseVersionedName(name) else { continue }
            current[job] = max(version, current[job] ?? 0)
        }
        let (new, gone) = timers.withLock { timers in
            (
                current.filter { timers.core.version(of: $0.key) != $0.value }.map { ($0.key, $0.value) },
                timers.marks.keys.filter { current[$0] == nil }
            )
        }
        for name in gone { disown(name) }
        for chunk in new.sorted(by: { $0.0 < $1.0 }).chunked(128) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (name, version) in chunk { group.addTask { try await self.own(name, version) } }
                try await group.waitForAll()
            }
            changed.notify()
        }
    }

    private func disown(_ name: JobName) {
        timers.withLock { timers in
            timers.core.disown(name)
            timers.marks[name] = nil
        }
    }

    private func own(_ name: JobName, _ version: Int) async throws {
        let path = layout.job(name, version: version, owner: worker)
        let stored: StoredJob
        let fired: FiredRecord
        let firedVersion: Int32
        do throws(StoreError) {
            let definition = try await session.get(path)
            let mark = try await session.get(layout.fired(name))
            do {
                stored = try DefinitionCoding.decode(definition.data, path: path)
                fired = try RecordCoding.decode(FiredRecord.self, from: mark.data, path: layout.fired(name))
                firedVersion = mark.stat.version
            } catch {
                logger.error(
                    "A definition cannot be read",
                    metadata: [LogKeys.job: "\(name)", LogKeys.error: "\(error)"]
                )
                return disown(name)
            }
        } catch {
            if error.code == .noNode { return }  // edited or moved again; the next list says so
            throw error
        }
        let jobTimers: JobTimers
        do throws(CronError) {
            jobTimers = try JobTimers(stored, zones: zones)
        } catch {
            logger.error(
                "A trigger cannot be understood here; the job does not fire",
                metadata: [LogKeys.job: "\(name)", LogKeys.error: "\(error)"]
            )
            return disown(name)
        }
        // The triggers of a new version count from when it was stored.
        let mark = max(fired.mark, stored.storedAt.second)
        let now = time.now().second
        timers.withLock { timers in
            timers.marks[name] = (fired, firedVersion)
            timers.core.own(name, jobTimers, mark: mark, since: now)
        }
    }

    // MARK: Firing

    private func fireForever(_ lane: TransactionLane) async {
        await withDiscardingTaskGroup { group in
            var isHeld = false
            while !Task.isCancelled {
                let (wake, underWay) = timers.withLock { ($0.core.nextWake(), $0.underWay) }
                let wait = wake.map { WallTime($0) - time.now() } ?? .max
                if wait > 0 {
                    await changed.wait(upTo: .milliseconds(min(wait, 30_000)), sleep: time.sleep)
                    continue
                }
                if let hold = permission.firingHold {
                    if !isHeld {
                        logger.warning("Due jobs are held back", metadata: [LogKeys.reason: "\(hold)"])
                    }
                    isHeld = true
                    guard await time.pause(.seconds(1)) else { return }
                    continue
                }
                if isHeld { logger.notice("Due jobs fire again") }
                isHeld = false
                // What is under way may fill the queue by one run each, or by more where a job was away.
                let limit = min(256, min(Self.maximumUnderWay, permission.queueRoom) - underWay)
                guard limit > 0 else {
                    await changed.wait(upTo: .seconds(1), sleep: time.sleep)
                    continue
                }
                let now = time.now().second
                let firings = timers.withLock { timers in
                    let firings = timers.core.due(at: now, limit: limit)
                    timers.underWay += firings.count
                    return firings
                }
                for firing in firings {
                    group.addTask {
                        await self.fire(firing, lane)
                        self.timers.withLock { $0.underWay -= 1 }
                        self.changed.notify()
                    }
                }
            }
        }
    }

    /// T2.
    private func fire(_ firing: Firing, _ lane: TransactionLane) async {
        let now = time.now()
        // Runs that were found to exist: their mark alone is behind.
        var existing: Set<UnixTime> = []
        while true {
            guard let (record, version) = timers.withLock({ $0.marks[firing.job] }) else { return }
            var next = record
            next.mark = max(record.mark, firing.mark)
            var operations: [StoreOperation] = [
                .check(layout.job(firing.job, version: firing.version, owner: worker)),
                .set(layout.fired(firing.job), data: RecordCoding.encode(next), version: version),
            ]
            for due in firing.runs where due.logicalTime > record.mark && !existing.contains(due.logicalTime)
            {
                var entry = QueueEntry(
                    run: RunID(job: firing.job, logicalTime: due.logicalTime),
                    jobVersion: firing.version,
                    cause: .schedule,
                    priority: firing.priority,
                    queuedAt: now,
                    traceID: time.randomID()
                )
                entry.suppression = due.suppression
                operations.append(.create(layout.queueEntry(entry.run), data: RecordCoding.encode(entry)))
            }
            do throws(StoreError) {
                let results = try await lane.commit(operations)
                guard case .set(let stat) = results[1] else { return }
                permission.queued(operations.count - 2)
                settle(firing, next, stat.version)
                return
            } catch {
                if error.isSessionOver { return }
                if error.isRetriable || error.isOutcomeUnknown {
                    guard await session.mayTryAgain(after: error, sleep: time.sleep) else { return }
                    continue
                }
                switch (error.code, error.failedIndex) {
                case (.noNode, 0):
                    // Edited, moved or deleted; the next list decides. Where it is as it was, it has been away and back.
                    return postpone(firing)
                case (.badVersion, 1):
                    // This node's own commit whose reply was lost, or a manual run that counted: read it again.
                    guard await refreshMark(firing) else { return }
                case (.nodeExists, _):
                    guard let run = error.path.flatMap({ RunID($0.name) }) else { return }
                    existing.insert(run.logicalTime)
                default:
                    logger.error(
                        "A firing could not be committed",
                        metadata: [LogKeys.job: "\(firing.job)", LogKeys.error: "\(error)"]
                    )
                    return postpone(firing)
                }
            }
        }
    }

    /// To be tried again in a second.
    private func postpone(_ firing: Firing) {
        let later = time.now().second.adding(seconds: 1)
        timers.withLock { $0.core.postponed(firing.job, until: later) }
        changed.notify()
    }

    private func settle(_ firing: Firing, _ record: FiredRecord, _ version: Int32) {
        timers.withLock { timers in
            guard timers.marks[firing.job] != nil else { return }
            timers.marks[firing.job] = (record, version)
            timers.core.fired(firing.job, mark: firing.mark)
        }
        changed.notify()
    }

    /// Reads the mark again. Returns false when the firing needs no further try.
    private func refreshMark(_ firing: Firing) async -> Bool {
        while true {
            do {
                let path = layout.fired(firing.job)
                let znode = try await session.get(path)
                let record = try RecordCoding.decode(FiredRecord.self, from: znode.data, path: path)
                if record.mark >= firing.mark {
                    settle(firing, record, znode.stat.version)
                    return false
                }
                timers.withLock { $0.marks[firing.job] = (record, znode.stat.version) }
                return true
            } catch let error as StoreError {
                guard error.isRetriable || error.isOutcomeUnknown,
                    await session.mayTryAgain(after: error, sleep: time.sleep)
                else { return false }
            } catch {
                logger.error(
                    "The fired mark cannot be read",
                    metadata: [LogKeys.job: "\(firing.job)", LogKeys.error: "\(error)"]
                )
                return false
            }
        }
    }
}
