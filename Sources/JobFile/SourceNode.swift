/// A value of a job file with its place, the same for YAML and JSON.
struct SourceNode {
    enum Content {
        case scalar(SourceScalar)
        case sequence([SourceNode])
        case mapping([SourceEntry])
    }

    let content: Content
    let position: SourcePosition

    /// What the value is, in words for messages: `the number 5`, `a list`.
    var found: String {
        switch content {
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .scalar(let scalar): scalar.found
        }
    }

    /// How much there is to read: values, keys and bytes of text.
    var weight: Int {
        switch content {
        case .scalar(let scalar): 1 + scalar.text.utf8.count
        case .sequence(let items): items.reduce(1) { $0 + $1.weight }
        case .mapping(let entries): entries.reduce(1) { $0 + $1.key.utf8.count + $1.value.weight }
        }
    }

    var isNull: Bool {
        if case .scalar(let scalar) = content { scalar.kind == .null } else { false }
    }
}

/// One key and its value.
struct SourceEntry {
    let key: String
    let keyPosition: SourcePosition
    let value: SourceNode
}

/// A value that is neither a list nor a mapping.
struct SourceScalar {
    enum Kind {
        case string, integer, number, boolean, null
    }

    enum Style {
        case plain, singleQuoted, doubleQuoted, literal, folded
    }

    /// For text the text; for all other kinds what was written.
    let text: String
    let kind: Kind
    let style: Style
    let endLine: Int

    var found: String {
        switch kind {
        case .string:
            text.isEmpty ? "an empty text" : "the text \"\(Self.shortened(text))\""
        case .integer, .number: "the number \(Self.shortened(text))"
        case .boolean: text
        case .null: "nothing"
        }
    }

    /// A text that fits into a message: one line, 40 characters at most.
    static func shortened(_ text: String) -> String {
        let line = text.prefix { !$0.isNewline }
        return line.count > 40 ? "\(line.prefix(40))…" : line.count < text.count ? "\(line)…" : String(line)
    }

    /// The kind of an unquoted value by the core schema of YAML 1.2, in which `yes`, `no`, `on` and `off` are texts.
    static func plainKind(_ text: String) -> Kind {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "false", "False", "FALSE": return .boolean
        case ".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN", ".NAN": return .number
        default: break
        }
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "0"), let letter = rest.dropFirst().first {
            let digits = rest.dropFirst(2)
            if letter == UInt8(ascii: "x"), !digits.isEmpty, digits.allSatisfy(isHexDigit) { return .integer }
            if letter == UInt8(ascii: "o"), !digits.isEmpty, digits.allSatisfy({ (48...55).contains($0) }) {
                return .integer
            }
        }
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        if rest.isEmpty { return whole.isEmpty ? .string : .integer }
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return .string }
        if rest.isEmpty { return .number }
        guard rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") else { return .string }
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(isDigit) ? .number : .string
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }
}
