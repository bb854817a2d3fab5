/// One mistake in a job file.
package struct Diagnostic: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// Such as `E1203`; `ErrorCatalogue` explains it.
    package let code: String
    /// A sentence without a full stop.
    package let message: String
    /// JSON pointer (RFC 6901) within its document.
    package let pointer: String
    /// From 1.
    package let line: Int
    /// From 1, in characters (Unicode scalars).
    package let column: Int
    package let hint: String?
    /// The name of the file as it was given.
    package let file: String

    package init(
        code: String,
        message: String,
        pointer: String,
        line: Int,
        column: Int,
        hint: String? = nil,
        file: String
    ) {
        self.code = code
        self.message = message
        self.pointer = pointer
        self.line = line
        self.column = column
        self.hint = hint
        self.file = file
    }

    /// One line: `daily.yaml:41:7 error[E1203] unknown key "retires" in tasks[1]; did you mean "retry"?`
    package var description: String {
        let head = "\(file):\(line):\(column) error[\(code)] \(message)"
        return hint.map { "\(head); \($0)" } ?? head
    }

    /// The description, the line of the source with a caret below, and where to read on.
    package func render(source: String) -> String {
        var text = description + "\n"
        let lines = SourceText.lines(of: source)
        if line >= 1, line <= lines.count {
            let (shown, caret) = Self.excerpt(of: lines[line - 1], column: column)
            text += "    \(shown)\n    \(caret)^\n"
        }
        return text + "see: skyfire explain \(code)\n"
    }

    private static let widest = 100

    /// The part of a line around a column, and the blanks that lead to the column below it.
    private static func excerpt(of line: Substring, column: Int) -> (String, String) {
        let scalars = Array(line.unicodeScalars)
        let target = min(max(column - 1, 0), scalars.count)
        let start = target > widest - 20 ? target - widest / 2 : 0
        let end = min(scalars.count, start + widest)
        var shown = start > 0 ? "…" : ""
        var caret = start > 0 ? " " : ""
        for (index, scalar) in scalars[start..<end].enumerated() {
            let isTab = scalar == "\t"
            // Other control characters could move the terminal's cursor or change its colours.
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            shown.unicodeScalars.append(isTab ? "\t" : isControl ? "\u{FFFD}" : scalar)
            if start + index < target {
                caret += isTab ? "\t" : String(repeating: " ", count: displayWidth(scalar))
            }
        }
        if end < scalars.count { shown += "…" }
        return (shown, caret)
    }

    /// How many cells of a terminal a character takes: 2 for the scripts of East Asia and for most emoji.
    private static func displayWidth(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x300...0x36F, 0x200B...0x200F, 0xFE00...0xFE0F: 0
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}

/// All mistakes that were found in a job file, in the order of the file.
package struct JobFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    /// One line for each mistake.
    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
