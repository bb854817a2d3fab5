import Cron
import JobFile
import Scheduling
import SkyfireClient
import Testing

@Suite struct OutputTests {
    private static let times = TimeText(zone: .utc, now: VerbBench.now)
    private static let columns = [
        Column("NAME", "name"), Column("STATE", "state", .state), Column("COUNT", "count", isRight: true),
        Column("AT", "at", .time, isWide: true),
    ]
    private static func items() throws -> [JSONTree] {
        try JSONTree(
            parsing: Array(
                #"""
                [{"name": "每日汇总", "state": "failed", "count": 12, "at": "2026-11-20T12:57:00Z"},
                 {"name": "a,\"b\"", "state": "ready", "count": null}]
                """#.utf8
            )
        ).items
    }

    private func text(_ format: OutputFormat, headers: Bool = true, color: Bool = false) throws -> String {
        ListPrinter(format: format, hasHeaders: headers, isColored: color, times: Self.times)
            .text(try Self.items(), Self.columns)
    }

    @Test(arguments: [
        ("", 0), ("abc", 3), ("每日汇总", 8), ("한국어", 6), ("é", 1), ("e\u{301}", 1), ("🎉", 2), ("👩‍👩‍👧", 2), ("，", 2),
        ("ｶﾅ", 2), ("↑", 1), ("❤️", 2),
    ])
    func widthsAreThoseOfATerminal(text: String, width: Int) {
        #expect(DisplayWidth.of(text) == width)
    }

    @Test func tablesAlignWideCharacters() throws {
        #expect(
            try text(.table) == """
                NAME      STATE   COUNT
                每日汇总  failed     12
                a,"b"     ready       -

                """
        )
    }

    @Test func wideTablesShowOffsetAndDistance() throws {
        #expect(try text(.wide).contains("2026-11-20T12:57:00+00:00 (3m ago)"))
    }

    @Test func titlesCanBeLeftOut() throws {
        #expect(try text(.table, headers: false).hasPrefix("每日汇总"))
        #expect(try text(.csv, headers: false).hasPrefix("每日汇总"))
    }

    @Test func colourNeverReplacesTheWord() throws {
        #expect(try text(.table, color: true).contains("\u{1B}[31mfailed\u{1B}[0m"))
        #expect(try !text(.table).contains("\u{1B}"))
    }

    @Test func machinesGetRawValues() throws {
        #expect(
            try text(.csv)
                == "name,state,count,at\r\n每日汇总,failed,12,2026-11-20T12:57:00Z\r\n\"a,\"\"b\"\"\",ready,,\r\n"
        )
        #expect(try text(.name) == "每日汇总\na,\"b\"\n")
        #expect(try text(.jsonl).split(separator: "\n").count == 2)
        #expect(try JSONTree(parsing: Array(text(.json).utf8)).items == Self.items())
    }

    @Test func cellsCannotMoveTheCursor() throws {
        let item = try JSONTree(parsing: Array(#"[{"name": "a\u001b[2Jb\nc", "state": "ready"}]"#.utf8)).items
        let text = ListPrinter(format: .table, hasHeaders: false, times: Self.times).text(item, Self.columns)
        #expect(!text.contains("\u{1B}") && text.split(separator: "\n").count == 1)
    }

    @Test(
        arguments: [
            (0, "0ms"), (850, "850ms"), (1500, "1.5s"), (59_000, "59s"), (150_000, "2m30s"),
            (1_800_000, "30m"),
            (7_500_000, "2h5m"), (86_400_000 * 2 + 3_600_000, "2d1h"), (86_400_000 * 40, "40d"),
        ] as [(Int64, String)]
    )
    func spansAreShort(milliseconds: Int64, text: String) {
        #expect(TimeText.span(milliseconds) == text)
    }

    @Test(arguments: [
        (#""yes""#, "\"yes\"\n"), (#""plain text""#, "plain text\n"), (#""10""#, "\"10\"\n"),
        (#""a: b""#, "\"a: b\"\n"),
        (#""a #b""#, "\"a #b\"\n"), (#""""#, "\"\"\n"), (#""*""#, "\"*\"\n"), ("3", "3\n"),
        ("null", "null\n"), ("[]", "[]\n"),
        (
            #"{"tasks": [{"run": ["a", "b,c"], "id": "x"}], "name": "m"}"#,
            "name: m\ntasks:\n  - id: x\n    run: [a, \"b,c\"]\n"
        ),
        (#"{"run": "a\n  b\n\nc\n"}"#, "run: |\n  a\n    b\n\n  c\n"),
        (#"{"run": "a\nb"}"#, "run: |-\n  a\n  b\n"),
        (#"{"run": "a\nb\n\n"}"#, "run: \"a\\nb\\n\\n\"\n"),
    ])
    func yamlReadsBackTheSame(json: String, yaml: String) throws {
        #expect(YAMLText.write(try JSONTree(parsing: Array(json.utf8))) == yaml)
    }

    @Test func exportedDefinitionsReadBackTheSame() throws {
        let texts = [
            "yes", "1.5", ".5", "0x1F", "2026-11-20", "~", "null", "- a", "a: b", "a #b", "'q'", "\"q\"",
            "&a", "*a", "!t", "|",
            ">", "%x", "@x", "`x`", "{a}", "[a]", "a,b", "?", "? a", "a:", "每日: 汇总", "🎉", " lead", "trail ",
            "tab\there",
            "one\ntwo", "one\ntwo\n", "one\n\n  two\n", "\nfirst", " x\ny", "a\n\n", "\u{1}", "\u{85}", "",
            "---", "...",
            "=", "<<", "n", "on", "a\r\nb", "x: |\n y",
        ]
        let commands = texts.enumerated().map { index, text in
            JSONTree.object([
                "id": .string("t\(index)"), "run": .array([.string("echo"), .string(text)]),
                "env": .object(["A": .string(text)]),
            ])
        }
        let json = JSONTree.object([
            "version": .integer(1), "name": "round_trip", "labels": .object(["team": "yes"]),
            "tasks": .array(commands),
        ])
        let parser = JobFileParser(zones: TimeZoneDatabase())
        let definition = try parser.parse(json.json(isPretty: false), fileName: "a.json")
        let yaml = YAMLText.write(try JSONTree(encoding: definition[0]))
        #expect(try parser.parse(yaml, fileName: "a.yaml") == definition)
    }

    @Test(
        arguments: [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (4 << 30, "4.0GiB"), (200 << 20, "200MiB")]
            as [(Int64, String)]
    )
    func sizesHaveBinaryUnits(bytes: Int64, text: String) {
        #expect(Column.size(bytes) == text)
    }
}
