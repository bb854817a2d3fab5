/// The keys that a mapping may have.
struct MappingKeys {
    let known: [String]
    /// Documented, but not built.
    let planned: [String]

    init(_ known: [String], planned: [String] = []) {
        self.known = known
        self.planned = planned
    }
}

/// The entries of a mapping, by key.
struct MappingFields {
    let field: Field
    /// Also those that stand elsewhere: what `defaults` add to a task.
    private(set) var fields: [String: Field]
    /// Keys in the order of the file.
    let order: [String]

    subscript(key: String) -> Field? { fields[key] }

    init(field: Field, entries: [SourceEntry]) {
        self.field = field
        fields = Dictionary(minimumCapacity: entries.count)
        for entry in entries { fields[entry.key] = field.appending(entry.key, entry.value) }
        order = entries.map(\.key)
    }

    /// Adds the entries of `other` whose keys are missing.
    mutating func fill(from other: MappingFields) {
        for (key, field) in other.fields where fields[key] == nil { fields[key] = field }
    }
}

extension Findings {
    /// The entries of a mapping whose keys are free, with the place of each key.
    func entries(_ field: Field, of what: String) -> [(key: String, position: SourcePosition, value: Field)]?
    {
        guard case .mapping(let entries) = field.node.content else {
            wrongType(field, expected: "a mapping of \(what)")
            return nil
        }
        return entries.map { ($0.key, $0.keyPosition, field.appending($0.key, $0.value)) }
    }

    /// The entries of a mapping; every key that is not known is reported.
    func mapping(_ field: Field, _ keys: MappingKeys, expected: String = "a mapping") -> MappingFields? {
        guard case .mapping(let entries) = field.node.content else {
            wrongType(field, expected: field.path.words.isEmpty ? "" : expected)
            return nil
        }
        for entry in entries where !keys.known.contains(entry.key) && !isFull {
            let path = field.path.appending(entry.key)
            let place = field.path.words.isEmpty ? "" : " in \(field.path.words)"
            if keys.planned.contains(entry.key) {
                unsupported(
                    "the key \"\(entry.key)\"\(place)",
                    at: entry.keyPosition,
                    path: path,
                    hint: "leave it out"
                )
            } else if entry.key == "<<" {
                unsupported(
                    "the merge key \"<<\"",
                    at: entry.keyPosition,
                    path: path,
                    hint: "put what tasks have in common under \"defaults\""
                )
            } else {
                add(
                    "E1203",
                    "unknown key \"\(SourceScalar.shortened(entry.key))\"\(place)",
                    at: entry.keyPosition,
                    path: path,
                    hint: Suggestion.hint(for: entry.key, among: keys.known)
                        ?? "the keys are \(keys.known.joined(separator: ", "))"
                )
            }
        }
        return MappingFields(field: field, entries: entries)
    }

    /// The value of a key that must be there.
    func required(_ key: String, in mapping: MappingFields, hint: String? = nil) -> Field? {
        if let field = mapping[key] { return field }
        let words = mapping.field.path.words
        add(
            "E1204",
            "the key \"\(key)\" is missing\(words.isEmpty ? "" : " in \(words)")",
            in: mapping.field,
            hint: hint
        )
        return nil
    }

    /// A text, or texts by language; a plain text is English.
    func localizedText(_ field: Field) -> [String: String]? {
        guard case .mapping = field.node.content else {
            return string(field, expected: "a text, or texts by language like {en: …, zh: …}").map {
                ["en": $0]
            }
        }
        guard let fields = mapping(field, MappingKeys(["en", "zh"])) else { return nil }
        guard !fields.order.isEmpty else {
            add("E1213", "\(field.path.words) is empty", in: field)
            return nil
        }
        var texts: [String: String] = [:]
        for language in ["en", "zh"] {
            if let value = fields[language], let text = string(value) { texts[language] = text }
        }
        return texts
    }

    /// Labels: names of letters, digits and `_ . / -`, values as they were written.
    func labels(_ field: Field) -> [String: String]? {
        guard let entries = entries(field, of: "labels") else { return nil }
        var labels: [String: String] = [:]
        for (key, position, value) in entries {
            let isName =
                key.utf8.count <= 64 && !key.isEmpty
                && key.utf8.allSatisfy { isASCIIWord($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x2F }
            if !isName {
                add(
                    "E1309",
                    "\"\(SourceScalar.shortened(key))\" cannot be the name of a label",
                    at: position,
                    path: value.path,
                    hint: "a label's name has letters, digits, \"_\", \".\", \"/\" and \"-\", 64 at most"
                )
            }
            guard let text = literal(value) else { continue }
            if text.utf8.count > 256 {
                add("E1207", "\(value.path.words) is longer than 256 bytes", in: value)
            }
            labels[key] = text
        }
        return labels
    }
}

/// Whether the byte is an ASCII letter, digit or underscore.
func isASCIIWord(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
}
