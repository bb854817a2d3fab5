/// The bookkeeping of one znode, as ZooKeeper counts it.
package struct ZnodeStat: Hashable, Sendable {
    /// The transaction that created the znode; grows over the whole store, so it serves as a fencing token.
    package var createdZxid: Int64
    /// The transaction that last set the data.
    package var modifiedZxid: Int64
    /// Wall clock of the store at creation, in milliseconds since 1970.
    package var createdMilliseconds: Int64
    /// Wall clock of the store at the last set, in milliseconds since 1970.
    package var modifiedMilliseconds: Int64
    /// How often the data was set.
    package var version: Int32
    /// How often a child was created or deleted.
    package var childVersion: Int32
    /// The session that owns an ephemeral znode; 0 otherwise.
    package var ephemeralOwner: Int64
    package var dataLength: Int32
    package var childCount: Int32

    package init(
        createdZxid: Int64,
        modifiedZxid: Int64,
        createdMilliseconds: Int64,
        modifiedMilliseconds: Int64,
        version: Int32,
        childVersion: Int32,
        ephemeralOwner: Int64,
        dataLength: Int32,
        childCount: Int32
    ) {
        self.createdZxid = createdZxid
        self.modifiedZxid = modifiedZxid
        self.createdMilliseconds = createdMilliseconds
        self.modifiedMilliseconds = modifiedMilliseconds
        self.version = version
        self.childVersion = childVersion
        self.ephemeralOwner = ephemeralOwner
        self.dataLength = dataLength
        self.childCount = childCount
    }
}

/// The data of a znode with its bookkeeping.
package struct Znode: Hashable, Sendable {
    package var data: [UInt8]
    package var stat: ZnodeStat

    package init(data: [UInt8], stat: ZnodeStat) {
        self.data = data
        self.stat = stat
    }
}

/// How a znode lives and is named.
package enum CreateMode: Hashable, Sendable, CaseIterable {
    case persistent
    /// Removed when the session that created it ends. Can have no children.
    case ephemeral
    /// A counter of ten digits is appended to the name.
    case persistentSequential
    case ephemeralSequential

    package var isEphemeral: Bool { self == .ephemeral || self == .ephemeralSequential }
    package var isSequential: Bool { self == .persistentSequential || self == .ephemeralSequential }
}

/// Who may do what with a znode.
package enum AccessControl: Hashable, Sendable {
    /// Everybody may do everything.
    case open
    /// Only sessions that carry the same digest credentials may do anything; others may read nothing.
    case creatorOnly
}

/// One step of a `multi`. `version: nil` means any version.
package enum StoreOperation: Hashable, Sendable {
    case create(ZnodePath, data: [UInt8], mode: CreateMode = .persistent)
    case set(ZnodePath, data: [UInt8], version: Int32? = nil)
    case delete(ZnodePath, version: Int32? = nil)
    /// Fails the whole `multi` unless the znode exists and, where given, has this data version.
    case check(ZnodePath, version: Int32? = nil)

    package var path: ZnodePath {
        switch self {
        case .create(let path, _, _), .set(let path, _, _), .delete(let path, _), .check(let path, _): path
        }
    }

    /// An upper bound of the bytes that this operation takes in a request.
    package var encodedSize: Int {
        let overhead = 64 + path.description.utf8.count
        switch self {
        case .create(_, let data, _), .set(_, let data, _): return overhead + data.count
        case .delete, .check: return overhead
        }
    }
}

/// What one step of a successful `multi` returned, at the index of its operation.
package enum StoreOperationResult: Hashable, Sendable {
    /// The path as created, with its counter where the mode is sequential.
    case created(ZnodePath)
    case set(ZnodeStat)
    case deleted
    case checked
}
