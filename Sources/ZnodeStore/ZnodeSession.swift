/// Where a session stands. Curator's words: *suspended* is out of contact, *lost* is given up by the local clock.
///
/// - `connecting`: no contact yet → `connected`, `closed`
/// - `connected` → `suspended`, `expired`, `closed`
/// - `suspended`: contact lost; the server may still hold the session → `connected`, `lost`, `expired`, `closed`
/// - `lost`: no answer for a whole session timeout by the local clock, so the server may have expired the session.
///   Nothing more may be decided in it. Final for its owner, who closes it → `closed`
/// - `expired`: the server said that the session is over → `closed`
/// - `closed`: ended by this process. Final.
package enum SessionState: Hashable, Sendable {
    case connecting
    case connected
    case suspended
    case lost
    case expired
    case closed

    /// Whether the session can never be used again.
    package var isOver: Bool {
        switch self {
        case .connecting, .connected, .suspended: false
        case .lost, .expired, .closed: true
        }
    }
}

/// Names one armed watch. Never reused within a process, so that a late event finds nothing and does nothing.
package struct WatchToken: Hashable, Sendable {
    package let rawValue: UInt

    package init(rawValue: UInt) {
        self.rawValue = rawValue
    }
}

/// What a one-shot watch saw.
package enum WatchEvent: Hashable, Sendable {
    case created
    case deleted
    case dataChanged
    case childrenChanged
}

/// One session with a coordination store: ZooKeeper, or the embedded store that behaves like it.
///
/// Operations of one session are applied in the order in which they were called. Reads with a `watch` arm that token
/// when they succeed (for `exists`: also when the znode is missing); a read that fails leaves the token unarmed. A
/// watch fires once, and its event is observable before any read of the same session can see the change.
///
/// All operations throw `StoreError`. Nothing is retried inside: an error with `isOutcomeUnknown` leaves it to the
/// caller to find out. Cancelling the calling task does not take a request back: the call returns when it is answered.
package protocol ZnodeSession: AnyObject, Sendable {
    /// The session's id; 0 until it is connected for the first time.
    var id: Int64 { get }
    /// The negotiated session timeout; what was asked for until it is connected.
    var timeout: Duration { get }
    var state: SessionState { get }
    /// When the last **write** that was answered was sent. Reads prove nothing about the quorum.
    var lastConfirmedWrite: ContinuousClock.Instant { get }
    /// How near the session is to its bounds; nil for a store in this process, which bounds what it writes instead.
    var figures: SessionFigures? { get }

    /// The state now, then each transition in order. Ends after `closed`.
    func transitions() -> AsyncStream<SessionState>

    /// Creates a znode and returns its path, with the counter where the mode is sequential.
    func create(_ path: ZnodePath, data: [UInt8], mode: CreateMode) async throws(StoreError) -> ZnodePath
    func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode
    /// Returns the znode's bookkeeping, or `nil` where there is none.
    func exists(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> ZnodeStat?
    /// Returns the names of the children, in no particular order.
    func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String]
    func set(_ path: ZnodePath, data: [UInt8], version: Int32?) async throws(StoreError) -> ZnodeStat
    func delete(_ path: ZnodePath, version: Int32?) async throws(StoreError)
    /// Applies all operations or none. On failure `StoreError.failedIndex` names the first that failed.
    func multi(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult]
    /// Waits until this session's server has caught up with the leader.
    func sync(_ path: ZnodePath) async throws(StoreError)

    /// Makes a token that reads can arm.
    func makeWatch() -> WatchToken
    /// Waits until the watch fires. Returns `nil` when it is disarmed, the session is over, or the task is cancelled.
    func fired(_ token: WatchToken) async -> WatchEvent?
    /// Gives a token up. Whoever waits for it gets `nil`.
    func disarm(_ token: WatchToken)

    /// Ends the session: its ephemeral znodes vanish, outstanding calls fail with `.closing`, watches finish.
    ///
    /// Idempotent; returns when everything of the session is released.
    func close() async
    /// Lets go of the session without ending it at the store: its ephemeral znodes stay until its timeout there.
    ///
    /// For a restart that is not a death. Locally everything ends as with `close()`.
    func abandon() async
}

extension ZnodeSession {
    package var figures: SessionFigures? { nil }

    package func create(_ path: ZnodePath, data: [UInt8] = []) async throws(StoreError) -> ZnodePath {
        try await create(path, data: data, mode: .persistent)
    }
    package func get(_ path: ZnodePath) async throws(StoreError) -> Znode { try await get(path, watch: nil) }
    package func exists(_ path: ZnodePath) async throws(StoreError) -> ZnodeStat? {
        try await exists(path, watch: nil)
    }
    package func children(_ path: ZnodePath) async throws(StoreError) -> [String] {
        try await children(path, watch: nil)
    }
    package func set(_ path: ZnodePath, data: [UInt8]) async throws(StoreError) -> ZnodeStat {
        try await set(path, data: data, version: nil)
    }
    package func delete(_ path: ZnodePath) async throws(StoreError) { try await delete(path, version: nil) }
}

/// Where sessions come from: an ensemble's address, or an embedded store.
package protocol SessionSource: Sendable {
    /// Opens a session and returns at once; it becomes `connected` when the store answers.
    func openSession() async throws(StoreError) -> any ZnodeSession
}
