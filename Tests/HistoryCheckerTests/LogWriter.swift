import HistoryChecking

/// Writes transaction logs as ZooKeeper does, for the reader's tests.
enum LogWriter {
    /// A whole file: header, entries, and zeros written ahead.
    static func file(_ transactions: [Transaction], padding: Int = 256) -> [UInt8] {
        var bytes: [UInt8] = Array("ZKLG".utf8) + big(Int32(2)) + big(Int64(0))
        for transaction in transactions { bytes += entry(transaction) }
        return bytes + [UInt8](repeating: 0, count: padding)
    }

    static func entry(_ transaction: Transaction) -> [UInt8] {
        var body =
            big(transaction.session) + big(transaction.cxid) + big(transaction.zxid) + big(transaction.time)
        let kinds = transaction.operations.map(kind)
        if transaction.operations.count == 1 {
            body += big(kinds[0]) + record(transaction.operations[0])
        } else {
            body += big(Int32(14)) + big(Int32(transaction.operations.count))
            for (kind, operation) in zip(kinds, transaction.operations) {
                let data = record(operation)
                body += big(kind) + big(Int32(data.count)) + data
            }
        }
        // The digest of the tree: a version and a number.
        body += big(Int32(2)) + big(Int64(0x1234_5678_9ABC))
        return big(Int64(adler(body))) + big(Int32(body.count)) + body + [UInt8(ascii: "B")]
    }

    private static func kind(_ operation: LogOperation) -> Int32 {
        switch operation {
        case .create: 1
        case .delete: 2
        case .set: 5
        case .setACL: 7
        case .check: 13
        case .createSession: -10
        case .closeSession: -11
        case .failed: -1
        case .other(let kind): kind
        }
    }

    private static func record(_ operation: LogOperation) -> [UInt8] {
        switch operation {
        case .create(let path, let data, let isEphemeral):
            text(path) + big(Int32(data.count)) + data + access + [isEphemeral ? 1 : 0] + big(Int32(7))
        case .delete(let path): text(path)
        case .set(let path, let data, let version): text(path) + big(Int32(data.count)) + data + big(version)
        case .setACL(let path, let version): text(path) + access + big(version)
        case .check(let path, let version): text(path) + big(version)
        case .createSession(let timeout): big(timeout)
        case .closeSession(let paths): big(Int32(paths.count)) + paths.flatMap(text)
        case .failed(let code): big(code)
        case .other: []
        }
    }

    private static var access: [UInt8] { big(Int32(1)) + big(Int32(31)) + text("world") + text("anyone") }

    private static func text(_ value: String) -> [UInt8] { big(Int32(value.utf8.count)) + Array(value.utf8) }

    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        // The bytes of an integer; they are copied.
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func adler(_ bytes: [UInt8]) -> UInt32 {
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return b << 16 | a
    }
}
