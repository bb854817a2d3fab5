import Synchronization
package import ZnodeStore

extension ZooKeeperSession {
    package func makeWatch() -> WatchToken {
        shared.withLock { $0.watches.makeToken() }
    }

    package func fired(_ token: WatchToken) async -> WatchEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: WatchTable.Waiter) in
                let event = shared.withLock { shared -> WatchEvent?? in
                    // A cancellation that came before has found no waiter.
                    Task.isCancelled ? .some(nil) : shared.watches.wait(for: token, waiter)
                }
                if let event { waiter.resume(returning: event) }
            }
        } onCancel: {
            disarm(token)
        }
    }

    package func disarm(_ token: WatchToken) {
        let waiter = shared.withLock { $0.watches.disarm(token) }
        waiter?.resume(returning: nil)
    }

    /// Called on libzookeeper's completion thread. Events that find nobody do nothing.
    func watchFired(_ kind: WatchKind, path: String, _ event: WatchEvent) {
        let waiters = shared.withLock { $0.watches.fire(kind, path: path, event) }
        for waiter in waiters { waiter.resume(returning: event) }
    }
}
