import Coordination
import Logging
import Scheduling
import Synchronization
import ZnodeStore

/// Completes the leader's graph in the background: who owns which job, and what comes after what. Also shows each
/// definition to the mirror.
struct JobCatalog: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout
    let inbox: LeaderInbox
    let time: NodeTime
    let logger: Logger

    func run() async throws {
        let progress = CatalogProgress()
        try await withThrowingDiscardingTaskGroup { group in
            for try await names in session.childrenUpdates(of: layout.jobs) {
                let owners = names.compactMap { WorkerID($0) }.sorted()
                if progress.begin(owners) { inbox.post(.graphCompleted) }
                for owner in owners where progress.startWatching(owner) {
                    group.addTask {
                        await keepDoing("jobs of \(owner)", in: session, time: time, logger: logger) {
                            try await watch(owner, progress)
                        }
                        progress.stopWatching(owner)
                    }
                }
            }
        }
    }

    /// Shows every definition to the mirror once more, as fast as it takes them.
    func showAll(_ feed: MirrorFeed) async throws {
        for owner in try await session.children(layout.jobs).compactMap({ WorkerID($0) }).sorted() {
            do {
                let names = try await session.children(layout.jobs(of: owner)).sorted()
                for chunk in names.chunked(128) {
                    while !feed.hasRoomForJobs {
                        guard await time.pause(.milliseconds(100)) else { return }
                    }
                    try await read(chunk, owner)
                }
            } catch let error as StoreError where error.code == .noNode {
                continue  // its worker was forgotten meanwhile
            }
        }
    }

    private func watch(_ owner: WorkerID, _ progress: CatalogProgress) async throws {
        var isFirst = true
        do {
            for try await names in session.childrenUpdates(of: layout.jobs(of: owner)) {
                let current = Set(names)
                // Also what was seen before the connection broke: that one of it is gone may not have been said yet.
                let seen = progress.seen(of: owner)
                let gone = seen.subtracting(current).compactMap { ZnodeLayout.parseVersionedName($0)?.0 }
                for job in gone { inbox.post(.jobChanged(job)) }
                for chunk in current.subtracting(seen).sorted().chunked(128) { try await read(chunk, owner) }
                // Edited, moved, or deleted: only the last leaves no name.
                for job in gone.sorted() where try await session.exists(layout.jobName(job)) == nil {
                    inbox.post(.jobVanished(job))
                }
                progress.saw(current, of: owner)
                if isFirst, progress.finishFirst(owner) { inbox.post(.graphCompleted) }
                isFirst = false
                if names.count > 10_000 { guard await time.pause(.seconds(1)) else { return } }
            }
        } catch let error as StoreError where error.code == .noNode {
            // The directory was removed: its worker is forgotten.
            if isFirst, progress.finishFirst(owner) { inbox.post(.graphCompleted) }
        }
    }

    private func read(_ names: ArraySlice<String>, _ owner: WorkerID) async throws {
        let stored = try await withThrowingTaskGroup(of: StoredJob?.self) { group in
            for name in names {
                group.addTask {
                    let path = layout.jobs(of: owner).child(name)
                    do throws(StoreError) {
                        let data = try await session.get(path).data
                        do {
                            return try DefinitionCoding.decode(data, path: path)
                        } catch {
                            logger.error("A definition cannot be read", metadata: [LogKeys.error: "\(error)"])
                            return nil
                        }
                    } catch {
                        guard error.code == .noNode else { throw error }
                        return nil
                    }
                }
            }
            var stored: [StoredJob] = []
            for try await each in group { if let each { stored.append(each) } }
            return stored
        }
        while inbox.isCrowded { guard await time.pause(.milliseconds(10)) else { return } }
        for each in stored.sorted(by: { $0.definition.name < $1.definition.name }) {
            let name = each.definition.name
            inbox.post(.jobChanged(name))
            inbox.post(.dependencies(name, after: (each.definition.after ?? []).map(\.job)))
            inbox.post(
                .jobSeen(
                    JobView(
                        name: name,
                        version: each.version,
                        worker: owner,
                        createdAt: each.createdAt,
                        storedAt: each.storedAt,
                        definition: each.definition
                    )
                )
            )
        }
    }
}

/// Which directories are watched, and which first lists are still to come before the graph is complete.
private final class CatalogProgress: Sendable {
    private struct State {
        var remaining: Set<WorkerID>?
        var watched: Set<WorkerID> = []
        /// The names of which all has been said that their last list told.
        var seen: [WorkerID: Set<String>] = [:]
    }

    private let state = Mutex(State())

    /// Takes the first list of owners. Returns true when there are none, so that the graph is complete at once.
    func begin(_ owners: [WorkerID]) -> Bool {
        state.withLock { state in
            guard state.remaining == nil else { return false }
            state.remaining = Set(owners)
            return owners.isEmpty
        }
    }

    func startWatching(_ owner: WorkerID) -> Bool { state.withLock { $0.watched.insert(owner).inserted } }

    func stopWatching(_ owner: WorkerID) { state.withLock { _ = $0.watched.remove(owner) } }

    func seen(of owner: WorkerID) -> Set<String> { state.withLock { $0.seen[owner] ?? [] } }

    func saw(_ names: Set<String>, of owner: WorkerID) { state.withLock { $0.seen[owner] = names } }

    /// Returns true when this was the last of the first lists.
    func finishFirst(_ owner: WorkerID) -> Bool {
        state.withLock { state in
            guard state.remaining?.remove(owner) != nil else { return false }
            return state.remaining?.isEmpty == true
        }
    }
}
