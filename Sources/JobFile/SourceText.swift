/// A place in a file. Both numbers count from 1; columns count Unicode scalars.
struct SourcePosition: Hashable, Comparable {
    var line: Int
    var column: Int

    static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// The text of a job file, for finding places inside its values.
struct SourceText {
    private let lines: [Substring]

    init(_ text: String) {
        lines = Self.lines(of: text)
    }

    /// The lines without their ends; CR, LF and CR LF end a line.
    static func lines(of text: String) -> [Substring] {
        let bytes = text.utf8
        var lines: [Substring] = []
        var start = bytes.startIndex
        var index = start
        while index < bytes.endIndex {
            let byte = bytes[index]
            let next = bytes.index(after: index)
            if byte == 0x0A || byte == 0x0D {
                lines.append(text[start..<index])
                start =
                    byte == 0x0D && next < bytes.endIndex && bytes[next] == 0x0A
                    ? bytes.index(after: next) : next
                index = start
            } else {
                index = next
            }
        }
        return lines + [text[start...]]
    }

    /// Where a scalar's value has its character number `offset` (Unicode scalars from 0), or where the value begins
    /// if its spelling (several lines, folding) does not tell.
    func position(in node: SourceNode, offset: Int) -> SourcePosition {
        guard case .scalar(let scalar) = node.content, node.position.line <= lines.count else {
            return node.position
        }
        switch scalar.style {
        case .literal: return literalPosition(scalar, node.position, offset) ?? node.position
        case .folded: return node.position
        case .plain, .singleQuoted, .doubleQuoted:
            guard scalar.endLine == node.position.line else { return node.position }
            return flowPosition(scalar, node.position, offset)
        }
    }

    private func flowPosition(
        _ scalar: SourceScalar,
        _ start: SourcePosition,
        _ offset: Int
    ) -> SourcePosition {
        let source = Array(lines[start.line - 1].unicodeScalars)
        var column = start.column - 1
        // A tag or an anchor stands before the value: then the value's own start is not known.
        let quote: Unicode.Scalar? =
            switch scalar.style {
            case .singleQuoted: "'"
            case .doubleQuoted: "\""
            case .plain, .literal, .folded: nil
            }
        if let quote {
            guard column < source.count, source[column] == quote else { return start }
            column += 1
        }
        for _ in 0..<offset {
            guard column < source.count else { break }
            if scalar.style == .singleQuoted, source[column] == "'" {
                column += 2
            } else if scalar.style == .doubleQuoted, source[column] == "\\" {
                column += escapeLength(source, column)
            } else {
                column += 1
            }
        }
        return SourcePosition(line: start.line, column: min(column, source.count) + 1)
    }

    private func escapeLength(_ source: [Unicode.Scalar], _ column: Int) -> Int {
        guard column + 1 < source.count else { return 1 }
        switch source[column + 1] {
        case "x": return 4
        case "u":
            // The first half of a surrogate pair (JSON): both escapes are one character.
            let isHighSurrogate =
                column + 3 < source.count && (source[column + 2] == "d" || source[column + 2] == "D")
                && "89abAB".unicodeScalars.contains(source[column + 3])
            return isHighSurrogate ? 12 : 6
        case "U": return 10
        default: return 2
        }
    }

    private func literalPosition(
        _ scalar: SourceScalar,
        _ start: SourcePosition,
        _ offset: Int
    ) -> SourcePosition? {
        var line = 0
        var rest = offset
        for value in scalar.text.split(separator: "\n", omittingEmptySubsequences: false) {
            let count = value.unicodeScalars.count
            if rest <= count {
                let index = start.line + line
                guard index < lines.count, lines[index].hasSuffix(value) else { return nil }
                let indentation = lines[index].unicodeScalars.count - count
                return SourcePosition(line: index + 1, column: indentation + rest + 1)
            }
            rest -= count + 1
            line += 1
        }
        return nil
    }
}
