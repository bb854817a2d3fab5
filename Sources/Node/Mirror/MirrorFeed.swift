import Coordination
package import Logging
package import Scheduling
import Synchronization

/// Carries the leader's records to the mirror, behind the hot path and in order.
///
/// Final records are in the outbox until the mirror has had them for a while; records of live state are kept here,
/// the newest for each run and attempt, and can be projected again. While the mirror is down live records gather (at
/// most one for each live run, attempt and job) and the outbox grows to its bound.
package final class MirrorFeed: Sendable {
    /// How much the outbox may hold before no new runs are admitted, in bytes.
    package static let outboxBound = 32 << 20
    /// How long a final record stays in the outbox after the mirror took it: Redis syncs its file every second.
    private static let settleTime: Duration = .seconds(3)

    /// A commit's final records, and the size of its outbox entry.
    package struct Final: Sendable {
        package var batch: MirrorBatch
        package var bytes: Int

        package init(batch: MirrorBatch, bytes: Int) {
            self.batch = batch
            self.bytes = bytes
        }
    }

    private enum Subject: Hashable {
        case run(RunID)
        case attempt(RunID, TaskID, Int, Int)
        case job(JobName)
    }

    private struct Pending {
        var finals: [Final] = []
        var live: [Subject: (version: MirrorVersion, record: MirrorRecord)] = [:]
        var outboxBytes = 0
        var settled: [(version: MirrorVersion, bytes: Int, at: ContinuousClock.Instant)] = []
        var error: String?
    }

    private let mirror: any MirrorStore
    private let time: NodeTime
    private let logger: Logger
    private let pending = Mutex(Pending())
    private let signal: AsyncStream<Void>
    private let signalContinuation: AsyncStream<Void>.Continuation

    package init(mirror: any MirrorStore, time: NodeTime, logger: Logger) {
        self.mirror = mirror
        self.time = time
        self.logger = logger
        // Bound of one: a signal says "there is something".
        (signal, signalContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package var isOutboxFull: Bool { pending.withLock { $0.outboxBytes > Self.outboxBound } }

    /// Why the last write failed, or `nil`.
    package var error: String? { pending.withLock { $0.error } }

    package func add(final: Final) {
        pending.withLock { pending in
            for record in final.batch.records { pending.live[Self.subject(record)] = nil }
            pending.outboxBytes += final.bytes
            pending.finals.append(final)
        }
        signalContinuation.yield()
    }

    package func add(live records: [MirrorRecord], version: MirrorVersion) {
        guard !records.isEmpty else { return }
        pending.withLock { pending in
            for record in records { pending.live[Self.subject(record)] = (version, record) }
        }
        signalContinuation.yield()
    }

    /// Outbox entries that the mirror has had long enough: to be deleted by the leader.
    package func takeSettled() -> [MirrorVersion] {
        let limit = time.instant() - Self.settleTime
        return pending.withLock { pending in
            var versions: [MirrorVersion] = []
            while let first = pending.settled.first, first.at < limit, versions.count < 500 {
                pending.settled.removeFirst()
                pending.outboxBytes -= first.bytes
                versions.append(first.version)
            }
            return versions
        }
    }

    package var hasSettled: Bool { pending.withLock { !$0.settled.isEmpty } }

    /// Writes until the task is cancelled. `onRecovered` is called when the mirror takes writes again after an error.
    package func run(onRecovered: @Sendable () -> Void) async {
        var backoff: Duration = .milliseconds(200)
        for await _ in signal {
            while let (batches, count) = take() {
                do throws(MirrorError) {
                    try await mirror.write(batches)
                    backoff = .milliseconds(200)
                    let now = time.instant()
                    let hadError = pending.withLock { pending in
                        for final in pending.finals.prefix(count) {
                            pending.settled.append((final.batch.version, final.bytes, now))
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
                            for record in batch.records {
                                let subject = Self.subject(record)
                                if pending.live[subject] == nil {
                                    pending.live[subject] = (batch.version, record)
                                }
                            }
                        }
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
    private func take() -> (batches: [MirrorBatch], finals: Int)? {
        pending.withLock { pending in
            let finals = pending.finals.prefix(64).map(\.batch)
            var byVersion: [MirrorVersion: [MirrorRecord]] = [:]
            if finals.count < 64 {
                for (_, entry) in pending.live { byVersion[entry.version, default: []].append(entry.record) }
                pending.live = [:]
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
