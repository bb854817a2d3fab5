import Synchronization
import ZnodeStore

/// Another session whose lists of one znode can be held back, before they are asked for.
final class HeldListSession: ZnodeSession {
    private struct Gate {
        /// Lists are held back once an answer had this name.
        var name: String
        var isArmed = false
        var held: [CheckedContinuation<Void, Never>] = []
        var isOpen = false
    }

    private let session: any ZnodeSession
    private let path: ZnodePath
    private let gate: Mutex<Gate>

    init(_ session: any ZnodeSession, holding path: ZnodePath, afterSeeing name: String) {
        self.session = session
        self.path = path
        gate = Mutex(Gate(name: name))
    }

    /// Whether a list is held back now.
    var isHolding: Bool { gate.withLock { !$0.held.isEmpty } }

    /// Lets all lists through from now on.
    func open() {
        let held = gate.withLock { gate in
            gate.isOpen = true
            defer { gate.held = [] }
            return gate.held
        }
        for each in held { each.resume() }
    }

    func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        guard path == self.path else { return try await session.children(path, watch: watch) }
        await withCheckedContinuation { continuation in
            let isHeld = gate.withLock { gate in
                guard gate.isArmed, !gate.isOpen else { return false }
                gate.held.append(continuation)
                return true
            }
            if !isHeld { continuation.resume() }
        }
        let names = try await session.children(path, watch: watch)
        gate.withLock { if names.contains($0.name) { $0.isArmed = true } }
        return names
    }

    var id: Int64 { session.id }
    var timeout: Duration { session.timeout }
    var state: SessionState { session.state }
    var lastConfirmedWrite: ContinuousClock.Instant { session.lastConfirmedWrite }

    func transitions() -> AsyncStream<SessionState> { session.transitions() }

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
