import ZnodeStore

/// A transaction as the ensemble committed it.
struct CommittedTransaction {
    /// Its place in the order of all.
    let index: Int
    /// Nanoseconds since the beginning of the world.
    let at: Int64
    /// The session that sent it; for an end of a session, that one.
    let session: Int64
    /// Empty for the end of a session.
    let operations: [StoreOperation]
    let changes: [ZnodeChange]
    let zxid: Int64
}

/// A ZooKeeper ensemble: a leader that orders, servers that follow at their own pace, sessions that expire.
///
/// What is decided is `EmbeddedModel`'s, which the conformance suite compares with the real one. Here is what lies between:
/// servers that lag, connections that break before or after a request was applied, expiry by the ensemble's clock
/// alone, and none while there is no quorum.
///
/// `@unchecked`: see `VirtualLoop`.
final class Ensemble: @unchecked Sendable {
    /// One server's copy, with the watches that were armed there.
    final class Server {
        var model = EmbeddedModel()
        /// What is committed and not applied here yet, in order.
        fileprivate var pending: [Entry] = []
        /// How much of the log is applied.
        fileprivate(set) var applied = 0
        fileprivate var lastApply: Int64 = 0
        var isDown = false
    }

    fileprivate enum Entry {
        case open
        case end(Int64)
        case apply([StoreOperation], session: Int64, milliseconds: Int64)
    }

    /// What the ensemble knows of a session.
    final class SessionEntry {
        let id: Int64
        let timeout: Int64
        fileprivate(set) var isOver = false
        fileprivate(set) var lastHeard: Int64
        fileprivate(set) var connection: Connection?

        init(id: Int64, timeout: Int64, now: Int64) {
            self.id = id
            self.timeout = timeout
            lastHeard = now
        }
    }

    /// The clock's step of the real thing: sessions end at its multiples.
    static let tick: Int64 = 500_000_000

    let loop: VirtualLoop
    let trace: Trace
    private var random: SeededRandom
    /// What is decided. The servers' models follow it.
    private(set) var leader = EmbeddedModel()
    private(set) var servers: [Server]
    private var sessions: [Int64: SessionEntry] = [:]
    private var logLength = 0
    private(set) var hasQuorum = true
    /// How long servers take to follow, in nanoseconds on average.
    var meanLag: Int64
    private var connections = 0
    private let wallStart: Int64
    /// Told of each transaction right after it was decided.
    var onCommit: ((CommittedTransaction, ZnodeTree) -> Void)?
    /// Told when a session ends at the ensemble, whether by its own will.
    var onSessionEnd: ((Int64, _ isExpired: Bool) -> Void)?

    init(
        loop: VirtualLoop,
        trace: Trace,
        random: SeededRandom,
        servers: Int,
        meanLag: Int64,
        wallStart: Int64
    ) {
        self.loop = loop
        self.trace = trace
        self.random = random
        self.servers = (0..<servers).map { _ in Server() }
        self.meanLag = meanLag
        self.wallStart = wallStart
    }

    var tree: ZnodeTree { leader.tree }

    /// The ensemble's wall clock: the true one.
    var milliseconds: Int64 { wallStart + loop.now / 1_000_000 }

    // MARK: Committing

    private func follow(_ entry: Entry) {
        logLength += 1
        for server in servers {
            server.pending.append(entry)
            let mean = meanLag
            server.lastApply = max(server.lastApply, loop.now + (mean == 0 ? 0 : random.between(0, mean * 2)))
            let goal = logLength
            loop.at(server.lastApply) { [self] in
                // Down or without quorum a server follows nothing; it catches up when it is asked again.
                if !server.isDown { catchUp(server, to: goal) }
            }
        }
    }

    /// Applies the log at a server as far as that.
    func catchUp(_ server: Server, to length: Int) {
        while server.applied < length {
            let entry = server.pending.removeFirst()
            server.applied += 1
            let commit: EmbeddedModel.Commit
            switch entry {
            case .open:
                _ = server.model.openSession()
                continue
            case .end(let session):
                commit = server.model.endSession(session)
            case .apply(let operations, let session, let milliseconds):
                do throws(ZnodeTree.Refusal) {
                    commit = try server.model.apply(operations, session: session, milliseconds: milliseconds)
                } catch {
                    preconditionFailure("a server refuses what the leader committed: \(error)")
                }
            }
            for fired in commit.fired {
                guard let connection = sessions[fired.session]?.connection, connection.server === server
                else {
                    continue
                }
                connection.tokens.remove(fired.token)
                connection.push(.event(fired.token, fired.event))
            }
        }
    }

    func openSession(timeout: Int64) -> SessionEntry {
        let entry = SessionEntry(id: leader.openSession(), timeout: timeout, now: loop.now)
        follow(.open)
        sessions[entry.id] = entry
        watchExpiry(entry)
        return entry
    }

    /// Decides a transaction. What follows from it reaches the servers later, the given one at once.
    func commit(
        _ operations: [StoreOperation],
        session: Int64,
        at server: Server
    ) throws(ZnodeTree.Refusal) -> [StoreOperationResult] {
        let now = milliseconds
        let commit = try leader.apply(operations, session: session, milliseconds: now)
        follow(.apply(operations, session: session, milliseconds: now))
        catchUp(server, to: logLength)
        decided(operations, commit.changes, session)
        return commit.results
    }

    private func decided(_ operations: [StoreOperation], _ changes: [ZnodeChange], _ session: Int64) {
        guard !changes.isEmpty else { return }
        for change in changes { trace.mix(change.path.description) }
        trace.mix(UInt64(bitPattern: loop.now) ^ UInt64(bitPattern: session))
        for change in changes { trace.tell("store", "s\(session)", "\(change.kind) \(change.path)") }
        onCommit?(
            CommittedTransaction(
                index: logLength,
                at: loop.now,
                session: session,
                operations: operations,
                changes: changes,
                zxid: leader.counters.zxid
            ),
            leader.tree
        )
    }

    // MARK: Sessions

    func entry(_ id: Int64) -> SessionEntry? { sessions[id] }

    func heard(_ session: SessionEntry) { session.lastHeard = loop.now }

    func end(_ session: SessionEntry, isExpired: Bool) {
        guard !session.isOver else { return }
        session.isOver = true
        sessions[session.id] = nil
        trace.note(isExpired ? "expired" : "closed", "s\(session.id)")
        onSessionEnd?(session.id, isExpired)
        let commit = leader.endSession(session.id)
        follow(.end(session.id))
        decided([], commit.changes, session.id)
        session.connection?.closeByServer()
        session.connection = nil
    }

    /// Ends a session now, as an administrator could.
    func expire(_ id: Int64) {
        if let session = sessions[id] { end(session, isExpired: true) }
    }

    private func watchExpiry(_ session: SessionEntry) {
        let due = ((session.lastHeard + session.timeout) / Self.tick + 1) * Self.tick
        loop.at(due) { [weak self, weak session] in
            guard let self, let session, !session.isOver else { return }
            if hasQuorum, loop.now >= session.lastHeard + session.timeout {
                end(session, isExpired: true)
            } else {
                // Without quorum nobody counts.
                if !hasQuorum { session.lastHeard = loop.now }
                watchExpiry(session)
            }
        }
    }

    // MARK: Connections

    /// A server to connect to; `nil` where none takes connections.
    func chooseServer() -> Server? {
        guard hasQuorum else { return nil }
        let up = servers.filter { !$0.isDown }
        return up.isEmpty ? nil : random.pick(up)
    }

    func makePipes(_ link: Link) -> (up: Pipe, down: Pipe) {
        connections += 1
        return (
            Pipe(number: connections * 2, loop: loop, link: link, isUp: true, random: random.fork()),
            Pipe(number: connections * 2 + 1, loop: loop, link: link, isUp: false, random: random.fork())
        )
    }

    /// Gives a session to a new connection; the old one is no longer listened to.
    func attach(_ session: SessionEntry, _ connection: Connection) {
        if let old = session.connection {
            old.closeByServer()
            for token in old.tokens { old.server.model.disarm(token) }
        }
        session.connection = connection
        heard(session)
    }

    /// How much of the log there is.
    var length: Int { logLength }

    // MARK: Faults

    /// Takes the quorum away: all connections break, nothing is decided, nobody expires.
    func loseQuorum() {
        guard hasQuorum else { return }
        hasQuorum = false
        trace.note("quorum lost")
        for session in sorted { session.connection?.closeByServer() }
    }

    func regainQuorum() {
        guard !hasQuorum else { return }
        hasQuorum = true
        trace.note("quorum back")
        for session in sorted { session.lastHeard = loop.now }
    }

    /// Stops one server: its connections break.
    func stop(server index: Int) {
        let server = servers[index]
        guard !server.isDown, servers.count(where: { !$0.isDown }) > 1 else { return }
        server.isDown = true
        trace.note("server down", "\(index)")
        for session in sorted where session.connection?.server === server {
            session.connection?.closeByServer()
        }
    }

    func start(server index: Int) {
        servers[index].isDown = false
    }

    private var sorted: [SessionEntry] { sessions.values.sorted { $0.id < $1.id } }
}
