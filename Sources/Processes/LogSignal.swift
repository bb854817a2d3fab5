import Synchronization

/// Tells the followers of an attempt's log that something has changed, and that it has ended.
///
/// A follower that has not looked since the last change holds one pending signal and no more, so a slow one
/// costs the writer nothing and misses nothing: what changed is read from disk.
final class LogSignal: Sendable {
    private struct State {
        var followers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextNumber = 0
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// A stream of at most one pending signal, which ends with the attempt.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number: Int? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.nextNumber += 1
            state.followers[state.nextNumber] = continuation
            return state.nextNumber
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    func notify() {
        let followers = state.withLock { $0.followers.isEmpty ? [] : Array($0.followers.values) }
        for follower in followers { follower.yield() }
    }

    func end() {
        let followers = state.withLock { state in
            state.hasEnded = true
            defer { state.followers = [:] }
            return Array(state.followers.values)
        }
        for follower in followers { follower.finish() }
    }
}
