/// A JSON value, read by a small reader of this module's own.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits.
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Reads one value and demands that nothing but blanks follows. `nil` where the bytes are no JSON.
    package init?(_ bytes: some Collection<UInt8>) {
        let value = Array(bytes).withUnsafeBufferPointer { buffer -> JSON? in
            var reader = Reader(bytes: buffer)
            guard let value = reader.value(depth: 0) else { return nil }
            reader.skipBlanks()
            return reader.position == buffer.count ? value : nil
        }
        guard let value else { return nil }
        self = value
    }

    /// Reads text.
    package init?(text: String) { self.init(text.utf8) }

    /// A member of an object; `nil` where this is no object, has no such key, or the member is `null`.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let member = members[key], member != .null else { return nil }
        return member
    }

    /// The text of a string.
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    /// The value of a number, rounded towards zero.
    package var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value.rounded(.towardZero))
        default: nil
        }
    }
    /// The value of any number.
    package var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    /// The value of a truth value.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The items of an array.
    package var array: [JSON]? { if case .array(let items) = self { items } else { nil } }
    /// The members of an object.
    package var object: [String: JSON]? { if case .object(let members) = self { members } else { nil } }

    /// The compact form, keys sorted.
    package var text: String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .int(let value): return String(value)
        case .double(let value): return value.isFinite ? String(value) : "null"
        case .string(let text): return Self.quoted(text)
        case .array(let items): return "[" + items.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            let parts = members.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":" + $0.value.text }
            return "{" + parts.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension JSON {
    /// Deeper nesting is refused: no record of ours comes near.
    private static let maximumDepth = 64

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        mutating func skipBlanks() {
            while position < bytes.count {
                switch bytes[position] {
                case 0x20, 0x09, 0x0A, 0x0D: position += 1
                default: return
                }
            }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard position < bytes.count, bytes[position] == byte else { return false }
            position += 1
            return true
        }

        private mutating func take(word: StaticString) -> Bool {
            guard position + word.utf8CodeUnitCount <= bytes.count else { return false }
            for offset in 0..<word.utf8CodeUnitCount
            where bytes[position + offset] != word.utf8Start[offset] {
                return false
            }
            position += word.utf8CodeUnitCount
            return true
        }

        mutating func value(depth: Int) -> JSON? {
            guard depth < JSON.maximumDepth else { return nil }
            skipBlanks()
            guard position < bytes.count else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "{"): return object(depth)
            case UInt8(ascii: "["): return array(depth)
            case UInt8(ascii: "\""): return string().map { .string($0) }
            case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
            case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
            case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
            default: return number()
            }
        }

        private mutating func object(_ depth: Int) -> JSON? {
            position += 1
            var members: [String: JSON] = [:]
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            while true {
                skipBlanks()
                guard let key = string() else { return nil }
                skipBlanks()
                guard take(UInt8(ascii: ":")), let member = value(depth: depth + 1) else { return nil }
                members[key] = member
                skipBlanks()
                if take(UInt8(ascii: ",")) { continue }
                return take(UInt8(ascii: "}")) ? .object(members) : nil
            }
        }

        private mutating func array(_ depth: Int) -> JSON? {
            position += 1
            var items: [JSON] = []
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(items) }
            while true {
                guard let item = value(depth: depth + 1) else { return nil }
                items.append(item)
                skipBlanks()
                if take(UInt8(ascii: ",")) { continue }
                return take(UInt8(ascii: "]")) ? .array(items) : nil
            }
        }

        private mutating func string() -> String? {
            guard take(UInt8(ascii: "\"")) else { return nil }
            let start = position
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "\""):
                    let text = String(decoding: bytes[start..<position], as: UTF8.self)
                    position += 1
                    return text
                case UInt8(ascii: "\\"): return escapedString(from: start)
                case 0..<0x20: return nil
                default: position += 1
                }
            }
            return nil
        }

        /// The rest of a string that has an escape at `position`.
        private mutating func escapedString(from start: Int) -> String? {
            var units = Array(bytes[start..<position])
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
                case 0..<0x20: return nil
                case UInt8(ascii: "\\"):
                    guard position < bytes.count else { return nil }
                    let kind = bytes[position]
                    position += 1
                    switch kind {
                    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(kind)
                    case UInt8(ascii: "b"): units.append(0x08)
                    case UInt8(ascii: "f"): units.append(0x0C)
                    case UInt8(ascii: "n"): units.append(0x0A)
                    case UInt8(ascii: "r"): units.append(0x0D)
                    case UInt8(ascii: "t"): units.append(0x09)
                    case UInt8(ascii: "u"):
                        guard let scalar = scalar() else { return nil }
                        units.append(contentsOf: String(Character(scalar)).utf8)
                    default: return nil
                    }
                default: units.append(byte)
                }
            }
            return nil
        }

        /// What follows `\u`: one unit, or a pair of surrogates.
        private mutating func scalar() -> Unicode.Scalar? {
            guard let first = hexadecimal() else { return nil }
            guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let second = hexadecimal(),
                second & 0xFC00 == 0xDC00
            else { return nil }
            return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF))
        }

        private mutating func hexadecimal() -> UInt32? {
            guard position + 4 <= bytes.count else { return nil }
            let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
            position += 4
            return UInt32(digits, radix: 16)
        }

        private mutating func number() -> JSON? {
            let start = position
            var isWhole = true
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"): break
                case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
                default:
                    return Self.number(String(decoding: bytes[start..<position], as: UTF8.self), isWhole)
                }
                position += 1
            }
            return Self.number(String(decoding: bytes[start..<position], as: UTF8.self), isWhole)
        }

        private static func number(_ text: String, _ isWhole: Bool) -> JSON? {
            if isWhole, let value = Int64(text) { return .int(value) }
            return Double(text).map { .double($0) }
        }
    }
}
