import Coordination
import Scheduling
import ZnodeStore

extension NodeOperations {
    package func bounds() async -> [BoundFigure] {
        guard let current = context.current else { return [] }
        var figures = await mailboxFigures(current.session)
        for place in places where place.worker() == current.worker {
            figures.append(Self.figures(of: place.logSpace.figures))
            figures += place.hostFigures()
        }
        if let store = current.session.figures { figures += Self.figures(of: store) }
        if let mirror = context.mirror?.backlog { figures += Self.figures(of: mirror) }
        if let leader = current.leader?.figures { figures += Self.figures(of: leader) }
        return figures
    }

    /// The directories of the store that have a bound.
    private func mailboxFigures(_ session: any ZnodeSession) async -> [BoundFigure] {
        let refusals = context.refusals
        let bounds = [
            (
                "queue_length", "Runs that wait in the queue.", layout.jobQueue,
                context.configuration.maximumQueueLength, refusals[.queue] ?? 0
            ),
            (
                "commands", "Commands that wait for the leader, or to be removed.", layout.commandQueue,
                Self.maximumCommands, refusals[.commands] ?? 0
            ),
            (
                "pinned_definitions", "Replaced definitions that are kept for live runs.", layout.pinned,
                Self.maximumPinned, refusals[.pinned] ?? 0
            ),
        ]
        var figures: [BoundFigure] = []
        for (name, summary, path, limit, refused) in bounds {
            do throws(StoreError) {
                guard let stat = try await session.exists(path) else { continue }
                figures.append(
                    BoundFigure(
                        name,
                        summary,
                        value: Int(stat.childCount),
                        limit: limit,
                        refused: refused
                    )
                )
            } catch {
                continue  // without contact this node does not know
            }
        }
        return figures
    }

    private static func figures(of logs: LogSpace.Figures) -> BoundFigure {
        BoundFigure(
            "log_bytes",
            "Bytes on disk of the logs of this node's attempts at the last look; what is refused are runs whose logs went.",
            value: Int(logs.bytes),
            limit: Int(logs.limit),
            refused: logs.removedRuns
        )
    }

    private static func figures(of store: SessionFigures) -> [BoundFigure] {
        [
            BoundFigure(
                "store_requests",
                "Requests to the store that are under way; more wait.",
                value: store.requests.value,
                limit: store.requests.limit
            ),
            BoundFigure(
                "store_waiting_requests",
                "Requests to the store that wait for their turn.",
                value: store.waiting.value,
                limit: store.waiting.limit,
                refused: store.waiting.refused
            ),
            BoundFigure(
                "store_watched_bytes",
                "Bytes of the paths that the store watches for this node.",
                value: store.watchedBytes.value,
                limit: store.watchedBytes.limit,
                refused: store.watchedBytes.refused
            ),
            BoundFigure(
                "store_transaction_bytes",
                "Bytes of the largest transaction that this node has sent to the store in its session.",
                value: store.transactionBytes.value,
                limit: store.transactionBytes.limit,
                refused: store.transactionBytes.refused
            ),
        ]
    }

    private static func figures(of mirror: MirrorBacklog) -> [BoundFigure] {
        [
            BoundFigure(
                "mirror_commands",
                "Commands to the mirror that are not answered.",
                value: mirror.commands,
                limit: mirror.commandLimit,
                refused: mirror.refused
            ),
            BoundFigure(
                "mirror_bytes",
                "Bytes of commands to the mirror that are not answered.",
                value: mirror.bytes,
                limit: mirror.byteLimit
            ),
        ]
    }

    private static func figures(of leader: LeaderService.Figures) -> [BoundFigure] {
        [
            BoundFigure(
                "live_runs",
                "Runs that are not over, or whose dependents are still to be started. On the leader.",
                value: leader.liveRuns,
                limit: leader.liveRunLimit
            ),
            BoundFigure(
                "outbox_bytes",
                "Bytes of final records that the mirror is not sure to have. On the leader.",
                value: leader.feed.outboxBytes,
                limit: leader.feed.outboxLimit
            ),
            BoundFigure(
                "mirror_waiting_jobs",
                "Jobs that wait to be shown to the mirror. On the leader; refused ones are shown later.",
                value: leader.feed.waitingJobs,
                limit: leader.feed.jobLimit,
                refused: leader.feed.refusedJobs
            ),
        ]
    }
}
