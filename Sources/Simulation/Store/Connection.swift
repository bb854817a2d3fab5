import ZnodeStore

/// What a server sends to a client.
enum ServerMessage {
    case connected(Ensemble.SessionEntry)
    /// The session is over.
    case expired
    /// The answer to the oldest request that has none, and how much of the log the server had applied.
    case reply(SessionReply, applied: Int)
    case pong
    case event(WatchToken, WatchEvent)
    case closed
}

/// What a client asks for.
enum SessionRequest {
    case write([StoreOperation], name: String)
    case get(ZnodePath, WatchToken?)
    case exists(ZnodePath, WatchToken?)
    case children(ZnodePath, WatchToken?)
    case sync
    case close

    var isWrite: Bool {
        if case .write = self { return true }
        return false
    }
}

/// What a server answers.
enum SessionReply {
    case written([StoreOperationResult])
    case znode(Znode?)
    case stat(ZnodeStat?)
    case names([String]?, ZnodeStat?)
    case synced
    case refused(StoreError)
}

/// One connection of a session to one server, seen from the server.
///
/// `@unchecked`: see `VirtualLoop`.
final class Connection: @unchecked Sendable {
    /// What becomes of a request on its way, drawn for each.
    enum Mishap {
        /// The connection breaks before the request arrives.
        case lostRequest
        /// The request is applied, and the connection breaks before the answer arrives.
        case lostReply
    }

    let server: Ensemble.Server
    private let ensemble: Ensemble
    private let up: Pipe
    private let down: Pipe
    private let receive: (Connection, ServerMessage) -> Void
    /// Watches that are armed at the server for this connection.
    var tokens: Set<WatchToken> = []
    private(set) var session: Ensemble.SessionEntry?
    private var isServerSideOpen = true

    init(
        ensemble: Ensemble,
        server: Ensemble.Server,
        link: Link,
        receive: @escaping (Connection, ServerMessage) -> Void
    ) {
        self.ensemble = ensemble
        self.server = server
        self.receive = receive
        (up, down) = ensemble.makePipes(link)
    }

    // MARK: From the client

    /// Asks for a session: a new one, or the one that it had. `seen` is how much of the log the client knows.
    func connect(_ id: Int64?, timeout: Int64, seen: Int, watches: [(WatchToken, SeenZnode)]) {
        up.send { [self] in
            guard isServerSideOpen, ensemble.hasQuorum, !server.isDown else { return closeByServer() }
            let entry: Ensemble.SessionEntry
            if let id {
                guard let known = ensemble.entry(id), !known.isOver else { return push(.expired) }
                entry = known
            } else {
                entry = ensemble.openSession(timeout: timeout)
            }
            session = entry
            ensemble.attach(entry, self)
            ensemble.catchUp(server, to: id == nil ? ensemble.length : seen)
            push(.connected(entry))
            for (token, seen) in watches { rearm(token, seen, entry.id) }
        }
    }

    /// Arms a watch anew; what happened meanwhile is told at once.
    private func rearm(_ token: WatchToken, _ seen: SeenZnode, _ session: Int64) {
        if let event = seen.change(in: server.model.tree) {
            push(.event(token, event))
            return
        }
        switch seen.kind {
        case .node: _ = server.model.exists(seen.path, session: session, watch: token)
        case .children: _ = server.model.children(seen.path, session: session, watch: token)
        }
        tokens.insert(token)
    }

    func send(_ request: SessionRequest, _ mishap: Mishap?) {
        up.send { [self] in
            guard isServerSideOpen, let session, !session.isOver else { return }
            if mishap == .lostRequest { return closeByServer() }
            ensemble.heard(session)
            let reply = answer(request, session)
            if mishap == .lostReply { return closeByServer() }
            if case .close = request {
                ensemble.end(session, isExpired: false)
            } else {
                push(.reply(reply, applied: server.applied))
            }
        }
    }

    func ping() {
        up.send { [self] in
            guard isServerSideOpen, let session, !session.isOver else { return }
            ensemble.heard(session)
            push(.pong)
        }
    }

    /// The client has let go. What it sent before may still arrive.
    func closeByClient(losesUnsent: Bool) {
        down.close()
        if losesUnsent { up.close() }
    }

    // MARK: From the server

    /// The server lets go: it takes nothing more, and the client hears of it.
    func closeByServer() {
        guard isServerSideOpen else { return }
        isServerSideOpen = false
        up.close()
        push(.closed)
    }

    func push(_ message: ServerMessage) {
        down.send { [self] in receive(self, message) }
    }

    private func answer(_ request: SessionRequest, _ session: Ensemble.SessionEntry) -> SessionReply {
        switch request {
        case .write(let operations, let name):
            do throws(ZnodeTree.Refusal) {
                return .written(try ensemble.commit(operations, session: session.id, at: server))
            } catch {
                // A refusal has its place among the transactions too.
                ensemble.catchUp(server, to: ensemble.length)
                return .refused(
                    StoreError(
                        error.code,
                        operation: name,
                        path: operations[error.index].path,
                        failedIndex: name == "multi" ? error.index : nil
                    )
                )
            }
        case .get(let path, let token):
            let znode = server.model.get(path, session: session.id, watch: token)
            if let token, znode != nil { tokens.insert(token) }
            return .znode(znode)
        case .exists(let path, let token):
            let stat = server.model.exists(path, session: session.id, watch: token)
            if let token { tokens.insert(token) }
            return .stat(stat)
        case .children(let path, let token):
            let names = server.model.children(path, session: session.id, watch: token)
            if let token, names != nil { tokens.insert(token) }
            return .names(names, server.model.tree.stat(of: path))
        case .sync:
            ensemble.catchUp(server, to: ensemble.length)
            return .synced
        case .close:
            return .synced
        }
    }
}

/// What a client saw when it armed a watch, so that another server can tell whether it has changed since.
struct SeenZnode {
    enum Kind {
        case node
        case children
    }

    let path: ZnodePath
    let kind: Kind
    private let created: Int64?
    private let modified: Int64

    init(_ path: ZnodePath, _ kind: Kind, _ stat: ZnodeStat?) {
        self.path = path
        self.kind = kind
        created = stat?.createdZxid
        modified = kind == .node ? stat?.modifiedZxid ?? 0 : Int64(stat?.childVersion ?? 0)
    }

    /// The event of what changed, `nil` where nothing has.
    func change(in tree: ZnodeTree) -> WatchEvent? {
        let now = tree.stat(of: path)
        guard let now else { return created == nil ? nil : .deleted }
        guard let created else { return .created }
        if now.createdZxid != created { return kind == .node ? .dataChanged : .childrenChanged }
        switch kind {
        case .node: return now.modifiedZxid == modified ? nil : .dataChanged
        case .children: return Int64(now.childVersion) == modified ? nil : .childrenChanged
        }
    }
}
