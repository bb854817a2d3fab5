package import Coordination
package import Cron
package import Logging
package import Scheduling
import Synchronization
package import ZnodeStore

/// Campaigns, and leads while it has the term.
package final class LeaderService: Sendable {
    private let identity: MasterRecord
    private let clusterID: String
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let zones: TimeZoneDatabase
    private let mirror: any MirrorStore
    private let time: NodeTime
    private let logger: Logger
    /// Called before a leader without progress gives its session up.
    private let beforeGivingUp: @Sendable () -> Void
    private let inbox = Mutex<LeaderInbox?>(nil)
    private let feed = Mutex<MirrorFeed?>(nil)

    package init(
        identity: MasterRecord,
        clusterID: String,
        session: any ZnodeSession,
        layout: ZnodeLayout,
        zones: TimeZoneDatabase,
        mirror: any MirrorStore,
        time: NodeTime,
        logger: Logger,
        beforeGivingUp: @escaping @Sendable () -> Void = {}
    ) {
        self.beforeGivingUp = beforeGivingUp
        self.identity = identity
        self.clusterID = clusterID
        self.session = session
        self.layout = layout
        self.zones = zones
        self.mirror = mirror
        self.time = time
        self.logger = logger
    }

    package var isLeading: Bool { inbox.withLock { $0 != nil } }

    /// How near a leader is to its bounds.
    package struct Figures: Sendable {
        package var liveRuns: Int
        package var liveRunLimit: Int
        package var feed: MirrorFeed.Figures
    }

    /// `nil` when this node does not lead.
    package var figures: Figures? {
        guard let inbox = inbox.withLock({ $0 }), let feed = feed.withLock({ $0 }) else { return nil }
        return Figures(
            liveRuns: inbox.liveRuns.load(ordering: .relaxed),
            liveRunLimit: LeaderCore.defaultMaximumLiveRuns,
            feed: feed.figures
        )
    }

    /// The leader's own reasons; `nil` when this node does not lead or does not hold the run.
    package func explain(_ run: RunID, task: TaskID?) async -> Explanation? {
        await inbox.withLock { $0 }?.explain(run, task: task)
    }

    /// Campaigns again and again until the session is over or the task is cancelled.
    package func run() async throws {
        while !Task.isCancelled {
            // Left over from a term that ended while there was no contact: who holds it cannot campaign, nor can others.
            try await resign()
            var random = time.randomness
            let worker = identity.worker
            let election = LeaderElection(
                session: session,
                master: layout.master,
                term: layout.term,
                masterData: RecordCoding.encode(identity),
                clock: time.clock,
                nextTerm: { [layout] znode in
                    var next: TermRecord
                    do {
                        next = try RecordCoding.decode(TermRecord.self, from: znode.data, path: layout.term)
                    } catch {
                        // Unreadable: the version only grows, so a term made of it is larger than any before.
                        let term = Int(znode.stat.version)
                        next = TermRecord(term: term, worker: nil, commit: 0, incidents: 0)
                    }
                    next.term += 1
                    next.worker = worker
                    next.commit = 0
                    return RecordCoding.encode(next)
                }
            )
            guard let won = try await election.campaign(using: &random) else { return }
            let record = try RecordCoding.decode(TermRecord.self, from: won.termData, path: layout.term)
            logger.info("Leads", metadata: [LogKeys.term: "\(record.term)", LogKeys.worker: "\(worker)"])
            do {
                try await lead(
                    CommitLane(
                        session: session,
                        layout: layout,
                        record: record,
                        version: won.termVersion,
                        worker: worker,
                        sleep: time.sleep
                    )
                )
            } catch is CancellationError {
                logger.info("Leads no more", metadata: [LogKeys.term: "\(record.term)"])
            } catch {
                logger.warning(
                    "The term is over",
                    metadata: [LogKeys.term: "\(record.term)", LogKeys.reason: "\(error)"]
                )
            }
            guard !session.state.isOver, !Task.isCancelled else { return }
            try await resign()
            guard await time.pause(.seconds(1)) else { return }
        }
    }

    /// Gives the master znode back where this session holds it.
    package func resign() async throws(StoreError) {
        guard let stat = try await session.exists(layout.master), stat.ephemeralOwner == session.id else {
            return
        }
        do throws(StoreError) {
            try await session.delete(layout.master, version: stat.version)
        } catch {
            guard error.code == .noNode || error.code == .badVersion else { throw error }
        }
    }

    private func lead(_ lane: consuming CommitLane) async throws {
        let jobs = JobReader(session: session, layout: layout, zones: zones)
        let reader = LeaderSnapshotReader(session: session, layout: layout, jobs: jobs)
        let (snapshot, unreadable) = try await reader.read()
        for each in unreadable {
            logger.error("A live run cannot be led", metadata: [LogKeys.reason: "\(each)"])
        }
        let inbox = LeaderInbox()
        let feed = MirrorFeed(mirror: mirror, time: time, logger: logger) { [session, time] in
            session.state == .connected && time.instant() - session.lastConfirmedWrite < session.timeout
        }
        var loop = LeaderLoop(
            core: LeaderCore(snapshot: snapshot),
            lane: lane,
            inbox: inbox,
            feed: feed,
            session: session,
            layout: layout,
            jobs: jobs,
            clusterID: clusterID,
            identity: identity,
            time: time,
            logger: logger
        )
        self.inbox.withLock { $0 = inbox }
        self.feed.withLock { $0 = feed }
        defer {
            self.inbox.withLock { $0 = nil }
            self.feed.withLock { $0 = nil }
            inbox.close()
        }
        let mailboxes = LeaderMailboxes(
            session: session,
            layout: layout,
            inbox: inbox,
            time: time,
            logger: logger
        )
        let catalog = JobCatalog(
            session: session,
            layout: layout,
            inbox: inbox,
            time: time,
            logger: logger
        )
        let outbox = OutboxReader(session: session, layout: layout)
        for final in try await outbox.read() { feed.add(final: final) }
        // None of these throws: each lasts until it is cancelled, and so does the term until the loop ends.
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await mailboxes.run(known: snapshot.knownWorkers) }
            group.addTask { [session, time, logger] in
                await keepDoing("catalog", in: session, time: time, logger: logger) {
                    try await catalog.run()
                }
            }
            group.addTask { await feed.run(onRecovered: { inbox.post(.projectAgain) }) }
            group.addTask { await self.beat(inbox) }
            group.addTask { await self.watchMirror(inbox, catalog, feed) }
            group.addTask { await self.watchProgress(inbox) }
            defer {
                // Before the group is waited for: its tasks may wait for answers of the inbox.
                inbox.close()
                group.cancelAll()
            }
            try await loop.run(&group)
        }
    }

    /// Asks the mirror now and then whether it is the one that it was: an emptied one gets all that lives again.
    private func watchMirror(_ inbox: LeaderInbox, _ catalog: JobCatalog, _ feed: MirrorFeed) async {
        var known: String?
        // It may have been written to and emptied before it could be asked for the first time.
        var wasMissed = false
        repeat {
            do {
                let seen = try await mirror.incarnation()
                if known.map({ $0 != seen }) ?? wasMissed {
                    // Nothing in an empty mirror refuses what is older. A leader that stood still has lost its session, and
                    // finds it out here.
                    _ = try await session.exists(layout.term)
                    logger.warning(
                        "The mirror was emptied, or may have been; all that lives is shown to it again"
                    )
                    inbox.post(.projectAgain)
                    try await catalog.showAll(feed)
                } else if feed.takeLeftOutJobs() {
                    do {
                        try await catalog.showAll(feed)
                    } catch {
                        feed.jobsWereLeftOut()
                        throw error
                    }
                }
                known = seen
            } catch {
                // Down, or not everything shown. `known` is as it was, so the next look does it again.
                wasMissed = true
                logger.debug("The mirror was not asked", metadata: [LogKeys.error: "\(error)"])
            }
        } while await time.pause(.seconds(2))
    }

    /// Gives leadership up, with the session, when the loop has not looked at what waits for it for a session timeout: a
    /// leader that decides nothing must not keep others from it.
    private func watchProgress(_ inbox: LeaderInbox) async {
        var looks = inbox.looks
        // Counted in naps, not in time: after a machine stood still the loop has had no chance either.
        var naps = 0
        while await time.pause(session.timeout / 4) {
            if inbox.looks != looks || !inbox.hasFacts {
                looks = inbox.looks
                naps = 0
                continue
            }
            naps += 1
            if naps == 4 {
                logger.critical("The leader makes no progress; it gives its session up")
                beforeGivingUp()
                await session.close()
                return
            }
        }
    }

    /// Wakes the loop now and then, for what only time brings: settled outbox entries, the status beat.
    private func beat(_ inbox: LeaderInbox) async {
        while await time.pause(.seconds(5)) { inbox.post(.beat) }
    }
}
