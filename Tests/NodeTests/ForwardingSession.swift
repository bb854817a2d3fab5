import ZnodeStore

/// Another session, as it is: the base of sessions in which something else happens. Unchecked, since it holds nothing
/// that changes, and its subclasses guard what they hold.
class ForwardingSession: ZnodeSession, @unchecked Sendable {
    private let session: any ZnodeSession

    init(_ session: any ZnodeSession) {
        self.session = session
    }

    var id: Int64 { session.id }
    var timeout: Duration { session.timeout }
    var state: SessionState { session.state }
    var lastConfirmedWrite: ContinuousClock.Instant { session.lastConfirmedWrite }

    func transitions() -> AsyncStream<SessionState> { session.transitions() }

    func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        try await session.children(path, watch: watch)
    }
    func multi(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult] {
        try await session.multi(operations)
    }
    func create(_ path: ZnodePath, data: [UInt8], mode: CreateMode) async throws(StoreError) -> ZnodePath {
        try await session.create(path, data: data, mode: mode)
    }
    func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        try await session.get(path, watch: watch)
    }
    func exists(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> ZnodeStat? {
        try await session.exists(path, watch: watch)
    }
    func set(_ path: ZnodePath, data: [UInt8], version: Int32?) async throws(StoreError) -> ZnodeStat {
        try await session.set(path, data: data, version: version)
    }
    func delete(_ path: ZnodePath, version: Int32?) async throws(StoreError) {
        try await session.delete(path, version: version)
    }
    func sync(_ path: ZnodePath) async throws(StoreError) { try await session.sync(path) }
    func makeWatch() -> WatchToken { session.makeWatch() }
    func fired(_ token: WatchToken) async -> WatchEvent? { await session.fired(token) }
    func disarm(_ token: WatchToken) { session.disarm(token) }
    func close() async { await session.close() }
    func abandon() async { await session.abandon() }
}
