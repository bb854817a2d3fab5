import Coordination
import Scheduling
import ZnodeStore

extension NodeOperations {
    package func bounds() async -> [BoundFigure] {
        var figures: [BoundFigure] = []
        if let session = context.current?.session, let store = session.figures {
            figures += Self.figures(of: store)
        }
        return figures
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
        ]
    }
}
