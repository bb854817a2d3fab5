package import Scheduling
import Synchronization

/// Hands the mirror's events to any number of viewers over one subscription.
///
/// The subscription begins with the first viewer and ends with the last one. A viewer that lies more than
/// `bound` events behind is ended after those: it resumes after the last event that it has.
package final class EventFanout: Sendable {
    /// How many events wait for a slow viewer.
    package static let bound = 1_024

    private typealias Viewer = AsyncStream<MirrorEvent>.Continuation

    private struct Subscription {
        let number: Int
        /// Reads the mirror's stream; cancelled when the last viewer has gone.
        let reader: Task<Void, Never>
        var viewers: [Int: Viewer] = [:]
    }

    private struct State {
        var subscription: Subscription?
        /// Numbers subscriptions and viewers.
        var lastNumber = 0

        mutating func nextNumber() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    private let state = Mutex(State())
    private let executor: (any TaskExecutor)?

    /// `executor` is what the subscription's reader prefers: it is nobody's child.
    package init(executor: (any TaskExecutor)? = nil) {
        self.executor = executor
    }

    /// The events from now on. `subscribe` is called where nobody else is looking.
    package func events(_ subscribe: @Sendable () -> AsyncStream<MirrorEvent>) -> AsyncStream<MirrorEvent> {
        let (events, viewer) = AsyncStream<MirrorEvent>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.bound)
        )
        let number = state.withLock { $0.nextNumber() }
        viewer.onTermination = { [weak self] _ in self?.leave(number) }
        var upstream: AsyncStream<MirrorEvent>?
        while !join(viewer, number, upstream) { upstream = subscribe() }
        return events
    }

    /// Takes a viewer in; false where there is no subscription and none was given.
    private func join(_ viewer: Viewer, _ number: Int, _ upstream: AsyncStream<MirrorEvent>?) -> Bool {
        state.withLock { state in
            if state.subscription == nil {
                guard let upstream else { return false }
                let subscription = state.nextNumber()
                let reader = Task(executorPreference: executor) {
                    await self.read(upstream, for: subscription)
                }
                state.subscription = Subscription(number: subscription, reader: reader)
            }
            state.subscription?.viewers[number] = viewer
            return true
        }
    }

    private func read(_ upstream: AsyncStream<MirrorEvent>, for subscription: Int) async {
        for await event in upstream {
            for viewer in viewers(of: subscription) {
                if case .dropped = viewer.yield(event) { viewer.finish() }
            }
        }
        // The mirror is closed or cannot be read on: viewers resume by themselves.
        let left = state.withLock { state in
            guard state.subscription?.number == subscription else { return [Int: Viewer]() }
            defer { state.subscription = nil }
            return state.subscription?.viewers ?? [:]
        }
        for viewer in left.values { viewer.finish() }
    }

    private func viewers(of subscription: Int) -> [Viewer] {
        state.withLock { state in
            guard let current = state.subscription, current.number == subscription else { return [] }
            return Array(current.viewers.values)
        }
    }

    private func leave(_ viewer: Int) {
        let reader = state.withLock { state -> Task<Void, Never>? in
            guard state.subscription?.viewers.removeValue(forKey: viewer) != nil,
                state.subscription?.viewers.isEmpty == true
            else { return nil }
            defer { state.subscription = nil }
            return state.subscription?.reader
        }
        reader?.cancel()
    }
}
