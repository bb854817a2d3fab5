import Hummingbird
import Synchronization

/// A body's writer on its way into a child task.
///
/// Unchecked, since only the one child task of `OpenStreams.body` writes while it lives, and the task that has the
/// writer waits for its end.
private struct TransferredWriter: @unchecked Sendable {
    let writer: any ResponseBodyWriter
}

/// The answers that last: each one ends with its client, or with the server. At most `limit` at once.
final class OpenStreams: Sendable {
    private struct State {
        var ends: [Int: AsyncStream<Never>.Continuation] = [:]
        var nextNumber = 0
        /// Streams that were promised and are not over.
        var places = 0
        var refused = 0
        var isClosed = false
    }

    /// The place of one stream: given back when its body was written, or was dropped without that.
    private final class Place: Sendable {
        private let streams: OpenStreams

        init(_ streams: OpenStreams) {
            self.streams = streams
        }

        deinit {
            streams.state.withLock { $0.places -= 1 }
        }
    }

    /// The most streams at once.
    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// How many there are.
    var count: Int { state.withLock { $0.places } }
    /// How many were refused so far.
    var refused: Int { state.withLock { $0.refused } }

    private func takePlace() throws(Problem) -> Place {
        let isTaken = state.withLock { state in
            guard state.places < limit else {
                state.refused += 1
                return false
            }
            state.places += 1
            return true
        }
        guard isTaken else {
            throw Problem(
                .tooManyRequests,
                .tooManyStreams,
                "this node has \(limit) streams open, as many as it takes",
                hint: "close those that nobody looks at, or ask another node",
                headers: [.retryAfter: "5"]
            )
        }
        return Place(self)
    }

    /// Ends all streams, and those that would open later.
    func endAll() {
        let ends = state.withLock { state in
            state.isClosed = true
            defer { state.ends = [:] }
            return Array(state.ends.values)
        }
        for end in ends { end.finish() }
    }

    private func open() -> (number: Int, end: AsyncStream<Never>.Continuation, ended: AsyncStream<Never>) {
        let (ended, end) = AsyncStream<Never>.makeStream()
        let (number, isClosed) = state.withLock { state in
            state.nextNumber += 1
            if !state.isClosed { state.ends[state.nextNumber] = end }
            return (state.nextNumber, state.isClosed)
        }
        if isClosed { end.finish() }
        return (number, end, ended)
    }

    private func close(_ number: Int) {
        state.withLock { _ = $0.ends.removeValue(forKey: number) }
    }

    /// A body that is written for as long as the operation, the client and the server last.
    ///
    /// The operation is cancelled when the client closes the connection or the server shuts down; then the body is
    /// finished. Writing waits for the client, so nothing piles up here. The connection is closed afterwards.
    ///
    /// - Throws: 429 where there are as many as may be.
    func body(
        of request: Request,
        _ operation: @escaping @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) throws(Problem) -> ResponseBody {
        let place = try takePlace()
        return ResponseBody { writer in
            defer { withExtendedLifetime(place) {} }
            let (number, end, ended) = self.open()
            defer { self.close(number) }
            let transferred = TransferredWriter(writer: writer)
            try await request.body.consumeWithInboundCloseHandler { _ in
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        var writer = transferred.writer
                        try await operation(&writer)
                    }
                    group.addTask {
                        for await _ in ended {}
                    }
                    do {
                        try await group.next()
                        group.cancelAll()
                        try await group.waitForAll()
                    } catch is CancellationError {
                        // The operation was ended, which is how most streams end.
                        group.cancelAll()
                    }
                }
            } onInboundClosed: {
                end.finish()
            }
            try await writer.finish(nil)
        }
    }
}
