import ZnodeStore

/// A session of one life of a node, seen from the client: what the library of the real thing does.
///
/// `@unchecked`: see `VirtualLoop`.
final class SimulatedSession: ZnodeSession, @unchecked Sendable {
    private typealias Outcome = Result<SessionReply, StoreError>

    /// A request that was sent and is not answered.
    private struct Outstanding {
        let request: SessionRequest
        let continuation: CheckedContinuation<Outcome, Never>?
        let sentAt: ContinuousClock.Instant
    }

    private enum Watch {
        /// Made; armed where `seen` says so; with whoever waits for it.
        case armed(SeenZnode?, CheckedContinuation<WatchEvent?, Never>?)
        case fired(WatchEvent)
    }

    private let ensemble: Ensemble
    private let life: Life
    private(set) var id: Int64 = 0
    let timeout: Duration
    private let timeoutNanoseconds: Int64
    private(set) var state = SessionState.connecting
    private(set) var lastConfirmedWrite: ContinuousClock.Instant
    /// When the newest request that was answered was sent, by the node's clock.
    private var lastAnswered: ContinuousClock.Instant
    /// When anything came from the server last.
    private var lastReceived: ContinuousClock.Instant
    private var connection: Connection?
    private var outstanding: [Outstanding] = []
    private var watches: [WatchToken: Watch] = [:]
    private var observers: [AsyncStream<SessionState>.Continuation] = []
    private var inbox: [(Connection, ServerMessage)] = []
    private var seen = 0
    /// Counts suspensions, so that an old timer finds that it is late.
    private var suspensions = 0
    private var closing: CheckedContinuation<Void, Never>?

    init(ensemble: Ensemble, life: Life, timeout: Int64) {
        self.ensemble = ensemble
        self.life = life
        timeoutNanoseconds = timeout
        self.timeout = .nanoseconds(timeout)
        let now = life.clock.instant
        lastConfirmedWrite = now
        lastAnswered = now
        lastReceived = now
    }

    /// Begins to connect.
    func open() {
        connect()
        beat()
    }

    // MARK: Connection

    private func connect() {
        guard !state.isOver, !life.isDead, connection == nil else { return }
        guard life.machine.link.isWhole, let server = ensemble.chooseServer() else {
            return retry()
        }
        let connection = Connection(ensemble: ensemble, server: server, link: life.machine.link) {
            [weak self] source, message in
            self?.arrived(message, from: source)
        }
        self.connection = connection
        lastReceived = life.clock.instant
        let armed = watches.compactMap { token, watch -> (WatchToken, SeenZnode)? in
            guard case .armed(let seen?, _) = watch else { return nil }
            return (token, seen)
        }
        connection.connect(
            id == 0 ? nil : id,
            timeout: timeoutNanoseconds,
            seen: seen,
            watches: armed.sorted { $0.0.rawValue < $1.0.rawValue }
        )
    }

    private func retry() {
        life.loop.after(life.random.between(20_000_000, 400_000_000), in: life.lane) { [weak self] in
            self?.connect()
        }
    }

    /// A message has come: it is handled when the process runs.
    private func arrived(_ message: ServerMessage, from connection: Connection) {
        inbox.append((connection, message))
        life.loop.post(life.lane) { [weak self] in self?.receive() }
    }

    private func receive() {
        guard !inbox.isEmpty else { return }
        let (source, message) = inbox.removeFirst()
        guard source === connection, !life.isDead else { return }
        lastReceived = life.clock.instant
        switch message {
        case .connected(let entry):
            id = entry.id
            enter(.connected)
        case .expired:
            source.closeByClient(losesUnsent: true)
            connection = nil
            end(as: .expired)
        case .pong:
            break
        case .reply(let reply, let applied):
            seen = max(seen, applied)
            answered(reply)
        case .event(let token, let event):
            deliver(event, to: token)
        case .closed:
            suspend()
        }
    }

    /// Pings, and notices when nothing comes any more.
    private func beat() {
        life.loop.after(life.clock.trueNanoseconds(timeoutNanoseconds / 3), in: life.lane) { [weak self] in
            guard let self, !state.isOver, !life.isDead else { return }
            if connection != nil {
                if lastReceived.duration(to: life.clock.instant) >= timeout * 2 / 3 {
                    suspend()
                } else if state == .connected {
                    connection?.ping()
                }
            }
            beat()
        }
    }

    /// The connection is lost: what was under way has an unknown outcome.
    private func suspend() {
        connection?.closeByClient(losesUnsent: life.random.chance(0.5))
        connection = nil
        let unanswered = outstanding
        outstanding = []
        if state == .connected {
            suspensions += 1
            let own = suspensions
            enter(.suspended)
            let now = life.clock.instant
            let lost = max(lastAnswered, now - timeout * 2 / 3) + timeout
            life.loop.after(life.clock.trueNanoseconds(now.duration(to: lost).nanoseconds), in: life.lane) {
                [weak self] in
                guard let self, suspensions == own, state == .suspended else { return }
                end(as: .lost)
            }
        }
        for each in unanswered {
            if case .close = each.request { continue }
            disarmUnanswered(each.request)
            each.continuation?.resume(
                returning: .failure(
                    StoreError(.connectionLoss, operation: each.request.name, path: each.request.path)
                )
            )
        }
        retry()
    }

    /// A read whose answer is lost has armed nothing that the client knows of.
    private func disarmUnanswered(_ request: SessionRequest) {
        guard let token = request.token, case .armed(_, let waiter) = watches[token] else { return }
        watches[token] = .armed(nil, waiter)
    }

    // MARK: State

    func transitions() -> AsyncStream<SessionState> {
        let (stream, continuation) = AsyncStream.makeStream(of: SessionState.self)
        continuation.yield(state)
        if state == .closed { continuation.finish() } else { observers.append(continuation) }
        return stream
    }

    private func enter(_ next: SessionState) {
        guard state != next else { return }
        state = next
        life.trace.note("session", "\(life.name) s\(id)", details: "\(next)")
        for observer in observers { observer.yield(next) }
        if next == .closed {
            for observer in observers { observer.finish() }
            observers = []
        }
    }

    private func end(as outcome: SessionState) {
        guard !state.isOver || (outcome == .closed && state != .closed) else { return }
        suspensions += 1
        enter(outcome)
        let unanswered = outstanding
        outstanding = []
        for each in unanswered {
            each.continuation?.resume(
                returning: .failure(
                    StoreError(
                        outcome == .closed ? .closing : .sessionExpired,
                        operation: each.request.name,
                        path: each.request.path
                    )
                )
            )
        }
        let waiting = watches.sorted { $0.key.rawValue < $1.key.rawValue }
        watches = [:]
        for (_, watch) in waiting {
            if case .armed(_, let waiter?) = watch { waiter.resume(returning: nil) }
        }
    }

    func close() async {
        guard state != .closed else { return }
        if state == .connected, let connection {
            connection.send(.close, nil)
        }
        connection?.closeByClient(losesUnsent: false)
        connection = nil
        end(as: .closed)
    }

    func abandon() async { drop(losesUnsent: false) }

    /// The process is gone, or lets go: the ensemble hears nothing more of it.
    func drop(losesUnsent: Bool) {
        connection?.closeByClient(losesUnsent: losesUnsent)
        connection = nil
        end(as: .closed)
    }

    // MARK: Operations

    func create(_ path: ZnodePath, data: [UInt8], mode: CreateMode) async throws(StoreError) -> ZnodePath {
        let results = try await write([.create(path, data: data, mode: mode)], name: "create")
        guard case .created(let created) = results[0] else { preconditionFailure("create: \(results)") }
        return created
    }

    func set(_ path: ZnodePath, data: [UInt8], version: Int32?) async throws(StoreError) -> ZnodeStat {
        let results = try await write([.set(path, data: data, version: version)], name: "set")
        guard case .set(let stat) = results[0] else { preconditionFailure("set: \(results)") }
        return stat
    }

    func delete(_ path: ZnodePath, version: Int32?) async throws(StoreError) {
        _ = try await write([.delete(path, version: version)], name: "delete")
    }

    func multi(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult] {
        try await write(operations, name: "multi")
    }

    private func write(
        _ operations: [StoreOperation],
        name: String
    ) async throws(StoreError) -> [StoreOperationResult] {
        let size = operations.reduce(0) { $0 + $1.encodedSize }
        guard size <= StoreLimits.maximumMultiLength, operations.count <= StoreLimits.maximumMultiCount else {
            throw StoreError(.tooLarge, operation: name, path: operations.first?.path)
        }
        let sent = life.bug.rewrite(operations)
        let reply: SessionReply
        do throws(StoreError) {
            reply = try await request(.write(sent.operations, name: name))
        } catch {
            throw sent.restore(error)
        }
        guard case .written(let results) = reply else { preconditionFailure("a write has another answer") }
        return sent.restore(results)
    }

    func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        guard case .znode(let znode) = try await request(.get(path, watch)) else {
            preconditionFailure("get has another answer")
        }
        guard let znode else { throw StoreError(.noNode, operation: "get", path: path) }
        return znode
    }

    func exists(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> ZnodeStat? {
        guard case .stat(let stat) = try await request(.exists(path, watch)) else {
            preconditionFailure("exists has another answer")
        }
        return stat
    }

    func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        guard case .names(let names, _) = try await request(.children(path, watch)) else {
            preconditionFailure("children has another answer")
        }
        guard var names else { throw StoreError(.noNode, operation: "children", path: path) }
        names.shuffle(using: &life.random)
        return names
    }

    func sync(_ path: ZnodePath) async throws(StoreError) {
        _ = try await request(.sync)
    }

    private func request(_ request: SessionRequest) async throws(StoreError) -> SessionReply {
        switch state {
        case .connected: break
        case .connecting, .suspended:
            throw StoreError(.notConnected, operation: request.name, path: request.path)
        case .lost, .expired: throw StoreError(.sessionExpired, operation: request.name, path: request.path)
        case .closed: throw StoreError(.closing, operation: request.name, path: request.path)
        }
        let outcome: Outcome = await withCheckedContinuation { continuation in
            guard let connection, !life.isDead else {
                continuation.resume(
                    returning: .failure(StoreError(.closing, operation: request.name, path: request.path))
                )
                return
            }
            outstanding.append(
                Outstanding(request: request, continuation: continuation, sentAt: life.clock.instant)
            )
            connection.send(request, life.machine.mishap(request))
        }
        let reply = try outcome.get()
        if case .refused(let error) = reply { throw error }
        return reply
    }

    /// An answer to the oldest request. Watches are armed here, so that an event that follows finds them.
    private func answered(_ reply: SessionReply) {
        guard !outstanding.isEmpty else { return }
        let each = outstanding.removeFirst()
        lastAnswered = max(lastAnswered, each.sentAt)
        if each.request.isWrite { lastConfirmedWrite = max(lastConfirmedWrite, each.sentAt) }
        switch (each.request, reply) {
        case (.get(let path, let token?), .znode(let znode?)): arm(token, SeenZnode(path, .node, znode.stat))
        case (.exists(let path, let token?), .stat(let stat)): arm(token, SeenZnode(path, .node, stat))
        case (.children(let path, let token?), .names(_?, let stat)):
            arm(token, SeenZnode(path, .children, stat))
        default: break
        }
        each.continuation?.resume(returning: .success(reply))
    }

    // MARK: Watches

    private func arm(_ token: WatchToken, _ seen: SeenZnode) {
        guard case .armed(_, let waiter) = watches[token] else { return }
        watches[token] = .armed(seen, waiter)
    }

    func makeWatch() -> WatchToken {
        let token = WatchToken(rawValue: life.machine.nextToken())
        if !state.isOver { watches[token] = .armed(nil, nil) }
        return token
    }

    func fired(_ token: WatchToken) async -> WatchEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled, let watch = watches[token] else {
                    continuation.resume(returning: nil)
                    return
                }
                switch watch {
                case .fired(let event):
                    watches[token] = nil
                    continuation.resume(returning: event)
                case .armed(let seen, nil):
                    watches[token] = .armed(seen, continuation)
                case .armed:
                    preconditionFailure("two tasks wait for watch \(token.rawValue)")
                }
            }
        } onCancel: {
            disarm(token)
        }
    }

    func disarm(_ token: WatchToken) {
        guard case .armed(_, let waiter) = watches.removeValue(forKey: token) else { return }
        waiter?.resume(returning: nil)
    }

    private func deliver(_ event: WatchEvent, to token: WatchToken) {
        guard case .armed(_, let waiter) = watches[token] else { return }
        watches[token] = waiter == nil ? .fired(event) : nil
        waiter?.resume(returning: event)
    }
}

extension SessionRequest {
    var name: String {
        switch self {
        case .write(_, let name): name
        case .get: "get"
        case .exists: "exists"
        case .children: "children"
        case .sync: "sync"
        case .close: "close"
        }
    }

    var path: ZnodePath? {
        switch self {
        case .write(let operations, _): operations.first?.path
        case .get(let path, _), .exists(let path, _), .children(let path, _): path
        case .sync, .close: nil
        }
    }

    var token: WatchToken? {
        switch self {
        case .get(_, let token), .exists(_, let token), .children(_, let token): token
        case .write, .sync, .close: nil
        }
    }
}

extension Duration {
    /// Whole nanoseconds, as far as they fit.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows ? (seconds < 0 ? .min / 2 : .max / 2) : product + attoseconds / 1_000_000_000
    }
}
