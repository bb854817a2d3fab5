import Synchronization

/// A session with an `EmbeddedStore`. Connected from the start.
package final class EmbeddedSession: ZnodeSession {
    /// Somebody who waits for a watch, to be resumed when no lock is held.
    struct Resumption {
        let continuation: CheckedContinuation<WatchEvent?, Never>
        let event: WatchEvent?
    }

    /// What this side of the session knows of a token that was not given up.
    private enum Watch {
        /// Nothing has happened; with whoever waits for it.
        case armed(CheckedContinuation<WatchEvent?, Never>?)
        /// The event waits for whoever asks.
        case fired(WatchEvent)
    }

    private struct State {
        var session = SessionState.connected
        var watches: [WatchToken: Watch] = [:]
        var lastConfirmedWrite: ContinuousClock.Instant
        /// Each gets at most the few transitions of one session, so the streams need no bound.
        var observers: [AsyncStream<SessionState>.Continuation] = []

        /// Takes a state and tells the observers. Under the session's lock, because transitions must keep their
        /// order; nobody's code runs in `yield` and `finish`: the streams have no termination handler.
        mutating func enter(_ next: SessionState) {
            session = next
            for observer in observers { observer.yield(next) }
            guard next == .closed else { return }
            for observer in observers { observer.finish() }
            observers = []
        }
    }

    /// Tokens are unique in the process, so that one of another session finds nothing.
    private static let lastToken = Atomic<UInt>(0)

    package let id: Int64
    private let store: EmbeddedStore
    private let local: Mutex<State>

    init(id: Int64, store: EmbeddedStore) {
        self.id = id
        self.store = store
        self.local = Mutex(State(lastConfirmedWrite: store.time.instant()))
    }

    package var timeout: Duration { store.timeout }
    package var state: SessionState { local.withLock { $0.session } }
    package var lastConfirmedWrite: ContinuousClock.Instant { local.withLock { $0.lastConfirmedWrite } }

    package func transitions() -> AsyncStream<SessionState> {
        let (stream, continuation) = AsyncStream.makeStream(of: SessionState.self)
        local.withLock { local in
            continuation.yield(local.session)
            if local.session == .closed {
                continuation.finish()
            } else {
                local.observers.append(continuation)
            }
        }
        return stream
    }

    // MARK: Operations

    package func create(
        _ path: ZnodePath,
        data: [UInt8],
        mode: CreateMode
    ) async throws(StoreError) -> ZnodePath {
        let result = try await single(.create(path, data: data, mode: mode), name: "create")
        guard case .created(let created) = result else { preconditionFailure("create answered \(result)") }
        return created
    }

    package func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        let znode = try await store.read(session: self, name: "get") { model in
            model.get(path, session: id, watch: watch)
        }
        guard let znode else { throw StoreError(.noNode, operation: "get", path: path) }
        return znode
    }

    package func exists(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> ZnodeStat? {
        try await store.read(session: self, name: "exists") { model in
            model.exists(path, session: id, watch: watch)
        }
    }

    package func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        let names = try await store.read(session: self, name: "children") { model in
            model.children(path, session: id, watch: watch)
        }
        guard let names else { throw StoreError(.noNode, operation: "children", path: path) }
        return names
    }

    package func set(
        _ path: ZnodePath,
        data: [UInt8],
        version: Int32?
    ) async throws(StoreError) -> ZnodeStat {
        let result = try await single(.set(path, data: data, version: version), name: "set")
        guard case .set(let stat) = result else { preconditionFailure("set answered \(result)") }
        return stat
    }

    package func delete(_ path: ZnodePath, version: Int32?) async throws(StoreError) {
        _ = try await single(.delete(path, version: version), name: "delete")
    }

    package func multi(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult] {
        try RequestLimits.check(multi: operations)
        return try await store.write(operations, session: self, name: "multi")
    }

    /// Waits until all that was done before is durable.
    package func sync(_ path: ZnodePath) async throws(StoreError) {
        try await store.read(session: self, name: "sync") { _ in }
    }

    private func single(
        _ operation: StoreOperation,
        name: String
    ) async throws(StoreError) -> StoreOperationResult {
        try RequestLimits.check(operation, name: name)
        return try await store.write([operation], session: self, name: name)[0]
    }

    // MARK: Watches

    package func makeWatch() -> WatchToken {
        let token = WatchToken(rawValue: Self.lastToken.add(1, ordering: .relaxed).newValue)
        local.withLock { local in
            if !local.session.isOver { local.watches[token] = .armed(nil) }
        }
        return token
    }

    package func fired(_ token: WatchToken) async -> WatchEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: WatchEvent?? = local.withLock { local in
                    // Checked under the lock: a cancellation after this finds the waiter in its place.
                    if Task.isCancelled { return .some(nil) }
                    switch local.watches[token] {
                    case nil: return .some(nil)
                    case .fired(let event):
                        local.watches[token] = nil
                        return event
                    case .armed(nil):
                        local.watches[token] = .armed(continuation)
                        return nil
                    case .armed:
                        preconditionFailure("two tasks wait for watch \(token.rawValue)")
                    }
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            disarm(token)
        }
    }

    package func disarm(_ token: WatchToken) {
        store.disarm(token)
        let waiter = local.withLock { local -> CheckedContinuation<WatchEvent?, Never>? in
            guard case .armed(let waiter) = local.watches.removeValue(forKey: token) else { return nil }
            return waiter
        }
        waiter?.resume(returning: nil)
    }

    // MARK: Ending

    package func close() async {
        await store.close(self)
    }

    package func abandon() async {
        store.abandon(self)
    }

    // MARK: For the store

    /// - Throws: `StoreError` unless the session is connected. Nothing has been applied then.
    func requireConnected(operation: String) throws(StoreError) {
        switch state {
        case .connected: return
        case .connecting, .suspended: throw StoreError(.notConnected, operation: operation)
        case .lost, .expired: throw StoreError(.sessionExpired, operation: operation)
        case .closed: throw StoreError(.closing, operation: operation)
        }
    }

    func confirmWrite(sentAt instant: ContinuousClock.Instant) {
        local.withLock { $0.lastConfirmedWrite = max($0.lastConfirmedWrite, instant) }
    }

    /// Keeps an event for whoever asks for it, or returns whom to resume with it. Called under the store's lock, which
    /// always comes before the session's.
    func deliver(_ event: WatchEvent, to token: WatchToken) -> Resumption? {
        local.withLock { local in
            guard case .armed(let waiter) = local.watches[token] else { return nil }
            local.watches[token] = waiter == nil ? .fired(event) : nil
            return waiter.map { Resumption(continuation: $0, event: event) }
        }
    }

    /// Changes the state unless it is another than expected.
    func move(from expected: SessionState, to next: SessionState) {
        local.withLock { local in
            guard local.session == expected else { return }
            local.enter(next)
        }
    }

    /// Ends this side of the session and returns who must be told that no event will come.
    func finish(as outcome: SessionState) -> [Resumption] {
        local.withLock { local in
            guard local.session != outcome, local.session != .closed else { return [] }
            local.enter(outcome)
            let waiters = local.watches.values.compactMap { watch -> Resumption? in
                guard case .armed(let waiter?) = watch else { return nil }
                return Resumption(continuation: waiter, event: nil)
            }
            local.watches = [:]
            return waiters
        }
    }
}
