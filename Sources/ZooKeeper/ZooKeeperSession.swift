import CZooKeeper
import Dispatch
import Glibc
import Logging
import Synchronization
package import ZnodeStore

/// One `zhandle_t`. `@unchecked`: the library takes calls on a handle from any thread.
struct ZooKeeperHandle: @unchecked Sendable {
    let raw: OpaquePointer
}

/// One session with an ensemble: one `zhandle_t`, from its first connection to its close or expiry.
///
/// Made by `ZooKeeperEnsemble`. Its owner ends it with `close()` or `abandon()`; until then the library holds
/// it (and its two threads run), so a session that is merely forgotten stays open.
///
/// *How it is locked.* One lock guards everything, and the calls into libzookeeper are made under it: so the
/// check that the session is connected and the call are one step (an unguarded `multi` on an expired handle
/// aborts the process), and calls are sent in the order in which they came. That is safe because the library
/// calls back from its own thread holding none of its locks, and because its calls only append to a queue.
/// Nothing is resumed under the lock.
package final class ZooKeeperSession: ZnodeSession {
    /// How far the end of the session has come.
    enum Ending {
        case open
        case underWay([CheckedContinuation<Void, Never>])
        case done
    }

    struct Shared {
        /// `nil` before it is opened and as soon as it is to be closed.
        var handle: ZooKeeperHandle?
        var state = SessionState.connecting
        var ending = Ending.open
        var identity: SessionIdentity?
        var timeout: Duration
        var requests: RequestRegistry
        var watches: WatchTable
        /// Reads that were refused since the watched paths are at their bound.
        var refusedWatches = 0
        var transactionBytes = SessionFigures.Level(value: 0, limit: StoreLimits.maximumMultiLength)
        /// When the newest write that was answered was sent.
        var lastConfirmedWrite: ContinuousClock.Instant
        /// When the newest request of any kind that was answered was sent.
        var lastAnswered: ContinuousClock.Instant
        /// When the session is given up, while it is suspended.
        var lostAt: ContinuousClock.Instant?
        var subscribers: [Int: AsyncStream<SessionState>.Continuation] = [:]
        var subscriptions = 0
        /// Who waits for the last outstanding request to be answered.
        var drained: DispatchSemaphore?
        /// Requests that libzookeeper still points to after `abandon`. Kept for good: their memory must not
        /// go.
        var kept: [any PendingRequest] = []
    }

    let configuration: ZooKeeperConfiguration
    let shared: Mutex<Shared>
    /// Delivers the transitions in the order in which they were queued under the lock, watches the clock
    /// while the session is suspended, and closes the handle. Has a thread of its own when it blocks.
    let queue = DispatchQueue(label: "zookeeper.session")

    init(configuration: ZooKeeperConfiguration) {
        self.configuration = configuration
        let now = ContinuousClock.now
        let chroot = configuration.chroot == .root ? 0 : configuration.chroot.description.utf8.count
        shared = Mutex(
            Shared(
                timeout: configuration.sessionTimeout,
                requests: RequestRegistry(
                    window: configuration.requestWindow,
                    maximumWaiting: configuration.maximumWaitingRequests
                ),
                watches: WatchTable(chrootLength: chroot),
                lastConfirmedWrite: now,
                lastAnswered: now
            )
        )
    }

    package var id: Int64 { shared.withLock { $0.identity?.id ?? 0 } }
    /// What the server knows the session by; `nil` until it is connected for the first time.
    package var identity: SessionIdentity? { shared.withLock { $0.identity } }
    package var timeout: Duration { shared.withLock { $0.timeout } }
    package var state: SessionState { shared.withLock { $0.state } }
    /// When the newest write that was answered was sent. Until there is one, when the session was opened.
    package var lastConfirmedWrite: ContinuousClock.Instant { shared.withLock { $0.lastConfirmedWrite } }

    package var figures: SessionFigures? {
        shared.withLock { shared in
            SessionFigures(
                requests: .init(value: shared.requests.outstandingCount, limit: shared.requests.window),
                waiting: .init(
                    value: shared.requests.waitingCount,
                    limit: shared.requests.maximumWaiting,
                    refused: shared.requests.refused
                ),
                watchedBytes: .init(
                    value: shared.watches.bytes,
                    limit: WatchTable.maximumBytes,
                    refused: shared.refusedWatches
                ),
                transactionBytes: shared.transactionBytes
            )
        }
    }

    /// The rights that created znodes get. Points to a constant of the library.
    var acl: UnsafePointer<ACL_vector>? {
        switch configuration.accessControl {
        case .open: czookeeper_open_acl()
        case .creatorOnly: czookeeper_creator_all_acl()
        }
    }

    /// Makes the handle. Resolving the hosts' names blocks, so it happens on the session's own queue.
    func open(resuming identity: SessionIdentity?) async throws(StoreError) {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<StoreError?, Never>) in
            queue.async { continuation.resume(returning: self.makeHandle(resuming: identity)) }
        }
        if let result { throw result }
    }

    private func makeHandle(resuming identity: SessionIdentity?) -> StoreError? {
        // Balanced when the handle is closed: callbacks may come until then.
        let context = Unmanaged.passRetained(self)
        var client = clientid_t()
        if let identity {
            client.client_id = identity.id
            // The password came out of this very field.
            withUnsafeMutableBytes(of: &client.passwd) { $0.copyBytes(from: identity.password) }
        }
        // The client copies it before the call returns.
        let made = withUnsafePointer(to: client) { client in
            zookeeper_init2(
                configuration.hosts,
                sessionChanged,
                configuration.sessionTimeoutMilliseconds,
                identity == nil ? nil : client,
                context.toOpaque(),
                ZOO_NO_LOG_CLIENTENV,
                libraryLogged
            )
        }
        guard let handle = made else {
            let code = errno
            context.release()
            return StoreError(
                code == EINVAL ? .badArguments : .notConnected,
                operation: "open",
                message: "cannot use the hosts \"\(configuration.hosts)\": \(String(cString: strerror(code)))"
            )
        }
        if let credentials = configuration.credentials {
            let text = "\(credentials.user):\(credentials.password)"
            // Kept by the handle, and sent before anything else on each connection.
            zoo_add_auth(handle, "digest", text, Int32(text.utf8.count), nil, nil)
        }
        let opened = ZooKeeperHandle(raw: handle)
        shared.withLock { $0.handle = opened }
        return nil
    }
}
