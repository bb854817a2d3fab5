/// A value with the way to it, for messages and pointers.
struct Field {
    let node: SourceNode
    let path: FieldPath

    func appending(_ key: String, _ node: SourceNode) -> Field {
        Field(node: node, path: path.appending(key))
    }
    func appending(_ index: Int, _ node: SourceNode) -> Field {
        Field(node: node, path: path.appending(index))
    }
}

/// The way from the top of a document to a value.
struct FieldPath {
    /// RFC 6901.
    private(set) var pointer = ""
    /// `tasks[1].retry`.
    private(set) var words = ""

    func appending(_ key: String) -> FieldPath {
        var path = self
        var escaped = ""
        for character in key {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.append(character)
            }
        }
        path.pointer += "/\(escaped)"
        path.words += words.isEmpty ? key : ".\(key)"
        return path
    }

    func appending(_ index: Int) -> FieldPath {
        var path = self
        path.pointer += "/\(index)"
        path.words += "[\(index)]"
        return path
    }
}

/// Collects the mistakes of one file.
final class Findings {
    private struct Place: Hashable {
        let code: String
        let position: SourcePosition
        let message: String
    }

    let source: SourceText
    private let file: String
    private var found: [Diagnostic] = []
    private var seen: Set<Place> = []

    init(source: SourceText, file: String) {
        self.source = source
        self.file = file
    }

    var count: Int { found.count }
    /// Whether no more mistakes are taken, so that looking for them is wasted.
    var isFull: Bool { found.count >= ReadingLimits.diagnostics }

    /// In the order of the file.
    var sorted: [Diagnostic] {
        found.sorted { ($0.line, $0.column, $0.code, $0.message) < ($1.line, $1.column, $1.code, $1.message) }
    }

    /// Adds a mistake, unless it is known already (`defaults` are read once for each task) or there are too many.
    func add(
        _ code: String,
        _ message: String,
        at position: SourcePosition,
        path: FieldPath,
        hint: String? = nil
    ) {
        guard !isFull,
            seen.insert(Place(code: code, position: position, message: message)).inserted
        else { return }
        found.append(
            Diagnostic(
                code: code,
                message: message,
                pointer: path.pointer,
                line: position.line,
                column: position.column,
                hint: hint,
                file: file
            )
        )
    }

    /// Adds a mistake in a value.
    func add(_ code: String, _ message: String, in field: Field, hint: String? = nil) {
        add(code, message, at: field.node.position, path: field.path, hint: hint)
    }

    /// Adds a mistake at a character (Unicode scalar from 0) of a text.
    func add(_ code: String, _ message: String, in field: Field, offset: Int, hint: String? = nil) {
        guard !isFull else { return }
        add(code, message, at: source.position(in: field.node, offset: offset), path: field.path, hint: hint)
    }

    func wrongType(_ field: Field, expected: String, hint: String? = nil) {
        add(
            "E1201",
            "\(field.path.words) must be \(expected), found \(field.node.found)",
            in: field,
            hint: hint
        )
    }

    func unsupported(_ what: String, at position: SourcePosition, path: FieldPath, hint: String? = nil) {
        add("E1205", "\(what) is not supported yet", at: position, path: path, hint: hint)
    }
}
