import CZooKeeper
import Dispatch
import Logging
import Synchronization
package import ZnodeStore

extension ZooKeeperSession {
    /// The state now, then each transition in order. Never coalesced: the buffer has no bound, and needs
    /// none, since a transition comes with a change of the connection.
    package func transitions() -> AsyncStream<SessionState> {
        let (stream, continuation) = AsyncStream<SessionState>.makeStream(bufferingPolicy: .unbounded)
        let subscription = shared.withLock { shared -> Int in
            shared.subscriptions += 1
            let state = shared.state
            if state != .closed { shared.subscribers[shared.subscriptions] = continuation }
            // Queued under the lock, so it comes before whatever follows.
            queue.async {
                continuation.yield(state)
                if state == .closed { continuation.finish() }
            }
            return shared.subscriptions
        }
        continuation.onTermination = { [weak self] _ in
            self?.shared.withLock { _ = $0.subscribers.removeValue(forKey: subscription) }
        }
        return stream
    }

    /// The library says how the connection stands. Called on its completion thread.
    func connectionChanged(to state: Int32, on handle: OpaquePointer) {
        switch state {
        case ZOO_CONNECTED_STATE: connected(handle)
        case ZOO_CONNECTING_STATE, ZOO_ASSOCIATING_STATE, ZOO_NOTCONNECTED_STATE: suspended()
        case ZOO_EXPIRED_SESSION_STATE, ZOO_AUTH_FAILED_STATE: end(as: .expired)
        default: break
        }
    }

    private func connected(_ handle: OpaquePointer) {
        let client = zoo_client_id(handle)?.pointee
        let timeout = Duration.milliseconds(Int(zoo_recv_timeout(handle)))
        shared.withLock { shared in
            switch shared.state {
            case .connecting, .suspended: break
            case .connected, .lost, .expired, .closed: return
            }
            if let client {
                // A copy of a field of fixed size.
                let password = withUnsafeBytes(of: client.passwd) { [UInt8]($0) }
                shared.identity = SessionIdentity(id: client.client_id, password: password)
            }
            shared.timeout = timeout
            shared.lostAt = nil
            move(&shared, to: .connected)
        }
    }

    /// Contact is lost; from here the local clock decides, since a client that is cut off never hears of its
    /// expiry.
    ///
    /// The session is lost a whole timeout after the sending of the last answered request. An idle session
    /// sends none, but then the library has had an answer to a ping within two thirds of a timeout: it
    /// declares the loss of contact after as much silence. So the count starts there at the latest.
    private func suspended() {
        let refused = shared.withLock { shared -> [any PendingRequest] in
            guard shared.state == .connected else { return [] }
            let lastContact = max(shared.lastAnswered, .now - shared.timeout * 2 / 3)
            let lostAt = lastContact + shared.timeout
            shared.lostAt = lostAt
            move(&shared, to: .suspended)
            giveUp(at: lostAt)
            return shared.requests.drainWaiting()
        }
        for request in refused { request.fail(request.header.error(.notConnected)) }
    }

    /// Declares the session lost at that instant, unless it is connected by then.
    private func giveUp(at instant: ContinuousClock.Instant) {
        let wait = max(.zero, instant - .now).components
        let nanoseconds = Int(wait.seconds) * 1_000_000_000 + Int(wait.attoseconds / 1_000_000_000)
        queue.asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { [weak self] in
            guard let self, self.shared.withLock({ $0.lostAt == instant }) else { return }
            // Dispatch's clock may differ a little from ours.
            if ContinuousClock.now < instant { self.giveUp(at: instant) } else { self.end(as: .lost) }
        }
    }

    /// The session is over. Its handle is still to be closed, by its owner.
    private func end(as state: SessionState) {
        let (waiting, waiters) = shared.withLock { shared -> ([any PendingRequest], [WatchTable.Waiter]) in
            switch shared.state {
            case .connecting, .connected: guard state == .expired else { return ([], []) }
            case .suspended: break
            case .lost, .expired, .closed: return ([], [])
            }
            shared.lostAt = nil
            move(&shared, to: state)
            return (shared.requests.drainWaiting(), shared.watches.end())
        }
        for request in waiting { request.fail(request.header.error(.sessionExpired)) }
        for waiter in waiters { waiter.resume(returning: nil) }
    }

    /// Changes the state and queues the news, both under the lock, so that nobody hears of them in another
    /// order.
    func move(_ shared: inout Shared, to state: SessionState) {
        shared.state = state
        let subscribers = Array(shared.subscribers.values)
        if state == .closed { shared.subscribers = [:] }
        let id = shared.identity?.id ?? 0
        queue.async { [logger = configuration.logger] in
            logger.debug(
                "session changed its state",
                metadata: ["session.id": "\(id)", "session.state": "\(state)"]
            )
            for subscriber in subscribers {
                subscriber.yield(state)
                if state == .closed { subscriber.finish() }
            }
        }
    }
}
