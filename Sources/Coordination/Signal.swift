import Synchronization

/// "Look again", said by many and heard by one waiter at a time.
///
/// A signal that nobody waits for is kept, once, for the next wait: none is lost and none gathers. Unlike an
/// `AsyncStream`, it survives the cancellation of a task that waits for it.
package final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    package func notify() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isSet = true
                return CheckedContinuation<Void, Never>?.none
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns when there was a signal since the last wait, or the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    precondition(state.waiter == nil, "a signal has one waiter at a time")
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// The same, for a time at most. `sleep` waits and throws only on cancellation.
    package func wait(
        upTo limit: Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask {
                do {
                    try await sleep(limit)
                } catch {
                    return  // the other one was first
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
