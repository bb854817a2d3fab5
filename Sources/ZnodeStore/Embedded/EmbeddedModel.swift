/// A whole coordination store as a value: znodes, sessions and watches, without I/O, clock, tasks or randomness.
///
/// `EmbeddedStore` is the asynchronous shell around it. A simulation may hold one itself and drive it step by step:
/// every call returns what it did and which watches it set off, and nothing happens by itself.
package struct EmbeddedModel: Sendable {
    /// What a committed transaction did.
    package struct Commit: Hashable, Sendable {
        package var results: [StoreOperationResult]
        package var changes: [ZnodeChange]
        /// The watches that the changes set off, in order. They are disarmed already.
        package var fired: [FiredWatch]
    }

    package private(set) var tree: ZnodeTree
    package private(set) var counters: JournalCounters
    private var watches = WatchTable()
    private var liveSessions: Set<Int64> = []

    /// Makes an empty store.
    package init() {
        tree = ZnodeTree()
        counters = JournalCounters()
    }

    /// Makes a store from what a journal holds. No session is alive in it.
    package init(_ snapshot: JournalSnapshot) throws(StoreError) {
        tree = try ZnodeTree(records: snapshot.records)
        counters = snapshot.counters
    }

    // MARK: Sessions

    /// How many watches are armed.
    package var watchCount: Int { watches.count }

    /// Opens a session and returns its id, which is never used again.
    package mutating func openSession() -> Int64 {
        counters.sessionID += 1
        liveSessions.insert(counters.sessionID)
        return counters.sessionID
    }

    /// Whether a session is open: neither ended nor unknown.
    package func isLive(_ session: Int64) -> Bool {
        liveSessions.contains(session)
    }

    /// Ends a session, by its own will or by expiry: its watches and its ephemeral znodes go, in one transaction.
    ///
    /// Ending it again does nothing.
    package mutating func endSession(_ session: Int64) -> Commit {
        guard liveSessions.remove(session) != nil else { return Commit(results: [], changes: [], fired: []) }
        watches.disarmAll(of: session)
        let changes = tree.removeEphemerals(of: session)
        if !changes.isEmpty { counters.zxid += 1 }
        return Commit(results: [], changes: changes, fired: watches.fire(changes))
    }

    // MARK: Operations

    /// Applies all operations in order as one transaction, or none. `milliseconds` is the wall clock, since 1970.
    package mutating func apply(
        _ operations: [StoreOperation],
        session: Int64,
        milliseconds: Int64
    ) throws(ZnodeTree.Refusal) -> Commit {
        let stamp = ZnodeTree.Stamp(zxid: counters.zxid + 1, milliseconds: milliseconds, session: session)
        let commit = try tree.apply(operations, stamp: stamp)
        if !commit.changes.isEmpty { counters.zxid = stamp.zxid }
        return Commit(
            results: commit.results,
            changes: commit.changes,
            fired: watches.fire(commit.changes)
        )
    }

    /// Reads a znode, `nil` where there is none, which leaves the watch unarmed.
    package mutating func get(_ path: ZnodePath, session: Int64, watch: WatchToken?) -> Znode? {
        guard let znode = tree.znode(at: path) else { return nil }
        if let watch { watches.arm(watch, session: session, path: path, kind: .node) }
        return znode
    }

    /// Reads a znode's bookkeeping, `nil` where there is none. The watch is armed in both cases.
    package mutating func exists(_ path: ZnodePath, session: Int64, watch: WatchToken?) -> ZnodeStat? {
        if let watch { watches.arm(watch, session: session, path: path, kind: .node) }
        return tree.stat(of: path)
    }

    /// Reads the names of a znode's children, `nil` where there is no znode, which leaves the watch unarmed.
    package mutating func children(_ path: ZnodePath, session: Int64, watch: WatchToken?) -> [String]? {
        guard let names = tree.children(of: path) else { return nil }
        if let watch { watches.arm(watch, session: session, path: path, kind: .children) }
        return names
    }

    /// Gives a watch up.
    package mutating func disarm(_ token: WatchToken) {
        watches.disarm(token)
    }

    // MARK: Journal

    /// Returns what a journal has to write after changes that were the last ones made.
    package func journalEntry(for changes: [ZnodeChange]) -> JournalEntry {
        var rows: [JournalEntry.Change] = []
        var seen: Set<ZnodePath> = []
        var counted: Set<ZnodePath> = []
        for change in changes where seen.insert(change.path).inserted {
            if let record = tree.record(at: change.path) {
                rows.append(.put(record))
            } else {
                // Gone, or ephemeral now: what a journal has of an earlier znode at this path must go.
                rows.append(.delete(change.path))
            }
        }
        for change in changes where change.kind == .created {
            guard let parent = change.path.parent, !seen.contains(parent), counted.insert(parent).inserted,
                let creations = tree.childCreations(of: parent)
            else { continue }
            rows.append(.childCreations(parent, creations))
        }
        return JournalEntry(changes: rows, counters: counters)
    }
}
