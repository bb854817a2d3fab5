/// A strict reader of JSON (RFC 8259) that knows the place of every value and every key.
struct JSONReader {
    private let bytes: [UInt8]
    private var index = 0
    private var line = 1
    /// An offset on the current line and its column, so that long lines are counted once.
    private var mark = (index: 0, column: 1)
    private var depth = 0

    /// The value that the text is.
    ///
    /// - Precondition: the bytes are UTF-8.
    static func read(_ bytes: [UInt8]) throws(SyntaxError) -> SourceNode {
        var reader = JSONReader(bytes: bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            reader.index = 3
            reader.mark.index = 3
        }
        reader.skipBlanks()
        let node = try reader.value()
        reader.skipBlanks()
        if reader.index < bytes.count {
            throw reader.error("unexpected text after the end of the JSON value")
        }
        return node
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func value() throws(SyntaxError) -> SourceNode {
        let start = position
        mark = (index, start.column)
        guard let byte = peek else { throw error("expected a value, found the end of the text") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            defer { depth -= 1 }
            guard depth <= ReadingLimits.depth else {
                throw SyntaxError(
                    "E1005",
                    "the values are nested more than \(ReadingLimits.depth) deep",
                    at: start
                )
            }
            let content: SourceNode.Content =
                byte == UInt8(ascii: "{") ? .mapping(try object()) : .sequence(try array())
            return SourceNode(content: content, position: start)
        case UInt8(ascii: "\""):
            return scalar(try string(), .string, start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let first = index
            let isInteger = try number()
            return scalar(
                String(decoding: bytes[first..<index], as: UTF8.self),
                isInteger ? .integer : .number,
                start
            )
        default:
            let first = index
            while let byte = peek, (97...122).contains(byte) || (65...90).contains(byte) { index += 1 }
            let word = String(decoding: bytes[first..<index], as: UTF8.self)
            switch word {
            case "true", "false": return scalar(word, .boolean, start)
            case "null": return scalar(word, .null, start)
            case "":
                throw error("expected a value, found \(found)")
            default:
                throw SyntaxError(
                    "E1004",
                    "\"\(SourceScalar.shortened(word))\" is not a JSON value",
                    at: start,
                    hint: "texts stand in double quotes"
                )
            }
        }
    }

    private func scalar(_ text: String, _ kind: SourceScalar.Kind, _ start: SourcePosition) -> SourceNode {
        let style = kind == .string ? SourceScalar.Style.doubleQuoted : .plain
        let scalar = SourceScalar(text: text, kind: kind, style: style, endLine: start.line)
        return SourceNode(content: .scalar(scalar), position: start)
    }

    private mutating func object() throws(SyntaxError) -> [SourceEntry] {
        index += 1
        var entries: [SourceEntry] = []
        var places: [String: SourcePosition] = [:]
        skipBlanks()
        if take("}") { return entries }
        while true {
            let keyPosition = position
            mark = (index, keyPosition.column)
            guard peek == UInt8(ascii: "\"") else {
                throw error(
                    "expected a key in double quotes, found \(found)",
                    hint: peek == UInt8(ascii: "}") ? "leave out the comma before it" : nil
                )
            }
            let key = try string()
            if let earlier = places.updateValue(keyPosition, forKey: key) {
                throw SyntaxError.duplicateKey(key, at: keyPosition, earlier: earlier)
            }
            skipBlanks()
            guard take(":") else { throw error("expected \":\" after the key, found \(found)") }
            skipBlanks()
            entries.append(SourceEntry(key: key, keyPosition: keyPosition, value: try value()))
            skipBlanks()
            if take("}") { return entries }
            guard take(",") else { throw error("expected \",\" or \"}\", found \(found)") }
            skipBlanks()
        }
    }

    private mutating func array() throws(SyntaxError) -> [SourceNode] {
        index += 1
        var items: [SourceNode] = []
        skipBlanks()
        if take("]") { return items }
        while true {
            if peek == UInt8(ascii: "]") {
                throw error("expected a value, found \"]\"", hint: "leave out the comma before it")
            }
            items.append(try value())
            skipBlanks()
            if take("]") { return items }
            guard take(",") else { throw error("expected \",\" or \"]\", found \(found)") }
            skipBlanks()
        }
    }

    private mutating func string() throws(SyntaxError) -> String {
        let start = position
        index += 1
        var text: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += Array(String(try escape()).utf8)
            case 0..<0x20:
                throw error(
                    byte == 0x0A || byte == 0x0D
                        ? "the text has no closing quote on its line"
                        : "a control character stands in a text",
                    hint: "write \\n for a line break and \\t for a tab"
                )
            default:
                text.append(byte)
                index += 1
            }
        }
        throw SyntaxError("E1004", "the text has no closing quote", at: start)
    }

    private mutating func escape() throws(SyntaxError) -> Unicode.Scalar {
        let start = position
        index += 1
        let letter = peek
        index += 1
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try hexDigits(start)
            if let scalar = Unicode.Scalar(first) { return scalar }
            if first < 0xDC00, take("\\"), take("u") {
                let second = try hexDigits(start)
                if (0xDC00...0xDFFF).contains(second),
                    let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
                {
                    return scalar
                }
            }
            throw SyntaxError("E1004", "half of a surrogate pair stands alone", at: start)
        default:
            throw SyntaxError(
                "E1004",
                "this escape does not exist in JSON",
                at: start,
                hint: "the escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX"
            )
        }
    }

    private mutating func hexDigits(_ start: SourcePosition) throws(SyntaxError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw SyntaxError("E1004", "\\u needs four hexadecimal digits", at: start)
            }
            value = value << 4 + UInt32(digit)
            index += 1
        }
        return value
    }

    /// Passes over a number; whether it is written as an integer.
    private mutating func number() throws(SyntaxError) -> Bool {
        if peek == UInt8(ascii: "-") { index += 1 }
        if peek == UInt8(ascii: "0") {
            index += 1
            if let byte = peek, (48...57).contains(byte) { throw error("a number cannot begin with 0") }
        } else {
            try digits()
        }
        var isInteger = true
        if take(".") {
            isInteger = false
            try digits()
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("-") { _ = take("+") }
            try digits()
        }
        return isInteger
    }

    private mutating func digits() throws(SyntaxError) {
        let start = index
        while let byte = peek, (48...57).contains(byte) { index += 1 }
        if index == start { throw error("expected a digit, found \(found)") }
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = peek {
            switch byte {
            case 0x20, 0x09: index += 1
            case 0x0A:
                index += 1
                line += 1
                mark = (index, 1)
            case 0x0D:
                index += 1
                if peek == 0x0A { index += 1 }
                line += 1
                mark = (index, 1)
            default: return
            }
        }
    }

    /// Columns count scalars: every byte that does not continue one.
    private var position: SourcePosition {
        var column = mark.column
        for byte in bytes[mark.index..<min(index, bytes.count)] where byte & 0xC0 != 0x80 { column += 1 }
        return SourcePosition(line: line, column: column)
    }

    private var found: String {
        guard index < bytes.count else { return "the end of the text" }
        let rest = String(decoding: bytes[index..<min(index + 32, bytes.count)], as: UTF8.self)
        guard let character = rest.first else { return "the end of the text" }
        return character == "'"
            ? "a single quote" : character.isNewline ? "the end of the line" : "\"\(character)\""
    }

    private func error(_ message: String, hint: String? = nil) -> SyntaxError {
        SyntaxError("E1004", message, at: position, hint: hint)
    }
}

extension SyntaxError {
    static func duplicateKey(
        _ key: String,
        at position: SourcePosition,
        earlier: SourcePosition
    ) -> SyntaxError {
        SyntaxError(
            "E1202",
            "the key \"\(SourceScalar.shortened(key))\" stands twice in one mapping",
            at: position,
            hint: "the first is at \(earlier.line):\(earlier.column)"
        )
    }
}
