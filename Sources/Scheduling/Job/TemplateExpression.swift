internal import Cron

/// What stands between `${` and `}` in a template: `logical.date - 1d`, `params.day`, `tasks.t.outputs.x` …
package enum TemplateExpression: Hashable, Sendable {
    /// A form of the run's logical time.
    package enum Logical: String, Hashable, Sendable, CaseIterable {
        /// RFC 3339 in UTC.
        case time
        /// `2026-11-20` by the clocks of the job's zone.
        case date
        /// `00` to `23` by the clocks of the job's zone.
        case hour
        /// Seconds since 1970.
        case timestamp
    }

    package enum Partition: String, Hashable, Sendable, CaseIterable {
        case index, count, value
    }

    package enum Run: String, Hashable, Sendable, CaseIterable {
        case id, attempt
    }

    /// The logical time moved by a signed number of milliseconds.
    case logical(Logical, offsetMilliseconds: Int64)
    case parameter(String)
    case output(task: TaskID, name: String)
    case partition(Partition)
    case run(Run)
    case jobName

    /// The first words that belong to templates; in a shell line every other `${…}` is the shell's.
    package static let roots: Set<String> = [
        "logical", "params", "tasks", "partition", "secrets", "run", "job", "bundle",
    ]

    /// Whether the value is a decimal number whatever the run is, and so harmless in shell arithmetic.
    package var isAlwaysNumber: Bool {
        switch self {
        case .logical(.timestamp, _), .partition(.index), .partition(.count), .run(.attempt): true
        case .logical, .parameter, .output, .partition, .run, .jobName: false
        }
    }

    /// The value in a run.
    package func value(in context: TemplateContext) throws(TemplateError) -> String {
        switch self {
        case .logical(let form, let offset):
            return context.logicalText(form, offsetMilliseconds: offset)
        case .parameter(let name):
            guard let value = context.params[name] else {
                throw TemplateError(.unresolved, "the run has no parameter \"\(name)\"", offset: 0)
            }
            return value
        case .output(let task, let name):
            guard let value = context.outputs[task]?[name] else {
                throw TemplateError(.unresolved, "task \(task) wrote no output \"\(name)\"", offset: 0)
            }
            return value
        case .partition(.index): return String(context.partition.index)
        case .partition(.count): return String(context.partition.count)
        case .partition(.value): return context.partition.value
        case .run(.id): return context.run
        case .run(.attempt): return String(context.attempt)
        case .jobName: return context.job
        }
    }
}

/// Reads one expression.
struct TemplateExpressionParser {
    private let bytes: [UInt8]
    private var index: Int
    private let start: Int

    /// Begins at the `$` of an expression.
    init(_ bytes: [UInt8], start: Int) {
        self.bytes = bytes
        self.start = start
        index = start + 2
    }

    /// The expression and the offset after its `}`.
    static func parse(_ bytes: [UInt8], start: Int) throws(TemplateError) -> (TemplateExpression, end: Int) {
        var parser = TemplateExpressionParser(bytes, start: start)
        let expression = try parser.expression()
        return (expression, parser.index)
    }

    private mutating func expression() throws(TemplateError) -> TemplateExpression {
        skipBlanks()
        let root = word(dashes: false)
        let path = "\(root)."
        switch root {
        case "logical":
            let form = try choice(TemplateExpression.Logical.self, of: path)
            return .logical(form, offsetMilliseconds: try arithmetic())
        case "params":
            let name = try name(of: path, "NAME")
            try close()
            return .parameter(name)
        case "tasks":
            let nameStart = index + 1
            let task = try name(of: path, "TASK.outputs.NAME")
            let id: TaskID
            do throws(NameError) { id = try TaskID(task) } catch {
                throw TemplateError(.malformed, error.description, offset: nameStart)
            }
            let wordStart = index
            guard skip("."), word(dashes: true) == "outputs" else {
                throw TemplateError(
                    .malformed,
                    "expected \".outputs.NAME\" after the task's id",
                    offset: wordStart,
                    hint: "write ${tasks.\(task).outputs.NAME}"
                )
            }
            let name = try name(of: "tasks.\(task).outputs.", "NAME")
            try close()
            return .output(task: id, name: name)
        case "partition":
            let field = try choice(TemplateExpression.Partition.self, of: path)
            try close()
            return .partition(field)
        case "run":
            let field = try choice(TemplateExpression.Run.self, of: path)
            try close()
            return .run(field)
        case "job":
            let fieldStart = index
            guard skip("."), word(dashes: true) == "name" else {
                throw TemplateError(
                    .unknownName,
                    "\"job\" has the field name only",
                    offset: fieldStart,
                    hint: "write ${job.name}; $${job} stands for the text ${job}"
                )
            }
            try close()
            return .jobName
        case "secrets", "bundle":
            throw TemplateError(.unsupported, "\"\(root)\" in templates is not supported yet", offset: start)
        case "":
            throw TemplateError(
                .malformed,
                "a template is empty or begins with a character that no name has",
                offset: start,
                hint: "write $${ for the text ${"
            )
        default:
            throw TemplateError(
                .unknownName,
                "\"\(root)\" is not a name that templates know",
                offset: start,
                hint:
                    "the names begin with logical, params, tasks, partition, run or job; write $${ for the text ${"
            )
        }
    }

    private mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ type: Choice.Type,
        of path: String
    ) throws(TemplateError) -> Choice {
        let fieldStart = index
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard skip(".") else {
            throw TemplateError(
                .malformed,
                "\"\(path.dropLast())\" needs a field",
                offset: fieldStart,
                hint: "the fields are \(names); write $${ for the text ${"
            )
        }
        let name = word(dashes: false)
        guard let choice = Choice(rawValue: name) else {
            throw TemplateError(
                .unknownName,
                "\"\(path.dropLast())\" has no field \"\(name)\"",
                offset: fieldStart + 1,
                hint: "the fields are \(names)"
            )
        }
        return choice
    }

    private mutating func name(of path: String, _ form: String) throws(TemplateError) -> String {
        let nameStart = index
        if skip(".") {
            let name = word(dashes: true)
            if !name.isEmpty { return name }
        }
        throw TemplateError(
            .malformed,
            "\"\(path.dropLast())\" needs a name",
            offset: nameStart,
            hint: "write ${\(path)\(form)}; $${ stands for the text ${"
        )
    }

    /// Signed durations up to the brace.
    private mutating func arithmetic() throws(TemplateError) -> Int64 {
        var total: Int64 = 0
        while true {
            skipBlanks()
            let isMinus = skip("-")
            guard isMinus || skip("+") else { break }
            skipBlanks()
            let textStart = index
            let text = word(dashes: false)
            let milliseconds: Int64
            do throws(CronError) { milliseconds = try DurationText.milliseconds(parsing: text) } catch {
                throw TemplateError(
                    .malformed,
                    error.message,
                    offset: textStart + (error.offset ?? 0),
                    hint: error.hint
                )
            }
            let (sum, overflow) = total.addingReportingOverflow(isMinus ? -milliseconds : milliseconds)
            guard !overflow, abs(sum) <= 36_525 * 86_400_000 else {
                throw TemplateError(.malformed, "the offset is longer than 100 years", offset: textStart)
            }
            total = sum
        }
        try close()
        return total
    }

    private mutating func close() throws(TemplateError) {
        skipBlanks()
        guard skip("}") else {
            throw TemplateError(
                .malformed,
                index < bytes.count ? "unexpected text in a template" : "the template has no closing brace",
                offset: min(index, bytes.count),
                hint: "write $${ for the text ${"
            )
        }
    }

    private mutating func word(dashes: Bool) -> String {
        let wordStart = index
        while index < bytes.count, Self.isWord(bytes[index]) || (dashes && bytes[index] == UInt8(ascii: "-"))
        {
            index += 1
        }
        return String(decoding: bytes[wordStart..<index], as: UTF8.self)
    }

    private mutating func skipBlanks() {
        while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
    }

    private mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    /// Whether the byte is an ASCII letter, digit or underscore.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
