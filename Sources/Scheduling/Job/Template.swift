/// A text with `${…}` expressions in it.
///
/// In `text` mode every `${` begins an expression and `$${` is the text `${`. In `shell` mode the text is a `/bin/sh`
/// line: only expressions whose first word is one of `TemplateExpression.roots` are ours, and they become references
/// to environment variables, so that no value is ever read as shell text.
package struct Template: Hashable, Sendable {
    package enum Mode: Hashable, Sendable {
        case text, shell
    }

    /// One place where an expression stands.
    package struct Reference: Hashable, Sendable {
        package let expression: TemplateExpression
        /// Of its `$`, in UTF-8 bytes.
        package let offset: Int
    }

    /// A shell line and the variables that it refers to.
    package struct ShellLine: Hashable, Sendable {
        package let line: String
        package let environment: [String: String]
    }

    enum Segment: Hashable, Sendable {
        case literal(String)
        case expression(TemplateExpression)
        /// The text of a reference to a variable, by the variable's index from 0.
        case variable(Int, quoted: Bool)
    }

    package let mode: Mode
    /// All places, in the order of the text.
    package let references: [Reference]
    private let segments: [Segment]
    /// The distinct expressions of a shell line: the n-th is the value of `SKYFIRE_V<n + 1>`.
    private let variables: [TemplateExpression]

    package static func parse(_ text: String, mode: Mode) throws(TemplateError) -> Template {
        switch mode {
        case .text: try parseText(text)
        case .shell: try ShellTemplateScanner.template(of: text)
        }
    }

    init(mode: Mode, references: [Reference], segments: [Segment], variables: [TemplateExpression]) {
        self.mode = mode
        self.references = references
        self.segments = segments
        self.variables = variables
    }

    /// Fills in a text.
    ///
    /// - Precondition: the mode is `text`.
    package func resolve(_ context: TemplateContext) throws(TemplateError) -> String {
        precondition(mode == .text, "a shell line is filled in with resolveShell")
        var result = ""
        for segment in segments {
            switch segment {
            case .literal(let text): result += text
            case .expression(let expression): result += try Self.value(of: expression, in: context)
            case .variable: preconditionFailure("a text has no variables")
            }
        }
        return result
    }

    /// Fills in a shell line: the line is the same whatever the values are, they are in the environment.
    ///
    /// - Precondition: the mode is `shell`.
    package func resolveShell(_ context: TemplateContext) throws(TemplateError) -> ShellLine {
        precondition(mode == .shell, "a text is filled in with resolve")
        var line = ""
        for segment in segments {
            switch segment {
            case .literal(let text): line += text
            case .variable(let index, quoted: true): line += "\"${\(Self.variableName(index))}\""
            case .variable(let index, quoted: false): line += "${\(Self.variableName(index))}"
            case .expression: preconditionFailure("a shell line has variables only")
            }
        }
        var environment: [String: String] = [:]
        for (index, expression) in variables.enumerated() {
            environment[Self.variableName(index)] = try Self.value(of: expression, in: context)
        }
        return ShellLine(line: line, environment: environment)
    }

    static func variableName(_ index: Int) -> String { "SKYFIRE_V\(index + 1)" }

    private static func value(
        of expression: TemplateExpression,
        in context: TemplateContext
    ) throws(TemplateError) -> String {
        let value = try expression.value(in: context)
        if value.utf8.contains(0) {
            throw TemplateError(
                .unresolved,
                "a value holds a NUL character, which no process can be given",
                offset: 0
            )
        }
        return value
    }

    private static func parseText(_ text: String) throws(TemplateError) -> Template {
        let bytes = Array(text.utf8)
        var segments: [Segment] = []
        var references: [Reference] = []
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if isEscape(bytes, index) {
                literal += [UInt8(ascii: "$"), UInt8(ascii: "{")]
                index += 3
            } else if isOpening(bytes, index) {
                let (expression, end) = try TemplateExpressionParser.parse(bytes, start: index)
                if !literal.isEmpty { segments.append(.literal(String(decoding: literal, as: UTF8.self))) }
                literal = []
                segments.append(.expression(expression))
                references.append(Reference(expression: expression, offset: index))
                index = end
            } else {
                literal.append(bytes[index])
                index += 1
            }
        }
        if !literal.isEmpty { segments.append(.literal(String(decoding: literal, as: UTF8.self))) }
        return Template(mode: .text, references: references, segments: segments, variables: [])
    }

    /// Whether `$${` stands there.
    static func isEscape(_ bytes: [UInt8], _ index: Int) -> Bool {
        bytes[index] == UInt8(ascii: "$") && index + 1 < bytes.count && isOpening(bytes, index + 1)
    }

    /// Whether `${` stands there.
    static func isOpening(_ bytes: [UInt8], _ index: Int) -> Bool {
        bytes[index] == UInt8(ascii: "$") && index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "{")
    }
}
