/// The znodes of a store and the rules by which transactions change them, as ZooKeeper 3.8 does.
///
/// A value without clock, I/O or randomness: the number, the time and the session of a transaction are arguments.
/// Sessions and watches are not known here (see `EmbeddedModel`); who owns an ephemeral znode is.
///
/// The rules follow ZooKeeper's `PrepRequestProcessor` (order of checks) and `DataTree` (bookkeeping); the conformance
/// suite holds them against a real server.
package struct ZnodeTree: Sendable {
    /// What belongs to a transaction beside its operations.
    package struct Stamp: Hashable, Sendable {
        package var zxid: Int64
        /// Wall clock in milliseconds since 1970.
        package var milliseconds: Int64
        /// The session that owns the ephemeral znodes that are created.
        package var session: Int64

        package init(zxid: Int64, milliseconds: Int64, session: Int64) {
            self.zxid = zxid
            self.milliseconds = milliseconds
            self.session = session
        }
    }

    /// What a transaction did.
    package struct Commit: Hashable, Sendable {
        /// One result for each operation.
        package var results: [StoreOperationResult]
        /// In the order in which they happened; empty where the transaction only checked.
        package var changes: [ZnodeChange]
    }

    /// Why a transaction was not applied. The tree is as it was before.
    package struct Refusal: Error, Hashable, Sendable {
        package var code: StoreError.Code
        /// The index of the first operation that failed.
        package var index: Int
    }

    private struct Node: Sendable {
        var data: [UInt8]
        var createdZxid: Int64
        var modifiedZxid: Int64
        var createdMilliseconds: Int64
        var modifiedMilliseconds: Int64
        var version: Int32 = 0
        /// How many children were ever created: the counter of sequential names. ZooKeeper's own `cversion`.
        var childCreations: Int32 = 0
        var ephemeralOwner: Int64 = 0
        var children = InsertionOrderedSet<String>()

        var stat: ZnodeStat {
            ZnodeStat(
                createdZxid: createdZxid,
                modifiedZxid: modifiedZxid,
                createdMilliseconds: createdMilliseconds,
                modifiedMilliseconds: modifiedMilliseconds,
                version: version,
                // What a client sees counts deletions too: creations + (creations - children).
                childVersion: childCreations &* 2 &- Int32(children.count),
                ephemeralOwner: ephemeralOwner,
                dataLength: Int32(data.count),
                childCount: Int32(children.count)
            )
        }
    }

    private enum Undo {
        case create(ZnodePath)
        case delete(ZnodePath, Node)
        case set(ZnodePath, before: Contents)
    }

    /// What a set replaces. Never the whole node: a second reference to the children would make the next insert
    /// copy them all.
    private struct Contents {
        let data: [UInt8]
        let version: Int32
        let modifiedZxid: Int64
        let modifiedMilliseconds: Int64
    }

    private struct Rejection: Error {
        let code: StoreError.Code
    }

    private var nodes: [ZnodePath: Node]
    private var ephemerals: [Int64: InsertionOrderedSet<ZnodePath>] = [:]

    /// Makes a tree that holds the root alone.
    package init() {
        nodes = [
            .root: Node(
                data: [],
                createdZxid: 0,
                modifiedZxid: 0,
                createdMilliseconds: 0,
                modifiedMilliseconds: 0
            )
        ]
    }

    /// Makes a tree from persistent znodes, in any order.
    ///
    /// - Throws: `StoreError` with `.noNode` where a znode's parent is missing: the records are damaged.
    package init(records: [ZnodeRecord]) throws(StoreError) {
        self.init()
        nodes.reserveCapacity(records.count + 1)
        for record in records {
            nodes[record.path] = Node(
                data: record.data,
                createdZxid: record.createdZxid,
                modifiedZxid: record.modifiedZxid,
                createdMilliseconds: record.createdMilliseconds,
                modifiedMilliseconds: record.modifiedMilliseconds,
                version: record.version,
                childCreations: record.childCreations
            )
        }
        for record in records {
            guard let parent = record.path.parent else { continue }
            guard nodes[parent]?.children.insert(String(record.path.name)) != nil else {
                throw StoreError(
                    .noNode,
                    operation: "load",
                    path: record.path,
                    message: "its parent is missing"
                )
            }
        }
    }

    /// How many znodes there are, with the root.
    package var count: Int { nodes.count }

    /// All paths, sorted.
    package var paths: [ZnodePath] { nodes.keys.sorted() }

    // MARK: Reading

    /// Returns a znode with its bookkeeping, or `nil` where there is none.
    package func znode(at path: ZnodePath) -> Znode? {
        nodes[path].map { Znode(data: $0.data, stat: $0.stat) }
    }

    /// Returns a znode's bookkeeping, or `nil` where there is none.
    package func stat(of path: ZnodePath) -> ZnodeStat? {
        nodes[path]?.stat
    }

    /// Returns the names of a znode's children, oldest first, or `nil` where there is no such znode.
    package func children(of path: ZnodePath) -> [String]? {
        nodes[path]?.children.elements
    }

    /// Returns the ephemeral znodes of a session, oldest first.
    package func ephemerals(of session: Int64) -> [ZnodePath] {
        ephemerals[session]?.elements ?? []
    }

    /// Returns what a journal keeps of a znode; `nil` where there is none or it is ephemeral.
    package func record(at path: ZnodePath) -> ZnodeRecord? {
        guard let node = nodes[path], node.ephemeralOwner == 0 else { return nil }
        return ZnodeRecord(
            path: path,
            data: node.data,
            createdZxid: node.createdZxid,
            modifiedZxid: node.modifiedZxid,
            createdMilliseconds: node.createdMilliseconds,
            modifiedMilliseconds: node.modifiedMilliseconds,
            version: node.version,
            childCreations: node.childCreations
        )
    }

    /// Returns how many children a znode was ever given; `nil` where there is no such znode.
    package func childCreations(of path: ZnodePath) -> Int32? {
        nodes[path]?.childCreations
    }

    // MARK: Changing

    /// Applies all operations in order, or none. Later operations see the effects of earlier ones.
    package mutating func apply(
        _ operations: [StoreOperation],
        stamp: Stamp
    ) throws(Refusal) -> Commit {
        var commit = Commit(results: [], changes: [])
        commit.results.reserveCapacity(operations.count)
        var undo: [Undo] = []
        for (index, operation) in operations.enumerated() {
            do throws(Rejection) {
                commit.results.append(
                    try apply(operation, stamp: stamp, changes: &commit.changes, undo: &undo)
                )
            } catch {
                for step in undo.reversed() { revert(step) }
                throw Refusal(code: error.code, index: index)
            }
        }
        return commit
    }

    /// Deletes the ephemeral znodes of a session that has ended, oldest first.
    package mutating func removeEphemerals(of session: Int64) -> [ZnodeChange] {
        ephemerals(of: session).map { path in
            detach(path)
            return ZnodeChange(.deleted, path)
        }
    }

    private mutating func apply(
        _ operation: StoreOperation,
        stamp: Stamp,
        changes: inout [ZnodeChange],
        undo: inout [Undo]
    ) throws(Rejection) -> StoreOperationResult {
        switch operation {
        case .create(let path, let data, let mode):
            let created = try create(path, data: data, mode: mode, stamp: stamp)
            undo.append(.create(created))
            changes.append(ZnodeChange(.created, created))
            return .created(created)
        case .set(let path, let data, let version):
            let before = try contents(path, version: version)
            undo.append(.set(path, before: before))
            changes.append(ZnodeChange(.dataChanged, path))
            replaceContents(
                of: path,
                with: Contents(
                    data: data,
                    // ZooKeeper skips -1, which means "any version" in requests.
                    version: before.version == -2 ? 0 : before.version &+ 1,
                    modifiedZxid: stamp.zxid,
                    modifiedMilliseconds: stamp.milliseconds
                )
            )
            guard let stat = stat(of: path) else { preconditionFailure("\(path) vanished while it was set") }
            return .set(stat)
        case .delete(let path, let version):
            try requireDeletable(path, version: version)
            guard let before = detach(path) else { preconditionFailure("\(path) vanished in its deletion") }
            undo.append(.delete(path, before))
            changes.append(ZnodeChange(.deleted, path))
            return .deleted
        case .check(let path, let version):
            _ = try contents(path, version: version)
            return .checked
        }
    }

    private mutating func create(
        _ path: ZnodePath,
        data: [UInt8],
        mode: CreateMode,
        stamp: Stamp
    ) throws(Rejection) -> ZnodePath {
        guard let parentPath = path.parent else { throw Rejection(code: .nodeExists) }
        // Single fields, for the reason that `Contents` gives.
        guard let owner = nodes[parentPath]?.ephemeralOwner, let counter = nodes[parentPath]?.childCreations
        else { throw Rejection(code: .noNode) }
        let created = mode.isSequential ? path.numbered(counter) : path
        guard nodes[created] == nil else { throw Rejection(code: .nodeExists) }
        guard owner == 0 else { throw Rejection(code: .noChildrenForEphemerals) }
        let node = Node(
            data: data,
            createdZxid: stamp.zxid,
            modifiedZxid: stamp.zxid,
            createdMilliseconds: stamp.milliseconds,
            modifiedMilliseconds: stamp.milliseconds,
            ephemeralOwner: mode.isEphemeral ? stamp.session : 0
        )
        attach(created, node)
        nodes[parentPath]?.childCreations &+= 1
        return created
    }

    private func contents(_ path: ZnodePath, version: Int32?) throws(Rejection) -> Contents {
        guard let node = nodes[path] else { throw Rejection(code: .noNode) }
        guard version == nil || version == -1 || version == node.version else {
            throw Rejection(code: .badVersion)
        }
        return Contents(
            data: node.data,
            version: node.version,
            modifiedZxid: node.modifiedZxid,
            modifiedMilliseconds: node.modifiedMilliseconds
        )
    }

    private func requireDeletable(_ path: ZnodePath, version: Int32?) throws(Rejection) {
        guard path != .root else { throw Rejection(code: .badArguments) }
        _ = try contents(path, version: version)
        guard nodes[path]?.children.isEmpty == true else { throw Rejection(code: .notEmpty) }
    }

    // MARK: Keeping parents, owners and nodes in step

    private mutating func attach(_ path: ZnodePath, _ node: Node) {
        nodes[path] = node
        if let parent = path.parent { nodes[parent]?.children.insert(String(path.name)) }
        if node.ephemeralOwner != 0 {
            ephemerals[node.ephemeralOwner, default: InsertionOrderedSet()].insert(path)
        }
    }

    @discardableResult
    private mutating func detach(_ path: ZnodePath) -> Node? {
        guard let node = nodes.removeValue(forKey: path) else { return nil }
        if let parent = path.parent { nodes[parent]?.children.remove(String(path.name)) }
        if node.ephemeralOwner != 0 {
            ephemerals[node.ephemeralOwner]?.remove(path)
            if ephemerals[node.ephemeralOwner]?.isEmpty == true { ephemerals[node.ephemeralOwner] = nil }
        }
        return node
    }

    private mutating func replaceContents(of path: ZnodePath, with contents: Contents) {
        nodes[path]?.data = contents.data
        nodes[path]?.version = contents.version
        nodes[path]?.modifiedZxid = contents.modifiedZxid
        nodes[path]?.modifiedMilliseconds = contents.modifiedMilliseconds
    }

    private mutating func revert(_ step: Undo) {
        switch step {
        case .create(let path):
            detach(path)
            if let parent = path.parent { nodes[parent]?.childCreations &-= 1 }
        case .delete(let path, let node):
            attach(path, node)
        case .set(let path, let before):
            replaceContents(of: path, with: before)
        }
    }
}

extension ZnodePath {
    /// The path with a sequence counter of ten digits behind it.
    ///
    /// - Precondition: the longer name is valid; requests with longer ones are refused before they get here.
    fileprivate func numbered(_ counter: Int32) -> ZnodePath {
        guard let parent else { preconditionFailure("the root has no number") }
        let digits = String(counter)
        return parent.child(name + String(repeating: "0", count: max(0, 10 - digits.count)) + digits)
    }
}
