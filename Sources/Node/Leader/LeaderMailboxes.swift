import Coordination
import Logging
import Scheduling
import Synchronization
import ZnodeStore

/// Reads the leader's mailboxes and tells the inbox what is new in them.
///
/// New is a name that the list before did not have. That is all there is to know of reports and commands, whose znodes
/// are created once: a report in the transaction that ends or starts its attempt, a command under a name that was drawn
/// for it. A queue entry may be created again once it was consumed, as early as between two lists; so the whole list goes
/// to the loop, which knows what it has consumed. So may the report of a late result, by a worker that had no answer:
/// those few are read with every list.
struct LeaderMailboxes: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout
    let inbox: LeaderInbox
    let time: NodeTime
    let logger: Logger

    /// `known` are the workers whose assignments exist, present or not.
    func run(known: [WorkerID]) async {
        await withTaskGroup(of: Void.self) { group in
            for bucket in 0..<ZnodeLayout.bucketCount {
                group.addTask {
                    await keepDoing("status", in: session, time: time, logger: logger) {
                        try await watchStatus(bucket)
                    }
                }
            }
            group.addTask {
                await keepDoing("queue", in: session, time: time, logger: logger) { try await watchQueue() }
            }
            group.addTask {
                await keepDoing("commands", in: session, time: time, logger: logger) {
                    try await watchCommands()
                }
            }
            group.addTask {
                await keepDoing("configs", in: session, time: time, logger: logger) {
                    try await watchConfiguration()
                }
            }
            group.addTask {
                await keepDoing("workers", in: session, time: time, logger: logger) {
                    try await watchWorkers(known)
                }
            }
            await group.waitForAll()
        }
    }

    private func watchStatus(_ bucket: Int) async throws {
        let directory = layout.status(bucket: bucket)
        var seen: Set<String> = []
        for try await names in session.childrenUpdates(of: directory) {
            let new = names.filter { !seen.contains($0) || ReportCoding.isLate(name: $0) }
            seen = Set(names)
            var reports: [Report] = []
            var incomplete: [Report] = []
            for name in new {
                guard let (report, needsContent) = ReportCoding.parse(name: name, bucket: bucket) else {
                    logger.error("A report's name cannot be read", metadata: [LogKeys.attempt: "\(name)"])
                    continue
                }
                if needsContent { incomplete.append(report) } else { reports.append(report) }
            }
            if !reports.isEmpty { inbox.post(.reported(reports.sorted(by: Self.startedFirst))) }
            for chunk in incomplete.chunked(64) { try await readContents(chunk, directory) }
        }
    }

    /// A start is applied before the end of the same attempt.
    private static func startedFirst(_ left: Report, _ right: Report) -> Bool {
        left.event == .started && right.event != .started
    }

    private func readContents(_ reports: ArraySlice<Report>, _ directory: ZnodePath) async throws {
        let complete = try await withThrowingTaskGroup(of: Report?.self) { group in
            for report in reports {
                group.addTask {
                    var report = report
                    let path = directory.child(report.znodeName)
                    do throws(StoreError) {
                        let data = try await session.get(path).data
                        do {
                            try ReportCoding.complete(&report, from: data, path: path)
                        } catch {
                            logger.error("A report cannot be read", metadata: [LogKeys.error: "\(error)"])
                        }
                        return report
                    } catch {
                        guard error.code == .noNode else { throw error }
                        return nil  // consumed by a commit of this leader
                    }
                }
            }
            var complete: [Report] = []
            for try await report in group { if let report { complete.append(report) } }
            return complete
        }
        if !complete.isEmpty { inbox.post(.reported(complete.sorted { $0.attempt < $1.attempt })) }
    }

    private func watchQueue() async throws {
        var seen: Set<String> = []
        for try await names in session.childrenUpdates(of: layout.jobQueue) {
            let new = names.filter { !seen.contains($0) }
            seen = Set(names)
            inbox.post(.queueListed(seen))
            for chunk in new.chunked(256) {
                let entries = try await readEntries(chunk)
                if !entries.isEmpty { inbox.post(.queued(entries)) }
            }
            // A long list is taken at most once a second: most of it has been seen.
            if names.count > 10_000 { guard await time.pause(.seconds(1)) else { return } }
        }
    }

    /// The entries of these names that exist.
    func readEntries(_ names: ArraySlice<String>) async throws -> [QueueEntry] {
        try await withThrowingTaskGroup(of: QueueEntry?.self) { group in
            for name in names { group.addTask { try await readEntry(name) } }
            var entries: [QueueEntry] = []
            for try await entry in group { if let entry { entries.append(entry) } }
            return entries.sorted { $0.run < $1.run }
        }
    }

    private func readEntry(_ name: String) async throws -> QueueEntry? {
        guard ZnodePath.isValidName(name) else { return nil }
        let path = layout.jobQueue.child(name)
        do throws(StoreError) {
            let znode = try await session.get(path)
            do {
                var entry = try RecordCoding.decode(QueueEntry.self, from: znode.data, path: path)
                entry.age = znode.stat.createdZxid
                return entry
            } catch {
                logger.error("A queue entry cannot be read", metadata: [LogKeys.error: "\(error)"])
                return nil
            }
        } catch {
            guard error.code == .noNode else { throw error }
            return nil
        }
    }

    private func watchCommands() async throws {
        var seen: Set<String> = []
        for try await names in session.childrenUpdates(of: layout.commandQueue) {
            let new = names.filter { !seen.contains($0) }
            seen = Set(names)
            for name in new {
                let path = layout.command(name)
                do throws(StoreError) {
                    let znode = try await session.get(path)
                    do {
                        let record = try RecordCoding.decode(CommandRecord.self, from: znode.data, path: path)
                        if let request = record.request { inbox.post(.commanded(request)) }
                    } catch {
                        logger.error("A command cannot be read", metadata: [LogKeys.error: "\(error)"])
                    }
                } catch {
                    guard error.code == .noNode else { throw error }
                }
            }
        }
    }

    private func watchConfiguration() async throws {
        for try await znode in session.updates(of: layout.configs) {
            guard let znode else { continue }
            inbox.post(
                .configured(
                    try RecordCoding.decode(ClusterConfiguration.self, from: znode.data, path: layout.configs)
                )
            )
        }
    }

    private func watchWorkers(_ known: [WorkerID]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var watched: Set<WorkerID> = []
            func watch(_ id: WorkerID) {
                guard watched.insert(id).inserted else { return }
                group.addTask {
                    await keepDoing("worker", in: session, time: time, logger: logger) {
                        try await watchWorker(id)
                    }
                }
                group.addTask {
                    await keepDoing("resources", in: session, time: time, logger: logger) {
                        try await watchResources(id)
                    }
                }
            }
            for id in known { watch(id) }
            for try await names in session.childrenUpdates(of: layout.workers) {
                // One that came and went between two lists has left its directories, and perhaps jobs in them.
                let left = try await session.children(layout.assign)
                for name in Set(names + left).sorted() {
                    if let id = WorkerID(name) { watch(id) }
                }
            }
        }
    }

    private func watchWorker(_ id: WorkerID) async throws {
        let reader = WorkerReader(session: session, layout: layout)
        for try await _ in session.updates(of: layout.worker(id)) { inbox.post(try await reader.read(id)) }
    }

    private func watchResources(_ id: WorkerID) async throws {
        for try await znode in session.updates(of: layout.resources(id)) {
            let report = try znode.map {
                try RecordCoding.decode(ResourceReport.self, from: $0.data, path: layout.resources(id))
            }
            inbox.post(.resources(id, report))
        }
    }
}
