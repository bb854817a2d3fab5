/// The end of an epoch that later transactions know nothing of.
///
/// A server that is sent proposals while it joins a leader writes them down before they are agreed. Where that leader is
/// lost at once, the servers that stayed elect another by what they hold in memory, which lacks those proposals, and go on
/// without them; the logs keep them. That shows where a znode is created that is there, is set to a version that does not
/// follow on its last, or is set or deleted though it is gone: what made it so in an earlier epoch did not happen, and
/// neither did what that epoch has after it.
struct Contradiction: Hashable {
    /// The first transaction that did not happen.
    var begin: Int64

    /// Whether this transaction did not happen.
    func covers(_ transaction: Transaction) -> Bool {
        transaction.zxid >= begin && transaction.zxid >> 32 == begin >> 32
    }

    /// The first contradiction to something of an earlier epoch. What contradicts its own epoch is left to the reader of
    /// the log: no loss of a leader explains it.
    static func first(in transactions: [Transaction]) -> Contradiction? {
        var znodes: [String: Znode] = [:]
        var ephemerals: [Int64: Set<String>] = [:]
        for transaction in transactions where transaction.isApplied {
            for operation in transaction.operations {
                if case .closeSession(let paths) = operation {
                    let own = ephemerals.removeValue(forKey: transaction.session) ?? []
                    for path in own.union(paths) where znodes[path]?.owner == transaction.session {
                        znodes[path] = Znode(version: nil, owner: nil, zxid: transaction.zxid)
                    }
                }
                guard let (path, version) = effect(of: operation) else { continue }
                let known = znodes[path]
                if let known, known.zxid >> 32 < transaction.zxid >> 32, !known.isFollowed(by: operation) {
                    return Contradiction(begin: known.zxid)
                }
                var owner = known?.owner
                if case .create(_, _, let isEphemeral) = operation {
                    owner = isEphemeral ? transaction.session : nil
                    if isEphemeral { ephemerals[transaction.session, default: []].insert(path) }
                }
                znodes[path] = Znode(version: version, owner: owner, zxid: transaction.zxid)
            }
        }
        return nil
    }

    /// What an operation changes, and the version that the znode has afterwards: `nil` where it is gone.
    private static func effect(of operation: LogOperation) -> (path: String, version: Int32?)? {
        switch operation {
        case .create(let path, _, _): (path, 0)
        case .set(let path, _, let version): (path, version)
        case .delete(let path): (path, nil)
        case .check, .setACL, .createSession, .closeSession, .failed, .other: nil
        }
    }

    private struct Znode {
        /// `nil`: it was deleted.
        var version: Int32?
        /// The session that an ephemeral one goes with.
        var owner: Int64?
        /// What touched it last.
        var zxid: Int64

        func isFollowed(by operation: LogOperation) -> Bool {
            switch operation {
            case .create: version == nil
            case .set(_, _, let next): version.map { $0 &+ 1 == next } ?? false
            default: version != nil
            }
        }
    }
}
