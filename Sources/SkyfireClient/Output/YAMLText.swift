/// Writes JSON values as YAML: block style, keys of job files in their usual order, texts of several lines as blocks.
package enum YAMLText {
    /// The order in which keys of job files are read best; others follow by name.
    private static let order: [String: Int] = {
        let keys = [
            "version", "id", "name", "title", "description", "owner", "labels", "schedule", "cron", "zone",
            "every",
            "from", "at", "job", "state", "after", "needs", "when", "type", "overlap", "misfire", "priority",
            "timeout",
            "pool", "params", "partitions", "run", "http", "method", "url", "env", "cwd", "retry", "tasks",
        ]
        return Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })
    }()

    /// The YAML text of a value, with its last line end.
    package static func write(_ tree: JSONTree) -> String {
        var text = ""
        switch tree {
        case .object(let members) where !members.isEmpty: write(members, indent: 0, into: &text)
        case .array(let items) where !items.isEmpty: write(items, indent: 0, into: &text)
        default: text = scalar(tree, indent: 0) + "\n"
        }
        return text
    }

    private static func write(
        _ members: [String: JSONTree],
        indent: Int,
        isInline: Bool = false,
        into text: inout String
    ) {
        let blanks = String(repeating: " ", count: indent)
        let sorted = members.sorted { (order[$0.key] ?? .max, $0.key) < (order[$1.key] ?? .max, $1.key) }
        for (position, member) in sorted.enumerated() {
            if position > 0 || !isInline { text += blanks }
            text += key(member.key) + ":"
            writeValue(member.value, indent: indent, into: &text)
        }
    }

    private static func write(_ items: [JSONTree], indent: Int, into text: inout String) {
        let blanks = String(repeating: " ", count: indent)
        for item in items {
            text += blanks + "-"
            if case .object(let members) = item, !members.isEmpty {
                text += " "
                write(members, indent: indent + 2, isInline: true, into: &text)
            } else {
                writeValue(item, indent: indent, into: &text)
            }
        }
    }

    /// Writes what follows `key:` or `-`, with the line's end.
    private static func writeValue(_ value: JSONTree, indent: Int, into text: inout String) {
        switch value {
        case .object(let members) where !members.isEmpty:
            text += "\n"
            write(members, indent: indent + 2, into: &text)
        case .array(let items) where !items.isEmpty:
            let isPlain = items.allSatisfy {
                switch $0 {
                case .object(let members): members.isEmpty
                case .array(let items): items.isEmpty
                case .string(let text): !text.contains("\n")
                default: true
                }
            }
            if isPlain {
                text += " [" + items.map { flowScalar($0) }.joined(separator: ", ") + "]\n"
            } else {
                text += "\n"
                write(items, indent: indent + 2, into: &text)
            }
        default: text += " " + scalar(value, indent: indent + 2) + "\n"
        }
    }

    private static func key(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

    private static func scalar(_ value: JSONTree, indent: Int) -> String {
        guard case .string(let text) = value else { return value.json(isPretty: false) }
        if let block = block(text, indent: indent) { return block }
        return isPlain(text) ? text : quoted(text)
    }

    /// Inside brackets commas and brackets mean something too.
    private static func flowScalar(_ value: JSONTree) -> String {
        guard case .string(let text) = value else { return value.json(isPretty: false) }
        return isPlain(text) && !text.contains(where: { ",[]{}".contains($0) }) ? text : quoted(text)
    }

    /// A literal block, for a text of several lines that can stand in one.
    private static func block(_ text: String, indent: Int) -> String? {
        guard text.contains("\n"), let first = text.first, first != " ", first != "\n" else { return nil }
        for scalar in text.unicodeScalars
        where scalar != "\n" && (scalar.value < 0x20 || scalar.value == 0x7F) {
            return nil
        }
        guard !text.unicodeScalars.contains(where: { (0x80...0x9F).contains($0.value) || $0.value == 0xFEFF })
        else {
            return nil
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let isTerminated = lines.last == ""
        if isTerminated { lines.removeLast() }
        guard let last = lines.last, !last.isEmpty else { return nil }
        let blanks = String(repeating: " ", count: indent)
        let body = lines.map { $0.isEmpty ? "" : blanks + $0 }.joined(separator: "\n")
        return (isTerminated ? "|\n" : "|-\n") + body
    }

    private static func isPlain(_ text: String) -> Bool {
        if isQuantity(text) { return true }
        guard let first = text.unicodeScalars.first,
            isLetter(first) || first == "/" || first == "_" || first == "."
        else {
            return false
        }
        if ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) {
            return false
        }
        // Numbers such as .5 or .inf begin with a point.
        if first == ".", text.dropFirst().first.map({ !"/.".contains($0) }) ?? true { return false }
        guard text.last != " ", text.last != ":", !text.contains(": "), !text.contains(" #") else {
            return false
        }
        return text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0.value != 0xFEFF
        }
    }

    /// A duration or a size such as `1h30m` and `512MiB`, which no reader takes for a number.
    private static func isQuantity(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { "0123456789dhmsKMGTPiB".utf8.contains($0) }
            && text.last?.isLetter == true
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value > 0xFF
            ? scalar.properties.isAlphabetic : ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = ""
        JSONTree.quote(text, into: &quoted)
        return quoted
    }
}
