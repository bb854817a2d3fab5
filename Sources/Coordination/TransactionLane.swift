package import ZnodeStore
import Synchronization

/// Gathers small transactions of many callers into few `multi`s.
///
/// What arrives while a `multi` is in flight goes as the next one: idle, a batch of one without a wait; loaded, far
/// fewer requests than transactions. When one transaction of a batch fails it alone gets the error and the rest is
/// sent again. An unknown outcome goes to all of the batch: each caller knows how to find out about its own.
///
/// At most `maximumPending` transactions wait; beyond that `commit` fails with `.throttled` and nothing is sent.
package final class TransactionLane: Sendable {
    package static let maximumPending = 10_000
    private static let maximumOperations = 800
    private static let maximumBytes = 240 * 1024

    private struct Pending: Sendable {
        let operations: [StoreOperation]
        let continuation: CheckedContinuation<Result<[StoreOperationResult], StoreError>, Never>
    }

    private struct State {
        var pending: [Pending] = []
        var isClosed = false
    }

    private let session: any ZnodeSession
    private let state = Mutex(State())
    private let signal: AsyncStream<Void>
    private let signalContinuation: AsyncStream<Void>.Continuation

    package init(session: any ZnodeSession) {
        self.session = session
        // Bound of one: a signal says "look again", and one unread signal says it as well as many.
        (signal, signalContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Applies all operations or none.
    package func commit(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult] {
        let result: Result<[StoreOperationResult], StoreError> = await withCheckedContinuation {
            continuation in
            let refusal: StoreError? = state.withLock { state in
                if state.isClosed { return StoreError(.closing, operation: "multi") }
                if state.pending.count >= Self.maximumPending {
                    return StoreError(.throttled, operation: "multi")
                }
                state.pending.append(Pending(operations: operations, continuation: continuation))
                return nil
            }
            if let refusal {
                continuation.resume(returning: .failure(refusal))
            } else {
                signalContinuation.yield()
            }
        }
        return try result.get()
    }

    /// Sends what arrives, until the task is cancelled. Then everything that waits fails with `.closing`.
    package func run() async {
        for await _ in signal {
            while let batch = takeBatch() { await send(batch) }
        }
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.pending = [] }
            return state.pending
        }
        for each in left {
            each.continuation.resume(returning: .failure(StoreError(.closing, operation: "multi")))
        }
    }

    private func takeBatch() -> [Pending]? {
        state.withLock { state in
            var operations = 0
            var bytes = 0
            var count = 0
            for each in state.pending {
                let size = each.operations.reduce(0) { $0 + $1.encodedSize }
                if count > 0,
                    operations + each.operations.count > Self.maximumOperations
                        || bytes + size > Self.maximumBytes
                {
                    break
                }
                operations += each.operations.count
                bytes += size
                count += 1
            }
            guard count > 0 else { return nil }
            let batch = Array(state.pending.prefix(count))
            state.pending.removeFirst(count)
            return batch
        }
    }

    private func send(_ batch: [Pending]) async {
        var rest = batch
        while !rest.isEmpty {
            do throws(StoreError) {
                let results = try await session.multi(rest.flatMap(\.operations))
                var start = 0
                for each in rest {
                    let end = start + each.operations.count
                    each.continuation.resume(returning: .success(Array(results[start..<end])))
                    start = end
                }
                return
            } catch {
                guard let failed = error.failedIndex, !error.isOutcomeUnknown else {
                    for each in rest { each.continuation.resume(returning: .failure(error)) }
                    return
                }
                var start = 0
                for (index, each) in rest.enumerated() {
                    if failed < start + each.operations.count {
                        each.continuation.resume(
                            returning: .failure(
                                StoreError(
                                    error.code,
                                    operation: error.operation,
                                    path: error.path,
                                    failedIndex: failed - start,
                                    message: error.message
                                )
                            )
                        )
                        rest.remove(at: index)
                        break
                    }
                    start += each.operations.count
                }
            }
        }
    }
}
