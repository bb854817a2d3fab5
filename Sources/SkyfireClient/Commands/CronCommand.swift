internal import ArgumentParser
internal import Cron
internal import Scheduling

/// `skyfire cron …`
struct CronCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cron",
        abstract: "Understand cron expressions.",
        subcommands: [CronExplain.self]
    )
}

extension ScheduleLanguage: ExpressibleByArgument {}

/// `skyfire cron explain EXPR`
struct CronExplain: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say a cron expression in words, and when it fires next; needs no server.",
        discussion: "For example: skyfire cron explain '30 2 * * *' --tz America/New_York"
    )

    @Argument(
        help: ArgumentHelp("The expression, in quotes: 5 fields, or 6 with --seconds.", valueName: "expr")
    )
    var expression: [String]

    @Option(
        name: [.long, .customLong("zone")],
        help: ArgumentHelp("An IANA zone. Default: UTC.", valueName: "zone")
    )
    var tz = "UTC"

    @Flag(help: "The first of 6 fields is seconds.")
    var seconds = false

    @Option(help: ArgumentHelp("How many times.", valueName: "n"))
    var count = 5

    @Option(help: "The language of the words and notes, en or zh.")
    var lang = ScheduleLanguage.english

    @Option(help: ArgumentHelp("Where the clocks are put forward: next_valid or skip.", valueName: "rule"))
    var gap = "next_valid"

    @Option(help: ArgumentHelp("Where they are put back: first, second or both.", valueName: "rule"))
    var overlap = "first"

    @OptionGroup var globals: GlobalOptions

    mutating func validate() throws {
        if !(1...1000).contains(count) { throw ValidationError("--count is 1 to 1000") }
        if DaylightSavingPolicy.Gap(rawValue: gap) == nil {
            throw ValidationError("--gap is next_valid or skip")
        }
        if DaylightSavingPolicy.Overlap(rawValue: overlap) == nil {
            throw ValidationError("--overlap is first, second or both")
        }
    }

    func perform(_ session: ClientSession) async throws {
        let text = expression.joined(separator: " ")
        let policy = DaylightSavingPolicy(
            gap: .init(rawValue: gap) ?? .nextValid,
            overlap: .init(rawValue: overlap) ?? .first
        )
        let preview: CronPreview
        do throws(CronError) {
            preview = CronPreview(
                expression: try CronExpression(text, seconds: seconds),
                zone: try session.zones.zone(named: tz),
                policy: policy,
                language: lang
            )
        } catch {
            throw Self.failure(error)
        }
        let now = session.now().second
        let firings = preview.firings(after: now, count: count)
        let notes = preview.notes(after: now)
        let items = firings.map { firing in
            JSONTree.object([
                "at": .string(WallTime(firing.at).description),
                "local": .string(firing.at.rfc3339(in: preview.zone)),
                "zone": .string(preview.zone.name), "note": firing.note.map { .string($0) } ?? .null,
            ])
        }
        switch session.format {
        case .table, .wide:
            session.console.line(preview.expression.describe(in: lang))
            session.console.line((lang == .chinese ? "时区 " : "zone ") + preview.zone.name)
            let local = TimeText(zone: preview.zone, now: session.now())
            for firing in firings {
                let note = firing.note.map { "  \($0)" } ?? ""
                session.console.line("  \(local.full(WallTime(firing.at)))\(note)")
            }
            for note in notes { session.console.line(lang == .chinese ? "注意：\(note)" : "note: \(note)") }
        case .json, .jsonl, .yaml:
            let words = ScheduleLanguage.allCases.map {
                ($0.rawValue, JSONTree.string(preview.expression.describe(in: $0)))
            }
            session.one(
                .object([
                    "expr": .string(text), "zone": .string(preview.zone.name), "seconds": .bool(seconds),
                    "words": .object(Dictionary(uniqueKeysWithValues: words)), "next": .array(items),
                    "notes": .array(notes.map { .string($0) }),
                ]),
                Columns.firings
            )
        case .name, .csv: session.list(items, Columns.firings, empty: "")
        }
    }

    /// The error with the text and a caret below the mistake.
    private static func failure(_ error: CronError) -> ClientError {
        var message = error.message
        var hint = error.hint
        if let offset = error.offset {
            let blanks = String(repeating: " ", count: DisplayWidth.of(String(error.text.prefix(offset))))
            if let text = hint { message += "; \(text)" }
            hint = nil
            message += "\n    \(error.text)\n    \(blanks)^"
        }
        return ClientError(.invalidDefinition, message, hint: hint)
    }
}
