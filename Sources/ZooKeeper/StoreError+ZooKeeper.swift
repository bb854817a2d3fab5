import CZooKeeper
import ZnodeStore

extension StoreError.Code {
    /// The code that ZooKeeper's number stands for; `nil` for `ZOK`.
    init?(zooKeeper code: Int32) {
        switch ZOO_ERRORS(code) {
        case ZOK: return nil
        case ZCONNECTIONLOSS: self = .connectionLoss
        case ZOPERATIONTIMEOUT: self = .operationTimeout
        case ZCLOSING: self = .closing
        // The handle is dead after expiry and says so in this way.
        case ZINVALIDSTATE, ZSESSIONEXPIRED: self = .sessionExpired
        case ZSESSIONMOVED: self = .sessionMoved
        case ZTHROTTLEDOP: self = .throttled
        case ZNONODE: self = .noNode
        case ZNODEEXISTS: self = .nodeExists
        case ZBADVERSION: self = .badVersion
        case ZNOTEMPTY: self = .notEmpty
        case ZNOCHILDRENFOREPHEMERALS: self = .noChildrenForEphemerals
        case ZNOAUTH: self = .noAuth
        case ZAUTHFAILED: self = .authFailed
        case ZINVALIDACL: self = .invalidACL
        case ZBADARGUMENTS: self = .badArguments
        case ZRUNTIMEINCONSISTENCY: self = .runtimeInconsistency
        default: self = .other(code)
        }
    }

    /// Whether a server's answer with this code proves that a write went through the quorum.
    ///
    /// A write that fails on the state of the tree is agreed upon like one that succeeds (as an error
    /// transaction). Codes that a server gives by itself (throttling, expiry) prove nothing.
    var isVerdictOnTree: Bool {
        switch self {
        case .noNode, .nodeExists, .badVersion, .notEmpty, .noChildrenForEphemerals, .noAuth, .invalidACL:
            true
        case .connectionLoss, .operationTimeout, .closing, .notConnected, .sessionExpired, .sessionMoved,
            .throttled, .authFailed, .badArguments, .tooLarge, .runtimeInconsistency, .other:
            false
        }
    }
}

extension ZnodeStat {
    init(_ stat: Stat) {
        self.init(
            createdZxid: stat.czxid,
            modifiedZxid: stat.mzxid,
            createdMilliseconds: stat.ctime,
            modifiedMilliseconds: stat.mtime,
            version: stat.version,
            childVersion: stat.cversion,
            ephemeralOwner: stat.ephemeralOwner,
            dataLength: stat.dataLength,
            childCount: stat.numChildren
        )
    }
}

extension CreateMode {
    /// libzookeeper's number. Containers and TTLs do not exist here: a container in a `multi` is answered
    /// with a record that libzookeeper decodes as another one.
    var flags: Int32 {
        switch self {
        case .persistent: ZOO_PERSISTENT
        case .ephemeral: ZOO_EPHEMERAL
        case .persistentSequential: ZOO_PERSISTENT_SEQUENTIAL
        case .ephemeralSequential: ZOO_EPHEMERAL_SEQUENTIAL
        }
    }
}
