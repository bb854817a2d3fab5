/// Transactions as lines of JSON, for people and for `grep`.
package enum Dump {
    /// The longest text of a znode that is shown as it is, in bytes.
    private static let maximumText = 4096

    /// One transaction as one line, without its end.
    package static func line(_ transaction: Transaction) -> String {
        JSON.object([
            "zxid": .string(transaction.zxid.hexadecimal),
            "time_ms": .int(transaction.time),
            "session": .string(transaction.session.hexadecimal),
            "cxid": .int(Int64(transaction.cxid)),
            "applied": .bool(transaction.isApplied),
            "operations": .array(transaction.operations.map(operation)),
            "source": .string(transaction.source),
        ]).text
    }

    private static func operation(_ operation: LogOperation) -> JSON {
        switch operation {
        case .create(let path, let data, let isEphemeral):
            .object([
                "op": "create", "path": .string(path), "data": content(data), "ephemeral": .bool(isEphemeral),
            ])
        case .delete(let path): .object(["op": "delete", "path": .string(path)])
        case .set(let path, let data, let version):
            .object([
                "op": "set", "path": .string(path), "data": content(data), "version": .int(Int64(version)),
            ])
        case .check(let path, let version):
            .object(["op": "check", "path": .string(path), "version": .int(Int64(version))])
        case .setACL(let path, _): .object(["op": "set_acl", "path": .string(path)])
        case .createSession(let timeout):
            .object(["op": "create_session", "timeout_ms": .int(Int64(timeout))])
        case .closeSession(let paths):
            .object(["op": "close_session", "paths": .array(paths.map { .string($0) })])
        case .failed(let code): .object(["op": "failed", "code": .int(Int64(code))])
        case .other(let kind): .object(["op": "other", "kind": .int(Int64(kind))])
        }
    }

    private static func content(_ data: [UInt8]) -> JSON {
        if data.isEmpty { return .null }
        if let json = Content.json(data) { return json }
        if data.count <= maximumText, let text = String(validating: data, as: UTF8.self) {
            return .string(text)
        }
        return .object(["bytes": .int(Int64(data.count))])
    }
}

extension JSON: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
}
