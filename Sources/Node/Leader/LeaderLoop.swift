import Coordination
import Logging
import Scheduling
import ZnodeStore
import HashTreeCollections
import Synchronization

/// The one task that decides and commits in a term: takes facts, plans, commits, applies.
struct LeaderLoop: ~Copyable {
    private var core: LeaderCore
    private var lane: CommitLane
    private let inbox: LeaderInbox
    private let feed: MirrorFeed
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let jobs: JobReader
    private let clusterID: String
    private let identity: MasterRecord
    private let time: NodeTime
    private let logger: Logger
    private var random: NodeTime.Randomness
    private var lastCommitHadExternals = false
    /// How many commits in a row the store has rejected.
    private var rejections = 0
    private var asked: Set<LeaderLookup> = []
    private var moving: Set<WorkerID> = []
    private var isPausedByConfiguration = false
    private var lastCommit: MirrorVersion
    private var isRebalancing = false
    /// Definitions that were kept for live runs and are needed by none any more.
    private var unpinning: [(JobName, Int)] = []
    /// Queue entries that were consumed and that the queue may have been listed with since: no more than its last list has.
    private var consumed: Set<String> = []
    /// Those of `consumed` that are being read.
    private var lookingAgain: Set<String> = []

    init(
        core: LeaderCore,
        lane: consuming CommitLane,
        inbox: LeaderInbox,
        feed: MirrorFeed,
        session: any ZnodeSession,
        layout: ZnodeLayout,
        jobs: JobReader,
        clusterID: String,
        identity: MasterRecord,
        time: NodeTime,
        logger: Logger
    ) {
        self.core = core
        self.lane = lane
        self.inbox = inbox
        self.feed = feed
        self.session = session
        self.layout = layout
        self.jobs = jobs
        self.clusterID = clusterID
        self.identity = identity
        self.time = time
        self.logger = logger
        random = time.randomness
        lastCommit = MirrorVersion(term: 0, commit: 0)
    }

    /// Leads until the term is over. `group` takes the reads that the core asks for.
    mutating func run(_ group: inout ThrowingDiscardingTaskGroup<any Error>) async throws {
        lastCommit = MirrorVersion(term: lane.term, commit: 0)
        projectLive()
        var wakeAt: WallTime?
        while !Task.isCancelled {
            var mustPlan = false
            for fact in inbox.takeFacts() {
                apply(fact, &group)
                // A list alone changes nothing of what is decided on.
                if case .queueListed = fact { continue }
                mustPlan = true
            }
            answerQuestions()
            inbox.liveRuns.store(core.runs.count, ordering: .relaxed)
            if let wake = wakeAt, wake <= time.now() { mustPlan = true }
            if mustPlan || inbox.hasExternals || feed.hasSettled {
                let (didCommit, wake) = try await step(&group)
                wakeAt = wake
                if didCommit { continue }
            }
            if inbox.hasExternals { continue }
            if let wakeAt {
                await inbox.signal.wait(
                    upTo: .milliseconds(max(0, wakeAt - time.now())),
                    sleep: time.sleep
                )
            } else {
                await inbox.signal.wait()
            }
        }
        throw CancellationError()
    }

    // MARK: One step

    /// Plans and commits once. Returns whether something was committed or rejected, and when to plan again.
    private mutating func step(
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) async throws -> (didCommit: Bool, wakeAt: WallTime?) {
        var draft = core
        draft.paused(isPausedByConfiguration)
        draft.outboxFilled(feed.isOutboxFull)
        let plan = draft.plan(now: time.now(), budget: .afterRejections(rejections), random: &random)
        for lookup in plan.lookups where asked.insert(lookup).inserted { read(lookup, &group) }
        var transactions = plan.transactions
        let external = lastCommitHadExternals && !transactions.isEmpty ? nil : inbox.takeExternal()
        if !unpinning.isEmpty {
            transactions.append(
                LeaderTransaction(operations: unpinning.map { .deletePinned($0.0, version: $0.1) })
            )
            unpinning = []
        }
        if let external { transactions.append(LeaderTransaction(operations: external.operations)) }
        let settled = transactions.isEmpty && !feed.hasSettled ? [] : feed.takeSettled()
        guard !transactions.isEmpty || !settled.isEmpty else {
            core = draft
            feed.add(live: plan.liveRecords, version: lastCommit)
            moveJobs(&group)
            return (false, plan.wakeAt)
        }
        let now = time.now()
        var encoded = transactions.map { $0.operations.flatMap { $0.encoded(layout, now: now) } }
        let finals = transactions.flatMap(\.finalRecords)
        let batch = MirrorBatch(version: lane.nextVersion, records: finals)
        let outboxData = finals.isEmpty ? [] : RecordCoding.encode(batch)
        var housekeeping: [StoreOperation] = settled.map { .delete(layout.outboxEntry($0.version)) }
        if !finals.isEmpty {
            housekeeping.append(.create(layout.outboxEntry(batch.version), data: outboxData))
        }
        encoded.append(housekeeping)
        let result: CommitResult
        do throws(TermOver) {
            result = try await lane.commit(encoded, incidents: plan.incidents.count)
        } catch {
            // Whoever waits for it is told by the inbox, which closes with the term.
            if let external { inbox.putBack(external) }
            throw error
        }
        switch result {
        case .committed(let version, let zxid):
            rejections = 0
            draft.committed(plan, zxid: zxid)
            core = draft
            for incident in plan.incidents {
                logger.warning(
                    "A late result was refused",
                    metadata: [
                        LogKeys.attempt: "\(incident.attempt)", LogKeys.worker: "\(incident.view.worker)",
                        LogKeys.reason: "\(incident.view.reason ?? "")",
                    ]
                )
            }
            lastCommit = version
            noteConsumed(plan)
            lastCommitHadExternals = external != nil
            external?.completion?.resume(returning: true)
            if !finals.isEmpty { feed.add(final: .init(batch: batch, bytes: outboxData.count)) }
            feed.add(live: plan.liveRecords + plan.transactions.flatMap(\.liveRecords), version: version)
        case .rejected(let transaction, let operation, let error):
            lastCommitHadExternals = external != nil
            feed.putBack(settled)
            try rejected(transaction, operation, error, transactions, external)
        }
        moveJobs(&group)
        return (true, plan.wakeAt)
    }

    /// Each rejection teaches the core what it did not know, so a second one for the same reason is rare. A leader that is
    /// rejected this often in a row believes what is not so, and reads all of it anew in another term.
    private static var maximumRejections: Int { 100 }

    private mutating func rejected(
        _ transaction: Int,
        _ index: Int,
        _ error: StoreError,
        _ transactions: [LeaderTransaction],
        _ external: ExternalTransaction?
    ) throws {
        let isExternal = external != nil && transaction == transactions.count - 1
        rejections += 1
        guard rejections < Self.maximumRejections else {
            if let external { inbox.putBack(external) }
            throw TermOver.inconsistent("\(rejections) commits in a row were rejected, the last by \(error)")
        }
        guard transaction < transactions.count else {
            if let external { inbox.putBack(external) }
            throw TermOver.inconsistent("the outbox is not as this leader left it: \(error)")
        }
        // Which operation of the domain does the failing store operation belong to?
        var left = index
        var failed: LeaderOperation?
        for operation in transactions[transaction].operations {
            let count = operation.encoded(layout, now: time.now()).count
            if left < count {
                failed = operation
                break
            }
            left -= count
        }
        guard let failed else {
            if let external { inbox.putBack(external) }
            throw TermOver.inconsistent("\(error)")
        }
        logger.debug(
            "A commit was rejected; it is planned anew",
            metadata: [LogKeys.error: "\(error)", LogKeys.commit: "\(lane.nextVersion)"]
        )
        let reason: LeaderCore.Rejection =
            switch error.code {
            case .noNode: .missing
            case .nodeExists: .exists
            case .badVersion: .version
            default: .other
            }
        guard core.rejected(failed, reason: reason) else {
            external?.completion?.resume(returning: false)
            throw TermOver.inconsistent("\(error)")
        }
        // Nobody waits for it any more, or it has its verdict. It is not tried again: however many there are, that is progress.
        if case .setVerdict = failed, reason == .missing || reason == .version { rejections -= 1 }
        if isExternal {
            external?.completion?.resume(returning: false)
        } else if let external {
            // Not to blame: it is tried again with the next commit.
            inbox.putBack(external)
        }
    }

    // MARK: Facts

    private mutating func apply(_ fact: LeaderFact, _ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        switch fact {
        case .workerPresent(let id, let registration, let version, let assignVersion):
            asked.remove(.worker(id))
            core.workerPresent(id, registration, version: version, assignVersion: assignVersion)
            startRebalancing(&group)
        case .workerGone(let id, let assignVersion):
            asked.remove(.worker(id))
            workerGone(id, assignVersion, &group)
        case .resources(let id, let resources):
            core.resourcesMeasured(id, resources)
        case .queued(let entries):
            for entry in entries { core.queued(entry) }
        case .queueListed(let names):
            lookAgain(among: names, &group)
        case .queuedAgain(let names, let entries):
            lookingAgain.subtract(names)
            for entry in entries {
                consumed.remove(entry.run.description)
                core.queued(entry)
            }
        case .reported(let reports):
            for report in reports { core.reported(report) }
        case .commanded(let command):
            core.commanded(command)
        case .killMarginPassed(let id, let absence):
            core.killMarginPassed(id, absence: absence)
        case .configured(let configuration):
            isPausedByConfiguration = configuration.isPaused
            core.gaveUp(Set(configuration.givenUp))
        case .jobRead(let name, let job):
            asked.remove(.job(name))
            core.jobRead(name, job)
        case .jobChanged(let name):
            core.jobChanged(name)
        case .outcomesRead(let name, let record):
            asked.remove(.outcomes(name))
            core.outcomesRead(name, record)
        case .dependencies(let name, let after):
            core.dependenciesRead(name, after: after)
        case .jobSeen(let view):
            feed.add(live: [.job(view)], version: lastCommit)
        case .jobVanished(let name):
            feed.add(live: [.jobDeleted(name)], version: lastCommit)
        case .graphCompleted:
            core.graphCompleted()
            startRebalancing(&group)
        case .workerForgotten(let id):
            moving.remove(id)
            core.workerForgotten(id)
        case .pinnedListed(let names):
            // A pinned version is no job's current one, so no new run of it begins after this look.
            let live = Set(core.runs.values.map { "\($0.id.job)@\($0.job.version)" })
            unpinning = names.filter { !live.contains($0) }.prefix(200).compactMap {
                ZnodeLayout.parseVersionedName($0)
            }
        case .projectAgain:
            projectLive()
        case .beat:
            beat(&group)
        }
    }

    /// What a gone worker ran of exclusive attempts is taken over only when the kill margin is over too, by this node's
    /// own clock.
    private mutating func workerGone(
        _ id: WorkerID,
        _ assignVersion: Int32?,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        let timeout = core.workers[id]?.registration.sessionTimeoutMilliseconds ?? 0
        guard let absence = core.workerGone(id, assignVersion: assignVersion) else { return }
        logger.warning(
            "A worker is gone",
            metadata: [LogKeys.worker: "\(id)", LogKeys.state: core.isSafeMode ? "safe mode" : "taken over"]
        )
        let terms = LeaseTerms(sessionTimeout: max(session.timeout, .milliseconds(timeout)))
        group.addTask { [time, inbox] in
            if await time.pause(terms.killMargin) { inbox.post(.killMarginPassed(id, absence: absence)) }
        }
    }

    private func answerQuestions() {
        for question in inbox.takeQuestions() {
            question.completion.resume(
                returning: core.explain(question.run, task: question.task, now: time.now())
            )
        }
    }

    /// Sends all live state to the mirror.
    private func projectLive() {
        feed.add(live: core.liveRecords, version: lastCommit)
    }

    // MARK: Reads

    private func read(_ lookup: LeaderLookup, _ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        group.addTask { [session, layout, jobs, inbox, time, logger] in
            await keepDoing("read \(lookup)", in: session, time: time, logger: logger) {
                switch lookup {
                case .job(let name):
                    inbox.post(.jobRead(name, try await jobs.job(name)))
                case .outcomes(let name):
                    let path = layout.outcomes(name)
                    do throws(StoreError) {
                        let data = try await session.get(path).data
                        do {
                            inbox.post(
                                .outcomesRead(
                                    name,
                                    try RecordCoding.decode(OutcomeRecord.self, from: data, path: path)
                                )
                            )
                        } catch {
                            logger.error("Outcomes cannot be read", metadata: [LogKeys.error: "\(error)"])
                            inbox.post(.outcomesRead(name, OutcomeRecord()))
                        }
                    } catch {
                        guard error.code == .noNode else { throw error }
                        inbox.post(.outcomesRead(name, nil))
                    }
                case .worker(let id):
                    inbox.post(try await WorkerReader(session: session, layout: layout).read(id))
                }
            }
        }
    }

    // MARK: Queue entries that come again

    private mutating func noteConsumed(_ plan: LeaderPlan) {
        for transaction in plan.transactions {
            for case .deleteQueueEntry(let run) in transaction.operations { consumed.insert(run.description) }
        }
    }

    /// A consumed entry that the queue is listed with was there when the list was made, or it was created again: then its
    /// name is not new to whoever compares two lists, and nobody else would read it.
    ///
    /// The answers of one session come in the order of its requests. So a list that shows the new entry comes after the
    /// answer to the commit that consumed the old one, and finds its name here. A list that still shows the old one is
    /// followed by another, since that commit changes the queue.
    private mutating func lookAgain(
        among listed: Set<String>,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        // What is not listed is new to everybody when it comes again.
        consumed.formIntersection(listed)
        let names = consumed.subtracting(lookingAgain)
        guard !names.isEmpty else { return }
        lookingAgain.formUnion(names)
        let mailboxes = LeaderMailboxes(
            session: session,
            layout: layout,
            inbox: inbox,
            time: time,
            logger: logger
        )
        group.addTask { [session, inbox, time, logger] in
            await keepDoing("queue entries again", in: session, time: time, logger: logger) {
                var entries: [QueueEntry] = []
                for chunk in names.sorted().chunked(256) { entries += try await mailboxes.readEntries(chunk) }
                inbox.post(.queuedAgain(names: names, entries))
            }
        }
    }

    // MARK: Moves

    /// Starts to move the jobs of workers that are gone.
    private mutating func moveJobs(_ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        guard core.isGraphComplete, !core.isSafeMode else { return }
        for worker in core.emptied.sorted() where moving.insert(worker).inserted {
            let mover = JobMover(session: session, layout: layout, inbox: inbox, time: time, logger: logger)
            group.addTask { [session, time, logger, inbox] in
                await keepDoing("move jobs of \(worker)", in: session, time: time, logger: logger) {
                    try await mover.takeOver(worker)
                }
                inbox.post(.workerForgotten(worker))
            }
        }
    }

    private mutating func startRebalancing(_ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        guard core.isGraphComplete, !isRebalancing else { return }
        isRebalancing = true
        let mover = JobMover(session: session, layout: layout, inbox: inbox, time: time, logger: logger)
        group.addTask { [session, time, logger] in
            await keepDoing("rebalance", in: session, time: time, logger: logger) {
                try await mover.rebalance()
            }
        }
    }

    // MARK: Beat

    /// How long a command lies after its node has gone, in milliseconds.
    private static var commandLife: Int64 { 600_000 }

    /// Removes commands that nobody has waited for to the end, some at a time.
    private static func sweepCommands(
        _ session: any ZnodeSession,
        _ layout: ZnodeLayout,
        now: WallTime
    ) async throws(StoreError) {
        for name in try await session.children(layout.commandQueue).prefix(100) {
            let path = layout.command(name)
            guard let stat = try await session.exists(path),
                now.milliseconds - stat.createdMilliseconds > commandLife
            else { continue }
            do throws(StoreError) {
                try await session.delete(path)
            } catch {
                guard error.code == .noNode else { throw error }
            }
        }
    }

    private mutating func beat(_ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        let now = time.now()
        let queued = core.queue.values
        let present = core.workers.values.filter(\.isPresent)
        let record = ClusterStatusRecord(
            clusterID: clusterID,
            leader: identity.worker,
            term: lane.term,
            commit: lastCommit.commit,
            at: now,
            size: present.count,
            hosts: present.map(\.registration.address).sorted(),
            liveRuns: core.runs.count,
            queued: core.queue.count,
            oldestQueuedAt: queued.map(\.queuedAt).min(),
            isSafeMode: core.isSafeMode
        )
        group.addTask { [session, layout, inbox, time, logger] in
            do throws(StoreError) {
                _ = try await session.set(layout.clusterStatus, data: RecordCoding.encode(record))
                let pinned = try await session.children(layout.pinned)
                if !pinned.isEmpty { inbox.post(.pinnedListed(pinned.sorted())) }
                try await Self.sweepCommands(session, layout, now: time.now())
            } catch {
                logger.debug("A beat was not written", metadata: [LogKeys.error: "\(error)"])
            }
        }
    }
}
