import Hummingbird
import Synchronization

/// A body's writer on its way into a child task.
///
/// Unchecked, since only the one child task of `OpenStreams.body` writes while it lives, and the task that has the
/// writer waits for its end.
private struct TransferredWriter: @unchecked Sendable {
    let writer: any ResponseBodyWriter
}

/// The answers that last: each one ends with its client, or with the server.
final class OpenStreams: Sendable {
    private struct State {
        var ends: [Int: AsyncStream<Never>.Continuation] = [:]
        var nextNumber = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// How many are open.
    var count: Int { state.withLock { $0.ends.count } }

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
    func body(
        of request: Request,
        _ operation: @escaping @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> ResponseBody {
        ResponseBody { writer in
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
