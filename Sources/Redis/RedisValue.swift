/// One reply of Redis in RESP2.
///
/// A command's own error reply is a thrown ``RedisError`` and never a value; an error *inside* an array
/// (an element of `EXEC`'s reply) is ``error(_:)``.
package enum RedisValue: Sendable, Hashable {
    /// The null bulk string or null array: no such key, or a blocking read that ended without an entry.
    case null
    /// An integer.
    case integer(Int64)
    /// A bulk string: any bytes.
    case bytes([UInt8])
    /// A simple string, such as `OK`.
    case status(String)
    /// An array.
    case array([RedisValue])
    /// An error that is an element of an array, with the server's text.
    case error(String)

    /// Whether the value is ``null``.
    package var isNull: Bool { self == .null }

    /// The integer, also of a bulk string that is a decimal number (as in `HGET`).
    ///
    /// Throws `unexpectedReply` for anything else.
    package var asInteger: Int64 {
        get throws(RedisError) {
            switch self {
            case .integer(let integer): return integer
            case .bytes(let bytes):
                if let integer = Int64(String(decoding: bytes, as: UTF8.self)) { return integer }
            case .null, .status, .array, .error: break
            }
            throw unexpected("an integer")
        }
    }

    /// The bytes of a bulk string or a status; throws `unexpectedReply` for anything else, null included.
    package var asBytes: [UInt8] {
        get throws(RedisError) {
            switch self {
            case .bytes(let bytes): return bytes
            case .status(let text): return Array(text.utf8)
            case .null, .integer, .array, .error: throw unexpected("a string")
            }
        }
    }

    /// The bytes of a string, or `nil` for null; throws `unexpectedReply` for anything else.
    package var asBytesIfPresent: [UInt8]? {
        get throws(RedisError) { isNull ? nil : try asBytes }
    }

    /// The text of a string; throws `unexpectedReply` for another type, null, and bytes that are not UTF-8.
    package var asString: String {
        get throws(RedisError) {
            guard let text = String(validating: try asBytes, as: UTF8.self) else {
                throw unexpected("UTF-8 text")
            }
            return text
        }
    }

    /// The text of a string, or `nil` for null; throws like ``asString`` otherwise.
    package var asStringIfPresent: String? {
        get throws(RedisError) { isNull ? nil : try asString }
    }

    /// The elements of an array; throws `unexpectedReply` for anything else, null included.
    package var asArray: [RedisValue] {
        get throws(RedisError) {
            guard case .array(let elements) = self else { throw unexpected("an array") }
            return elements
        }
    }

    /// The elements of an array taken two by two, as `HGETALL` and a stream entry's fields come.
    ///
    /// Throws `unexpectedReply` for another type, an odd count or a first half that is no UTF-8 string.
    package var asPairs: [(name: String, value: RedisValue)] {
        get throws(RedisError) {
            let elements = try asArray
            guard elements.count.isMultiple(of: 2) else { throw unexpected("an even number of elements") }
            var pairs: [(name: String, value: RedisValue)] = []
            pairs.reserveCapacity(elements.count / 2)
            for index in stride(from: 0, to: elements.count, by: 2) {
                pairs.append((try elements[index].asString, elements[index + 1]))
            }
            return pairs
        }
    }

    private func unexpected(_ wanted: String) -> RedisError {
        let kind =
            switch self {
            case .null: "null"
            case .integer: "an integer"
            case .bytes(let bytes): "a string of \(bytes.count) bytes"
            case .status: "a status"
            case .array(let elements): "an array of \(elements.count)"
            case .error(let text): "the error \(text)"
            }
        return RedisError(.unexpectedReply, "expected \(wanted), the server sent \(kind)")
    }
}
