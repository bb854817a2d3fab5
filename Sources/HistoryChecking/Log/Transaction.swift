/// One entry of ZooKeeper's transaction log: the total order of all that was written.
package struct Transaction: Hashable, Sendable {
    /// Epoch of the ensemble in the upper half, counter in the lower.
    package var zxid: Int64
    /// When the ensemble's leader took the request, in milliseconds since 1970, by its clock: not later than
    /// the commit.
    package var time: Int64
    /// The session that asked for it.
    package var session: Int64
    /// The client's number of the request; 0 where the server itself asked (a session expired).
    package var cxid: Int32
    /// What was done, in order. A request that was refused is in the log too, as `failed` operations alone.
    package var operations: [LogOperation]
    /// Where it was read: `file:offset`, for people.
    package var source: String

    package init(
        zxid: Int64,
        time: Int64,
        session: Int64,
        cxid: Int32,
        operations: [LogOperation],
        source: String = ""
    ) {
        self.zxid = zxid
        self.time = time
        self.session = session
        self.cxid = cxid
        self.operations = operations
        self.source = source
    }

    /// Whether it changed anything: a `multi` with one refused operation changes nothing.
    package var isApplied: Bool {
        !operations.contains { if case .failed = $0 { true } else { false } }
    }
}

/// One operation of a transaction.
package enum LogOperation: Hashable, Sendable {
    case create(path: String, data: [UInt8], isEphemeral: Bool)
    case delete(path: String)
    /// `version` is the one that the znode has afterwards.
    case set(path: String, data: [UInt8], version: Int32)
    case check(path: String, version: Int32)
    case setACL(path: String, version: Int32)
    case createSession(timeoutMilliseconds: Int32)
    /// `paths` are the ephemeral znodes that go with the session, where the server wrote them down.
    case closeSession(paths: [String])
    case failed(code: Int32)
    /// A kind that touches no znode of ours (a reconfiguration).
    case other(kind: Int32)
}

extension Int64 {
    /// As ZooKeeper prints zxids and sessions.
    package var hexadecimal: String { "0x" + String(UInt64(bitPattern: self), radix: 16) }
}
