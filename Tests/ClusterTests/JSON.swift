/// A JSON value as a client sees it. What is not there is `null`, so that a path through it never traps.
enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case array([JSON])
    case object([String: JSON])

    subscript(key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members[key] ?? .null
    }

    subscript(index: Int) -> JSON { list.indices.contains(index) ? list[index] : .null }

    var list: [JSON] {
        guard case .array(let items) = self else { return [] }
        return items
    }

    var members: [String: JSON] {
        guard case .object(let members) = self else { return [:] }
        return members
    }

    /// The text; empty where this is none.
    var string: String {
        guard case .text(let text) = self else { return "" }
        return text
    }

    /// The whole number; -1 where this is none.
    var int: Int {
        guard case .number(let number) = self else { return -1 }
        return Int(number)
    }

    var isTrue: Bool { self == .bool(true) }
}

extension JSON: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = Self.attempt(Bool.self, container) {
            self = .bool(value)
        } else if let value = Self.attempt(Double.self, container) {
            self = .number(value)
        } else if let value = Self.attempt(String.self, container) {
            self = .text(value)
        } else if let value = Self.attempt([JSON].self, container) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    private static func attempt<Value: Decodable>(
        _ type: Value.Type,
        _ container: any SingleValueDecodingContainer
    ) -> Value? {
        do { return try container.decode(type) } catch { return nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
