import Coordination
package import Logging
package import Scheduling
import Synchronization

/// Carries the leader's records to the mirror, behind the hot path and in order.
///
/// Final records are in the outbox until the mirror has had them for a while; records of live state are kept here,
/// the newest for each run and attempt, and can be projected again. While the mirror is down live records gather (at
/// most one for each live run and attempt, and for `jobLimit` jobs; the others are shown again later) and the outbox
/// grows to its bound.
package final class MirrorFeed: Sendable {
    /// How much the outbox may hold before nothing new is started, in bytes.
    package static let outboxBound = 32 << 20
    /// How many jobs may wait to be shown.
    package static let jobLimit = 10_000
    /// How long a final record stays in the outbox after the mirror took it: Redis syncs its file every second.
    private static let settleTime: Duration = .seconds(3)
    /// How much later than its answer, or the loss of that, a write may still be taken.
    private static let lateness: Duration = .seconds(5)

    /// A commit's final records, and the size of its outbox entry.
    package struct Final: Sendable {
        package var batch: MirrorBatch
        package var bytes: Int

        package init(batch: MirrorBatch, bytes: Int) {
            self.batch = batch
            self.bytes = bytes
        }
    }

    /// A commit's final records that the mirror took, and when.
    package struct Settled: Sendable {
        package var version: MirrorVersion
        var bytes: Int
        var at: ContinuousClock.Instant
    }

    /// How near the feed is to its bounds.
    package struct Figures: Sendable {
        package var outboxBytes: Int
        package var outboxLimit: Int
        /// Live records that wait, of runs, attempts and jobs.
        package var liveRecords: Int
        package var waitingJobs: Int
        package var jobLimit: Int
        /// Jobs that were left out, to be shown again later.
        package var refusedJobs: Int
    }

    private enum Subject: Hashable {
        case run(RunID)
        case attempt(RunID, TaskID, Int, Int)
        case job(JobName)
    }

    private struct Pending {
        var finals: [Final] = []
        var live: [Subject: (version: MirrorVersion, record: MirrorRecord)] = [:]
        /// How many of `live` are jobs.
        var jobs = 0
        var refusedJobs = 0
        var hasLeftOutJobs = false
        /// What is known of jobs of which a write was not answered. It may be taken late, and jobs that were seen between
        /// the same two commits, or deleted by the first of them, have no order in the mirror: these are shown once more.
        var uncertainJobs: [JobName: (version: MirrorVersion, record: MirrorRecord)] = [:]
        var uncertainSince: ContinuousClock.Instant?
        var outboxBytes = 0
        var settled: [Settled] = []
        var error: String?

        mutating func remove(_ subject: Subject) {
            guard live.removeValue(forKey: subject) != nil else { return }
            if case .job = subject { jobs -= 1 }
        }

        /// Keeps the newest record of a subject. A job beyond the bound is left out; what says that one is gone is not,
        /// since nothing would say it again.
        mutating func keep(_ record: MirrorRecord, _ version: MirrorVersion, jobLimit: Int) {
            let subject = MirrorFeed.subject(record)
            if case .job(let name) = subject, uncertainJobs[name] != nil {
                uncertainJobs[name] = (version, record)
            }
            if case .job = subject, live[subject] == nil {
                if case .job = record, jobs >= jobLimit {
                    refusedJobs += 1
                    hasLeftOutJobs = true
                    return
                }
                jobs += 1
            }
            live[subject] = (version, record)
        }

        mutating func doubt(
            _ batches: some Sequence<MirrorBatch>,
            now: ContinuousClock.Instant,
            jobLimit: Int
        ) {
            for batch in batches {
                for record in batch.records {
                    guard case .job(let name) = MirrorFeed.subject(record) else { continue }
                    guard uncertainJobs.count < jobLimit else {
                        hasLeftOutJobs = true
                        return
                    }
                    uncertainJobs[name] = live[.job(name)] ?? (batch.version, record)
                    uncertainSince = now
                }
            }
        }

        /// Shows jobs again when no earlier write of theirs can come any more.
        mutating func showUncertain(before limit: ContinuousClock.Instant, jobLimit: Int) {
            guard let since = uncertainSince, since < limit else { return }
            let jobs = uncertainJobs
            (uncertainJobs, uncertainSince) = ([:], nil)
            for (name, known) in jobs where live[.job(name)] == nil {
                keep(known.record, known.version, jobLimit: jobLimit)
            }
        }
    }

    private let mirror: any MirrorStore
    private let time: NodeTime
    private let logger: Logger
    private let pending = Mutex(Pending())
    private let signal: AsyncStream<Void>
    private let signalContinuation: AsyncStream<Void>.Continuation

    private let outboxLimit: Int
    private let jobLimit: Int
    /// Whether this leader has contact, so that what it takes for live is.
    private let hasContact: @Sendable () -> Bool

    package init(
        mirror: any MirrorStore,
        time: NodeTime,
        logger: Logger,
        outboxLimit: Int = outboxBound,
        jobLimit: Int = jobLimit,
        hasContact: @escaping @Sendable () -> Bool = { true }
    ) {
        self.hasContact = hasContact
        self.outboxLimit = outboxLimit
        self.jobLimit = jobLimit
        self.mirror = mirror
        self.time = time
        self.logger = logger
        // Bound of one: a signal says "there is something".
        (signal, signalContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package var isOutboxFull: Bool { pending.withLock { $0.outboxBytes >= outboxLimit } }

    package var figures: Figures {
        pending.withLock { pending in
            Figures(
                outboxBytes: pending.outboxBytes,
                outboxLimit: outboxLimit,
                liveRecords: pending.live.count,
                waitingJobs: pending.jobs,
                jobLimit: jobLimit,
                refusedJobs: pending.refusedJobs
            )
        }
    }

    /// Whether there is room for jobs that are shown because they were asked for.
    package var hasRoomForJobs: Bool { pending.withLock { $0.jobs <= jobLimit / 2 } }

    /// Whether jobs were left out since the last call, and may be shown now.
    package func takeLeftOutJobs() -> Bool {
        pending.withLock { pending in
            guard pending.hasLeftOutJobs, pending.error == nil, pending.jobs <= jobLimit / 2 else {
                return false
            }
            pending.hasLeftOutJobs = false
            return true
        }
    }

    /// Not all of those that had been left out could be shown.
    package func jobsWereLeftOut() { pending.withLock { $0.hasLeftOutJobs = true } }

    /// Why the last write failed, or `nil`.
    package var error: String? { pending.withLock { $0.error } }

    package func add(final: Final) {
        pending.withLock { pending in
            for record in final.batch.records {
                pending.remove(Self.subject(record))
                if case .job(let name) = Self.subject(record) { pending.uncertainJobs[name] = nil }
            }
            pending.outboxBytes += final.bytes
            pending.finals.append(final)
        }
        signalContinuation.yield()
    }

    package func add(live records: [MirrorRecord], version: MirrorVersion) {
        guard !records.isEmpty else { return }
        pending.withLock { pending in
            for record in records { pending.keep(record, version, jobLimit: jobLimit) }
        }
        signalContinuation.yield()
    }

    /// Outbox entries that the mirror has had long enough: to be deleted by the leader, or put back.
    package func takeSettled() -> [Settled] {
        let limit = time.instant() - Self.settleTime
        return pending.withLock { pending in
            let count = pending.settled.prefix(500).prefix { $0.at < limit }.count
            let taken = Array(pending.settled.prefix(count))
            pending.settled.removeFirst(count)
            pending.outboxBytes -= taken.reduce(0) { $0 + $1.bytes }
            return taken
        }
    }

    /// Takes back what was not deleted after all.
    package func putBack(_ settled: [Settled]) {
        pending.withLock { pending in
            pending.settled = settled + pending.settled
            pending.outboxBytes += settled.reduce(0) { $0 + $1.bytes }
        }
    }

    package var hasSettled: Bool { pending.withLock { !$0.settled.isEmpty } }

    /// Writes until the task is cancelled. `onRecovered` is called when the mirror takes writes again after an error.
    package func run(onRecovered: @escaping @Sendable () -> Void) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while await self.time.pause(.seconds(2)) {
                    let isAwaited = self.pending.withLock { $0.uncertainSince != nil || !$0.live.isEmpty }
                    if isAwaited { self.signalContinuation.yield() }
                }
            }
            await self.write(onRecovered: onRecovered)
            group.cancelAll()
        }
    }

    private func write(onRecovered: @Sendable () -> Void) async {
        var backoff: Duration = .milliseconds(200)
        for await _ in signal {
            while let (batches, count) = take() {
                do throws(MirrorError) {
                    try await mirror.write(batches)
                    backoff = .milliseconds(200)
                    let now = time.instant()
                    let hadError = pending.withLock { pending in
                        for final in pending.finals.prefix(count) {
                            pending.settled.append(
                                Settled(version: final.batch.version, bytes: final.bytes, at: now)
                            )
                        }
                        pending.finals.removeFirst(count)
                        defer { pending.error = nil }
                        return pending.error != nil
                    }
                    if hadError {
                        logger.info("The mirror takes writes again")
                        onRecovered()
                    }
                } catch {
                    let isNew = pending.withLock { pending in
                        defer { pending.error = error.description }
                        // What was live when it was taken is put back, unless something newer came.
                        for batch in batches.dropFirst(count) {
                            for record in batch.records where pending.live[Self.subject(record)] == nil {
                                pending.keep(record, batch.version, jobLimit: self.jobLimit)
                            }
                        }
                        pending.doubt(batches, now: self.time.instant(), jobLimit: self.jobLimit)
                        return pending.error == nil
                    }
                    if isNew {
                        logger.warning(
                            "The mirror takes no writes; its records wait",
                            metadata: [LogKeys.error: "\(error)"]
                        )
                    }
                    guard await time.pause(backoff) else { return }
                    backoff = min(backoff * 2, .seconds(2))
                }
            }
        }
    }

    /// The next batches: finals first, which stay queued until they are written, then what is live.
    ///
    /// What a leader takes for live that stood still for long may be over: another one has ended it, and a mirror that was
    /// emptied since has nothing to refuse it by.
    private func take() -> (batches: [MirrorBatch], finals: Int)? {
        let limit = time.instant() - Self.lateness
        let hasContact = hasContact()
        return pending.withLock { pending in
            pending.showUncertain(before: limit, jobLimit: jobLimit)
            let finals = pending.finals.prefix(64).map(\.batch)
            var byVersion: [MirrorVersion: [MirrorRecord]] = [:]
            if finals.count < 64, hasContact {
                for (_, entry) in pending.live { byVersion[entry.version, default: []].append(entry.record) }
                pending.live = [:]
                pending.jobs = 0
            }
            let live = byVersion.keys.sorted().map { MirrorBatch(version: $0, records: byVersion[$0] ?? []) }
            return finals.isEmpty && live.isEmpty ? nil : (finals + live, finals.count)
        }
    }

    private static func subject(_ record: MirrorRecord) -> Subject {
        switch record {
        case .run(let run, _): .run(run.id)
        case .attempt(let run, let attempt): .attempt(run, attempt.task, attempt.partition, attempt.n)
        case .job(let job): .job(job.name)
        case .jobDeleted(let name): .job(name)
        }
    }
}
