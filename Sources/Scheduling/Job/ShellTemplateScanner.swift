/// Finds our expressions in a `/bin/sh` line, and how the shell quotes the places where they stand.
///
/// Only references to variables are ever put into the line, so a misjudged place costs at worst a split word or a
/// syntax error, never a command. Where the shell would read a variable's value as code (arithmetic, which some
/// shells evaluate recursively) or would not expand it (single quotes), an expression is refused.
struct ShellTemplateScanner {
    private enum Context {
        /// Unquoted text; `depth` counts open parentheses of a command substitution, nil at the top.
        case command(depth: Int?)
        case doubleQuotes
        /// `${NAME:-…}` of the shell.
        case braces(inDoubleQuotes: Bool, quotesAreLiteral: Bool)
        /// `$((…))`, `((…))`, `$[…]`, a subscript or a substring: until `close` has undone `depth`.
        case arithmetic(open: UInt8, close: UInt8, depth: Int)
        case hereDocument(HereDocument)
    }

    private struct HereDocument {
        let delimiter: [UInt8]
        let stripsTabs: Bool
        let isQuoted: Bool
    }

    private let bytes: [UInt8]
    private var index = 0
    private var stack: [Context] = [.command(depth: nil)]
    private var pending: [HereDocument] = []
    /// Whether a `#` here would begin a comment.
    private var isWordStart = true
    /// Whether a line of a here-document begins here.
    private var isLineStart = false
    /// Where `$'…\'` makes shells disagree about the end of the quotes.
    private var ambiguousQuotes: Int?

    private var literal: [UInt8] = []
    private var segments: [Template.Segment] = []
    private var references: [Template.Reference] = []
    private var variables: [TemplateExpression] = []

    static func template(of line: String) throws(TemplateError) -> Template {
        var scanner = ShellTemplateScanner(bytes: Array(line.utf8))
        while scanner.index < scanner.bytes.count { try scanner.step() }
        if let offset = scanner.ambiguousQuotes, !scanner.references.isEmpty {
            throw TemplateError(
                .unsafePlace,
                "$'…' with a backslash before its end means different things to different shells",
                offset: offset,
                hint: "use printf or plain quotes beside templates"
            )
        }
        scanner.flush()
        return Template(
            mode: .shell,
            references: scanner.references,
            segments: scanner.segments,
            variables: scanner.variables
        )
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func step() throws(TemplateError) {
        let byte = bytes[index]
        switch stack[stack.count - 1] {
        case .command(let depth): try stepInCommand(byte, depth: depth)
        case .doubleQuotes:
            if byte == UInt8(ascii: "\"") {
                copy(1)
                stack.removeLast()
            } else {
                try stepInExpandedText(byte, quoted: false)
            }
        case .braces(let inDoubleQuotes, let quotesAreLiteral):
            switch byte {
            case UInt8(ascii: "}"):
                copy(1)
                stack.removeLast()
            case UInt8(ascii: "'") where !quotesAreLiteral: try copySingleQuotes()
            case UInt8(ascii: "\""):
                copy(1)
                stack.append(.doubleQuotes)
            default: try stepInExpandedText(byte, quoted: !inDoubleQuotes)
            }
        case .arithmetic(let open, let close, let depth):
            if byte == close {
                copy(1)
                stack.removeLast()
                if depth > 1 { stack.append(.arithmetic(open: open, close: close, depth: depth - 1)) }
            } else if byte == open {
                copy(1)
                stack[stack.count - 1] = .arithmetic(open: open, close: close, depth: depth + 1)
            } else if byte == UInt8(ascii: "\"") {
                copy(1)
                stack.append(.doubleQuotes)
            } else {
                try stepInExpandedText(byte, quoted: false)
            }
        case .hereDocument(let document):
            if isLineStart, endHereDocument(document) { return }
            isLineStart = false
            if byte == UInt8(ascii: "\n") {
                copy(1)
                isLineStart = true
            } else {
                try stepInExpandedText(byte, quoted: false)
            }
        }
    }

    private mutating func stepInCommand(_ byte: UInt8, depth: Int?) throws(TemplateError) {
        let startsWord = isWordStart
        isWordStart = false
        switch byte {
        case UInt8(ascii: "'"): try copySingleQuotes()
        case UInt8(ascii: "\""):
            copy(1)
            stack.append(.doubleQuotes)
        case UInt8(ascii: "#") where startsWord:
            while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { copy(1) }
        case UInt8(ascii: "\n"):
            copy(1)
            isWordStart = true
            try beginHereDocument()
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"),
            UInt8(ascii: ">"):
            copy(1)
            isWordStart = true
        case UInt8(ascii: "<"):
            isWordStart = true
            if peek(1) == UInt8(ascii: "<"), peek(2) == UInt8(ascii: "<") {
                copy(3)
            } else if peek(1) == UInt8(ascii: "<") {
                try copyHereDocumentOperator()
            } else {
                copy(1)
            }
        case UInt8(ascii: "("):
            isWordStart = true
            if peek(1) == UInt8(ascii: "(") {
                copy(2)
                stack.append(.arithmetic(open: UInt8(ascii: "("), close: UInt8(ascii: ")"), depth: 2))
            } else {
                copy(1)
                if let depth { stack[stack.count - 1] = .command(depth: depth + 1) }
            }
        case UInt8(ascii: ")"):
            copy(1)
            isWordStart = true
            guard let depth else { return }
            if depth == 0 {
                stack.removeLast()
                isWordStart = false
            } else {
                stack[stack.count - 1] = .command(depth: depth - 1)
            }
        default: try stepInExpandedText(byte, quoted: true)
        }
    }

    /// Text in which the shell expands `$` and backquotes; `quoted` says whether a reference brings its own quotes.
    private mutating func stepInExpandedText(_ byte: UInt8, quoted: Bool) throws(TemplateError) {
        switch byte {
        case UInt8(ascii: "\\"): copy(min(2, bytes.count - index))
        case UInt8(ascii: "`"): try copyBackquotes()
        case UInt8(ascii: "$"): try stepAtDollar(quoted: quoted)
        default: copy(1)
        }
    }

    private mutating func stepAtDollar(quoted: Bool) throws(TemplateError) {
        if Template.isEscape(bytes, index) {
            copyEscape()
        } else if isOurs(index) {
            try reference(quoted: quoted)
        } else if peek(1) == UInt8(ascii: "{") {
            openBraces()
        } else if peek(1) == UInt8(ascii: "("), peek(2) == UInt8(ascii: "(") {
            copy(3)
            stack.append(.arithmetic(open: UInt8(ascii: "("), close: UInt8(ascii: ")"), depth: 2))
        } else if peek(1) == UInt8(ascii: "(") {
            copy(2)
            stack.append(.command(depth: 0))
            isWordStart = true
        } else if peek(1) == UInt8(ascii: "[") {
            copy(2)
            stack.append(.arithmetic(open: UInt8(ascii: "["), close: UInt8(ascii: "]"), depth: 1))
        } else {
            if peek(1) == UInt8(ascii: "'"), case .command = stack[stack.count - 1] { noteDollarQuotes() }
            copy(1)
        }
    }

    /// The shell's own `${…}`.
    private mutating func openBraces() {
        var inDoubleQuotes = false
        loop: for context in stack.reversed() {
            switch context {
            case .doubleQuotes, .hereDocument: inDoubleQuotes = true
            case .braces(let outer, _): inDoubleQuotes = outer
            case .arithmetic, .command: break
            }
            break loop
        }
        copy(2)
        if peek(0) == UInt8(ascii: "#") || peek(0) == UInt8(ascii: "!") { copy(1) }
        if let byte = peek(0), !TemplateExpressionParser.isWord(byte), byte != UInt8(ascii: "}") {
            // A special parameter such as `$@` or `$?`.
            if "@*?-$!#".utf8.contains(byte) { copy(1) }
        }
        while let byte = peek(0), TemplateExpressionParser.isWord(byte) { copy(1) }
        let first = peek(0) ?? UInt8(ascii: "}")
        let second = peek(1) ?? UInt8(ascii: "}")
        let isSubstring = first == UInt8(ascii: ":") && !"-=?+".utf8.contains(second)
        if isSubstring || !":-=?+#%/}".utf8.contains(first) {
            stack.append(.arithmetic(open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), depth: 1))
        } else {
            let isPattern = first == UInt8(ascii: "#") || first == UInt8(ascii: "%")
            stack.append(
                .braces(inDoubleQuotes: inDoubleQuotes, quotesAreLiteral: inDoubleQuotes && !isPattern)
            )
        }
    }

    private mutating func reference(quoted: Bool) throws(TemplateError) {
        let start = index
        let (expression, end) = try TemplateExpressionParser.parse(bytes, start: start)
        let isInArithmetic = stack.contains { if case .arithmetic = $0 { true } else { false } }
        guard !isInArithmetic || expression.isAlwaysNumber else {
            throw TemplateError(
                .unsafePlace,
                "a template stands where the shell computes, and could run its value as code",
                offset: start,
                hint: "check the value first, in a variable of your own: n=${…}"
            )
        }
        flush()
        let variable: Int
        if let known = variables.firstIndex(of: expression) {
            variable = known
        } else {
            variable = variables.count
            variables.append(expression)
        }
        segments.append(.variable(variable, quoted: quoted))
        references.append(Template.Reference(expression: expression, offset: start))
        index = end
    }

    /// Whether `${` and one of our roots stand there: the root is followed by `.`, a blank or `}`.
    private func isOurs(_ position: Int) -> Bool {
        guard Template.isOpening(bytes, position) else { return false }
        var end = position + 2
        while end < bytes.count, bytes[end] == 0x20 || bytes[end] == 0x09 { end += 1 }
        let start = end
        while end < bytes.count, TemplateExpressionParser.isWord(bytes[end]) { end += 1 }
        guard end < bytes.count, ". \t}".utf8.contains(bytes[end]) else { return false }
        return TemplateExpression.roots.contains(String(decoding: bytes[start..<end], as: UTF8.self))
    }

    private mutating func copySingleQuotes() throws(TemplateError) {
        copy(1)
        while let byte = peek(0) {
            if Template.isEscape(bytes, index) {
                copyEscape()
            } else if isOurs(index) {
                throw TemplateError(
                    .unsafePlace,
                    "a template stands inside single quotes, where the shell would not fill it in",
                    offset: index,
                    hint: "end the single quotes before it, or use double quotes"
                )
            } else {
                copy(1)
                if byte == UInt8(ascii: "'") { return }
            }
        }
    }

    private mutating func copyBackquotes() throws(TemplateError) {
        copy(1)
        while let byte = peek(0) {
            if byte == UInt8(ascii: "\\") {
                copy(min(2, bytes.count - index))
            } else if Template.isEscape(bytes, index) {
                copyEscape()
            } else if isOurs(index) {
                throw TemplateError(
                    .unsafePlace,
                    "a template stands inside backquotes, where quoting is ambiguous",
                    offset: index,
                    hint: "use $(…) instead of backquotes"
                )
            } else {
                copy(1)
                if byte == UInt8(ascii: "`") { return }
            }
        }
    }

    private mutating func noteDollarQuotes() {
        var end = index + 2
        while end < bytes.count, bytes[end] != UInt8(ascii: "'") { end += 1 }
        if end < bytes.count, bytes[end - 1] == UInt8(ascii: "\\"), ambiguousQuotes == nil {
            ambiguousQuotes = index
        }
    }

    /// `<<` or `<<-` and the delimiter.
    private mutating func copyHereDocumentOperator() throws(TemplateError) {
        copy(2)
        var stripsTabs = false
        if peek(0) == UInt8(ascii: "-") {
            stripsTabs = true
            copy(1)
        }
        while peek(0) == 0x20 || peek(0) == 0x09 { copy(1) }
        var delimiter: [UInt8] = []
        var isQuoted = false
        var quote: UInt8?
        while let byte = peek(0), byte != UInt8(ascii: "\n") {
            if let open = quote {
                if byte == open { quote = nil } else { delimiter.append(byte) }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
                isQuoted = true
            } else if byte == UInt8(ascii: "\\"), let next = peek(1), next != UInt8(ascii: "\n") {
                isQuoted = true
                delimiter.append(next)
                copy(1)
            } else if " \t;&|<>()".utf8.contains(byte) {
                break
            } else {
                delimiter.append(byte)
            }
            copy(1)
        }
        pending.append(HereDocument(delimiter: delimiter, stripsTabs: stripsTabs, isQuoted: isQuoted))
        isWordStart = false
    }

    /// Called after the newline behind which the next here-document begins, if there is one.
    private mutating func beginHereDocument() throws(TemplateError) {
        while !pending.isEmpty {
            let document = pending.removeFirst()
            guard document.isQuoted else {
                stack.append(.hereDocument(document))
                isLineStart = true
                return
            }
            while index < bytes.count, delimiterEnd(document) == nil { try copyQuotedLine() }
            if let end = delimiterEnd(document) { copy(end - index) }
            guard peek(0) == UInt8(ascii: "\n") else { return }
            copy(1)
        }
    }

    private mutating func copyQuotedLine() throws(TemplateError) {
        while let byte = peek(0) {
            if Template.isEscape(bytes, index) {
                copyEscape()
            } else if isOurs(index) {
                throw TemplateError(
                    .unsafePlace,
                    "a template stands in a here-document with a quoted delimiter, where the shell expands nothing",
                    offset: index,
                    hint: "write the delimiter without quotes"
                )
            } else {
                copy(1)
                if byte == UInt8(ascii: "\n") { return }
            }
        }
    }

    /// Where the delimiter's line ends, if the line at the index is it.
    private func delimiterEnd(_ document: HereDocument) -> Int? {
        var start = index
        if document.stripsTabs { while start < bytes.count, bytes[start] == 0x09 { start += 1 } }
        let end = start + document.delimiter.count
        guard end <= bytes.count, bytes[start..<end].elementsEqual(document.delimiter),
            end == bytes.count || bytes[end] == UInt8(ascii: "\n")
        else { return nil }
        return end
    }

    private mutating func endHereDocument(_ document: HereDocument) -> Bool {
        guard let end = delimiterEnd(document) else { return false }
        copy(end - index)
        stack.removeLast()
        isLineStart = false
        isWordStart = true
        // The command that the document belongs to goes on with the newline, and begins the next document there.
        return true
    }

    private func peek(_ distance: Int) -> UInt8? {
        index + distance < bytes.count ? bytes[index + distance] : nil
    }

    private mutating func copy(_ count: Int) {
        literal += bytes[index..<min(index + count, bytes.count)]
        index = min(index + count, bytes.count)
    }

    /// `$${` is the text `${`.
    private mutating func copyEscape() {
        literal += [UInt8(ascii: "$"), UInt8(ascii: "{")]
        index += 3
    }

    private mutating func flush() {
        if !literal.isEmpty { segments.append(.literal(String(decoding: literal, as: UTF8.self))) }
        literal = []
    }
}
