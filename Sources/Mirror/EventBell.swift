import Synchronization

/// Wakes those who wait for an event to be written, or for the mirror to be closed.
final class EventBell: Sendable {
    private struct Waiter {
        let position: Int64
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var newest: Int64
        var isClosed = false
        var waiters: [Int: Waiter] = [:]
        var nextKey = 0

        mutating func takeWaiters(before id: Int64) -> [Waiter] {
            let due = waiters.filter { $0.value.position < id }
            for key in due.keys { waiters[key] = nil }
            return Array(due.values)
        }
    }

    private let state: Mutex<State>

    init(newest: Int64) {
        state = Mutex(State(newest: newest))
    }

    /// The id of the newest event.
    var newest: Int64 { state.withLock(\.newest) }

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// Tells that events up to this id can be read.
    func ring(_ id: Int64) {
        let due = state.withLock { state in
            state.newest = max(state.newest, id)
            return state.takeWaiters(before: state.newest)
        }
        for waiter in due { waiter.continuation.resume() }
    }

    /// Ends all waiting, now and later. Any number of calls.
    func close() {
        let due = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in due { waiter.continuation.resume() }
    }

    /// Waits until there is an event after the position; returns at once where there is, and when the bell is closed
    /// or the task cancelled, which the caller asks for itself.
    func wait(after position: Int64) async {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard !state.isClosed, state.newest <= position else { return false }
                    state.waiters[key] = Waiter(position: position, continuation: continuation)
                    return true
                }
                guard isWaiting else { return continuation.resume() }
                // A cancellation from before the waiter was entered found nothing to end.
                if Task.isCancelled { cancel(key) }
            }
        } onCancel: {
            cancel(key)
        }
    }

    private func cancel(_ key: Int) {
        state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume()
    }
}
