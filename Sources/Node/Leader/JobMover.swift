import Coordination
import Logging
import Scheduling
import ZnodeStore

/// Moves definitions between workers: all of a worker that is gone, and a share to a worker that is new (T8).
struct JobMover: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout
    let inbox: LeaderInbox
    let time: NodeTime
    let logger: Logger

    /// Moves all jobs of a worker that is gone to those that are there, soonest due first within what is read at
    /// once, and removes its directories. Returns at once when the worker came back.
    func takeOver(_ worker: WorkerID) async throws {
        while true {
            // In this order: what registers after the second look has changed the version of the first.
            guard let assignments = try await session.exists(layout.assign(worker)),
                try await session.exists(layout.worker(worker)) == nil
            else { return }
            let names: [String]
            do throws(StoreError) {
                names = try await session.children(layout.jobs(of: worker))
            } catch {
                guard error.code == .noNode else { throw error }
                return
            }
            guard !names.isEmpty else {
                try await removeStrayKills(worker)
                if await inbox.commit([.forgetWorker(worker, assignVersion: assignments.version)]) {
                    logger.info(
                        "A worker that is gone is taken over",
                        metadata: [LogKeys.worker: "\(worker)"]
                    )
                    return
                }
                // Something came in between (a submit that began earlier), or the worker returned: look again.
                guard await time.pause(.milliseconds(200)) else { return }
                continue
            }
            var counts = try await jobCounts()
            guard !counts.isEmpty else {
                guard await time.pause(.seconds(1)) else { return }  // nobody to take them: wait for a worker
                continue
            }
            for chunk in names.sorted().prefix(2_000).map({ $0 }).chunked(50) {
                for batch in Self.batches(try await read(chunk, from: worker)) {
                    var moves: [LeaderOperation] = []
                    for move in batch {
                        guard let target = Self.emptiest(counts) else { break }
                        counts[target, default: 0] += 1
                        moves.append(.moveJob(self.move(move, from: worker, to: target)))
                    }
                    guard !moves.isEmpty else { continue }
                    if await !inbox.commit(moves) {
                        // One of them changed meanwhile: one at a time finds out which.
                        for move in moves { _ = await inbox.commit([move]) }
                    }
                }
            }
        }
    }

    /// Kill requests whose attempts were taken over already: nobody else would remove them.
    private func removeStrayKills(_ worker: WorkerID) async throws(StoreError) {
        do throws(StoreError) {
            for name in try await session.children(layout.assign(worker)) where name.hasSuffix(".kill") {
                guard let attempt = AttemptID(znodeName: name.dropLast(5)) else { continue }
                _ = await inbox.commit([.deleteKill(attempt, worker)])
            }
        } catch {
            guard error.code == .noNode else { throw error }
        }
    }

    /// Evens the number of jobs out whenever the set of workers changes, at most 1 % of the jobs a second.
    func rebalance() async throws {
        for try await _ in session.childrenUpdates(of: layout.workers) {
            while try await evenOut() {
                guard await time.pause(.seconds(1)) else { return }
            }
        }
    }

    /// Moves some jobs from those that have the most to those that have the fewest. Returns whether more is to do.
    private func evenOut() async throws -> Bool {
        var counts = try await jobCounts()
        let total = counts.values.reduce(0, +)
        var budget = max(1, total / 100)
        var isEven = false
        while budget > 0, !isEven {
            guard let fullest = Self.fullest(counts), let emptiest = Self.emptiest(counts),
                (counts[fullest] ?? 0) - (counts[emptiest] ?? 0) > 1
            else {
                isEven = true
                break
            }
            let surplus = min(budget, ((counts[fullest] ?? 0) - (counts[emptiest] ?? 0)) / 2, 50)
            let names = try await session.children(layout.jobs(of: fullest)).sorted().suffix(surplus)
            let moves = (Self.batches(try await read(Array(names)[...], from: fullest)).first ?? [])
                .map { LeaderOperation.moveJob(move($0, from: fullest, to: emptiest)) }
            guard !moves.isEmpty, await inbox.commit(moves) else { return true }
            counts[fullest, default: 0] -= moves.count
            counts[emptiest, default: 0] += moves.count
            budget -= moves.count
        }
        return !isEven
    }

    private struct Readable: Sendable {
        var name: JobName
        var version: Int
        var data: [UInt8]
        var record: JobNameRecord
    }

    /// What goes into one commit, beside what the leader commits with it: at most 192 KiB of definitions.
    private static func batches(_ jobs: [Readable]) -> [[Readable]] {
        var batches: [[Readable]] = []
        var bytes = Int.max
        for job in jobs {
            let size = job.data.count + 500
            if bytes > 192 * 1024 - size {
                batches.append([])
                bytes = 0
            }
            batches[batches.count - 1].append(job)
            bytes += size
        }
        return batches
    }

    private func move(_ job: Readable, from: WorkerID, to: WorkerID) -> JobMove {
        var record = job.record
        record.owner = to
        return JobMove(
            name: job.name,
            version: job.version,
            from: from,
            to: to,
            data: job.data,
            nameRecord: RecordCoding.encode(record)
        )
    }

    private func read(_ names: ArraySlice<String>, from worker: WorkerID) async throws -> [Readable] {
        try await withThrowingTaskGroup(of: Readable?.self) { group in
            for name in names {
                guard let (job, version) = ZnodeLayout.parseVersionedName(name) else { continue }
                group.addTask {
                    do {
                        let data = try await session.get(layout.job(job, version: version, owner: worker))
                            .data
                        let path = layout.jobName(job)
                        let record = try RecordCoding.decode(
                            JobNameRecord.self,
                            from: try await session.get(path).data,
                            path: path
                        )
                        return Readable(name: job, version: version, data: data, record: record)
                    } catch let error as StoreError where error.code == .noNode {
                        return nil  // edited or deleted meanwhile
                    }
                }
            }
            var read: [Readable] = []
            for try await each in group { if let each { read.append(each) } }
            return read.sorted { $0.name < $1.name }
        }
    }

    /// How many jobs each present worker owns that takes work.
    private func jobCounts() async throws -> [WorkerID: Int] {
        try await WorkerCensus(session: session, layout: layout).jobCounts()
    }

    private static func emptiest(_ counts: [WorkerID: Int]) -> WorkerID? {
        counts.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key
    }

    private static func fullest(_ counts: [WorkerID: Int]) -> WorkerID? {
        counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
    }
}
