import Coordination
package import Scheduling
import ZnodeStore

extension NodeOperations {
    /// The mirror knows a run from its admission on. What waits in the queue is asked of the store where queued runs are
    /// wanted, and comes last.
    package func runs(_ query: RunQuery) async throws(OperationError) -> Page<RunView> {
        let mirror = try mirror()
        guard query.states.contains(.queued) else {
            return try await storing { try await mirror.runs(query) }
        }
        if let cursor = query.cursor, cursor.hasPrefix(Self.queueCursor) {
            let last = String(cursor.dropFirst(Self.queueCursor.count))
            let current = try current()
            return try await storing { try await queuedRuns(query, after: last, query.limit, current) }
        }
        var page = try await storing { try await mirror.runs(query) }
        // Without contact the mirror alone tells.
        guard page.nextCursor == nil, let current = context.current, current.session.state == .connected
        else {
            return page
        }
        let room = query.limit - page.items.count
        let queued = try await storing { try await queuedRuns(query, after: "", room, current) }
        // Admitted between the two looks.
        let known = Set(page.items.map(\.id))
        page.items += queued.items.filter { !known.contains($0.id) }
        page.nextCursor = queued.nextCursor
        return page
    }

    /// A cursor into the queue: this, then the last entry of the page before.
    private static var queueCursor: String { "queue:" }

    /// Entries of the queue that a query asks for, by id.
    private func queuedRuns(
        _ query: RunQuery,
        after last: String,
        _ limit: Int,
        _ current: NodeContext.Current
    ) async throws -> Page<RunView> {
        let names = try await current.session.children(layout.jobQueue).filter { name in
            guard name > last, let run = RunID(name), query.job.map({ $0 == run.job }) ?? true else {
                return false
            }
            return query.since.map { WallTime(run.logicalTime) >= $0 } ?? true
        }
        let page = names.sorted().prefix(limit)
        var items: [RunView] = []
        for chunk in Array(page).chunked(64) {
            items += try await withThrowingTaskGroup(of: RunView?.self) { group in
                for name in chunk {
                    group.addTask {
                        let entry: QueueEntry? = try await optional(
                            current.session,
                            layout.jobQueue.child(name)
                        )
                        return entry.map { view(of: $0) }
                    }
                }
                return try await group.reduce(into: [RunView]()) { if let view = $1 { $0.append(view) } }
            }
        }
        return Page(
            items: items.sorted { $0.id < $1.id },
            nextCursor: names.count > page.count ? Self.queueCursor + (page.last ?? last) : nil
        )
    }
}
