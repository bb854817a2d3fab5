import Testing
import ZnodeStore

/// Plays the steps of a script on one store and writes down what a store's client can see.
final class ScriptPlayer {
    /// A znode's bookkeeping without what differs from store to store.
    struct Stat: Hashable {
        let version, childVersion, dataLength, childCount: Int32
        /// The place of the owning session in the order of opening.
        let owner: Int?
    }

    /// What a step answered.
    enum Answer: Hashable {
        case created(String)
        case stat(Stat?)
        case data([UInt8], Stat)
        case children([String])
        case done
        case failed(StoreError.Code, index: Int?)
        case list([Answer])
    }

    /// A watch that a step armed.
    private struct Armed {
        let session: any ZnodeSession
        let token: WatchToken
    }

    private let store: StoreFixture
    private var sessions: [any ZnodeSession] = []
    /// Ids in the order of opening.
    private var sessionIDs: [Int64] = []
    private var lastSession = 0
    private var watches: [Armed] = []
    /// Every zxid that was seen, in the order of the places where it was.
    private(set) var zxids: [Int64] = []

    init(_ store: StoreFixture) {
        self.store = store
    }

    func start() async throws {
        for _ in 0..<StoreScript.sessionCount { sessions.append(try await open()) }
    }

    func end() async {
        for session in sessions { await session.close() }
    }

    /// Plays one step and returns its answer.
    func play(_ step: StoreScript.Step, in number: Int) async throws -> Answer {
        let session = sessions[number]
        // Another session may be served by another member of an ensemble.
        if number != lastSession { try await session.sync(store.root) }
        lastSession = number
        do throws(StoreError) {
            return try await answer(to: step, in: number)
        } catch {
            guard !error.isSessionOver, !error.isOutcomeUnknown else { throw error }
            return .failed(error.code, index: error.failedIndex)
        }
    }

    /// All that is below the root, as a fresh session reads it.
    func dump() async throws -> [String: Answer] {
        try await store.session.sync(store.root)
        var tree: [String: Answer] = [:]
        var waiting = [store.root]
        while let path = waiting.popLast() {
            let znode = try await store.session.get(path)
            tree[relative(path)] = .data(znode.data, stat(znode.stat))
            waiting += try await store.session.children(path).sorted(by: >).map(path.child)
        }
        return tree
    }

    /// The events of the watches that have fired, by the number of the watch. For the model: it answers at once.
    func firedWatches() async throws -> [Int: WatchEvent] {
        var events: [Int: WatchEvent] = [:]
        for (number, armed) in watches.enumerated() where !armed.session.state.isOver {
            events[number] = await armed.session.settled(armed.token)
        }
        return events
    }

    /// The events of the watches that should have fired, waited for, and of those that should not.
    func events(expecting expected: [Int: WatchEvent]) async throws -> [Int: WatchEvent] {
        for session in sessions {
            try await session.sync(store.root)
            // Events come before the answer of a read.
            _ = try await session.exists(store.root)
        }
        var events: [Int: WatchEvent] = [:]
        for (number, armed) in watches.enumerated() where !armed.session.state.isOver {
            if expected[number] == nil {
                events[number] = await armed.session.settled(armed.token)
            } else {
                events[number] = await armed.session.fired(armed.token)
            }
        }
        return events
    }

    private func open() async throws -> any ZnodeSession {
        let session = try await store.source.openConnectedSession()
        sessionIDs.append(session.id)
        return session
    }

    private func answer(to step: StoreScript.Step, in number: Int) async throws(StoreError) -> Answer {
        let session = sessions[number]
        switch step {
        case .single(let operation):
            return try await answer(to: operation, in: session)
        case .multi(let operations):
            let results = try await session.multi(operations.map(absolute))
            return .list(results.map(answer))
        case .get(let path, let watched):
            let watch = watched ? session.makeWatch() : nil
            let znode = try await session.get(absolute(path), watch: watch)
            keep(watch, of: session)
            return .data(znode.data, stat(znode.stat))
        case .exists(let path, let watched):
            let watch = watched ? session.makeWatch() : nil
            let found = try await session.exists(absolute(path), watch: watch)
            keep(watch, of: session)
            return .stat(found.map(stat))
        case .children(let path, let watched):
            let watch = watched ? session.makeWatch() : nil
            let names = try await session.children(absolute(path), watch: watch)
            keep(watch, of: session)
            return .children(names.sorted())
        case .reopen:
            await session.close()
            do {
                sessions[number] = try await open()
            } catch {
                throw StoreError(.notConnected, operation: "reopen", message: String(describing: error))
            }
            return .done
        }
    }

    private func answer(
        to operation: StoreOperation,
        in session: any ZnodeSession
    ) async throws(StoreError) -> Answer {
        switch absolute(operation) {
        case .create(let path, let data, let mode):
            return .created(relative(try await session.create(path, data: data, mode: mode)))
        case .set(let path, let data, let version):
            return .stat(stat(try await session.set(path, data: data, version: version)))
        case .delete(let path, let version):
            try await session.delete(path, version: version)
            return .done
        case .check:
            preconditionFailure("a check stands in a multi only")
        }
    }

    private func answer(_ result: StoreOperationResult) -> Answer {
        switch result {
        case .created(let path): .created(relative(path))
        case .set(let found): .stat(stat(found))
        case .deleted, .checked: .done
        }
    }

    private func keep(_ watch: WatchToken?, of session: any ZnodeSession) {
        if let watch { watches.append(Armed(session: session, token: watch)) }
    }

    private func stat(_ stat: ZnodeStat) -> Stat {
        zxids += [stat.createdZxid, stat.modifiedZxid]
        return Stat(
            version: stat.version,
            childVersion: stat.childVersion,
            dataLength: stat.dataLength,
            childCount: stat.childCount,
            owner: stat.ephemeralOwner == 0 ? nil : sessionIDs.firstIndex(of: stat.ephemeralOwner) ?? -1
        )
    }

    private func relative(_ path: ZnodePath) -> String {
        String(path.description.dropFirst(store.root.description.count))
    }

    private func absolute(_ path: ZnodePath) -> ZnodePath {
        path.description.split(separator: "/").reduce(store.root) { $0.child(String($1)) }
    }

    private func absolute(_ operation: StoreOperation) -> StoreOperation {
        switch operation {
        case .create(let path, let data, let mode): .create(absolute(path), data: data, mode: mode)
        case .set(let path, let data, let version): .set(absolute(path), data: data, version: version)
        case .delete(let path, let version): .delete(absolute(path), version: version)
        case .check(let path, let version): .check(absolute(path), version: version)
        }
    }
}
