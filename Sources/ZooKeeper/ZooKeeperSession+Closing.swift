import CZooKeeper
import Dispatch
import Synchronization
import ZnodeStore

extension ZooKeeperSession {
    /// Ends the session at the server and releases the handle.
    ///
    /// Calls that wait for room fail at once; those that are sent have two seconds to be answered, since the
    /// library drops completions when it is closed under load. Then the handle is closed on the session's own
    /// thread, which blocks for up to 4.5 s, and what the library has dropped fails with `.closing`.
    package func close() async {
        await withCheckedContinuation { continuation in
            end(by: continuation) { self.closeHandle() }
        }
    }

    /// Lets go of the session without telling the server.
    ///
    /// libzookeeper has no such call: closing a connected handle always ends the session. So the handle is
    /// left open, with its two threads, and goes on pinging **until the process exits**; from then on the
    /// server counts the session's timeout. This is for a process that is about to exit and be followed by
    /// another. What the session owned here stays allocated.
    package func abandon() async {
        await withCheckedContinuation { continuation in
            end(by: continuation) {
                self.shared.withLock { shared in
                    shared.handle = nil
                }
                self.finish(keepingRequests: true)
            }
        }
    }

    /// Starts the end, or waits for the one that has started, or returns at once.
    private func end(
        by continuation: CheckedContinuation<Void, Never>,
        _ body: @escaping @Sendable () -> Void
    ) {
        let (isDone, waiting) = shared.withLock { shared -> (Bool, [any PendingRequest]) in
            switch shared.ending {
            case .open:
                shared.ending = .underWay([continuation])
                queue.async(execute: body)
                return (false, shared.requests.drainWaiting())
            case .underWay(let others):
                shared.ending = .underWay(others + [continuation])
                return (false, [])
            case .done:
                return (true, [])
            }
        }
        for request in waiting { request.fail(request.header.error(.closing)) }
        if isDone { continuation.resume() }
    }

    /// Runs on the session's queue.
    private func closeHandle() {
        let drained = DispatchSemaphore(value: 0)
        let mustDrain = shared.withLock { shared -> Bool in
            guard shared.state == .connected, !shared.requests.isEmpty else { return false }
            shared.drained = drained
            return true
        }
        if mustDrain { _ = drained.wait(timeout: .now() + .seconds(2)) }
        // Taken under the lock, so no call is under way and none follows; closed outside it, since the
        // library's threads, which it joins, may want the lock.
        let handle = shared.withLock { shared -> ZooKeeperHandle? in
            defer { shared.handle = nil }
            return shared.handle
        }
        if let handle { zookeeper_close(handle.raw) }
        finish(keepingRequests: false)
        // No callback can follow: the one reference that the library held.
        if handle != nil { Unmanaged.passUnretained(self).release() }
    }

    /// Everything local ends.
    private func finish(keepingRequests: Bool) {
        let (requests, watches, continuations) = shared.withLock { shared in
            let requests = shared.requests.drainOutstanding() + shared.requests.drainWaiting()
            if keepingRequests { shared.kept = requests }
            var continuations: [CheckedContinuation<Void, Never>] = []
            if case .underWay(let waiting) = shared.ending { continuations = waiting }
            shared.ending = .done
            shared.lostAt = nil
            move(&shared, to: .closed)
            return (requests, shared.watches.end(), continuations)
        }
        for request in requests { request.fail(request.header.error(.closing)) }
        for waiter in watches { waiter.resume(returning: nil) }
        // After the news of the end, which is queued already.
        queue.async {
            for continuation in continuations { continuation.resume() }
        }
    }
}
