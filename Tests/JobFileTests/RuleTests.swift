import JobFile
import Testing

/// One row for each rule: the text has a `«` where the only diagnostic must point.
struct RuleTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let code: String
        let text: String
        var file = "job.yaml"
        var says: String?

        init(_ code: String, _ text: String, file: String = "job.yaml", says: String? = nil) {
            self.code = code
            self.text = text
            self.file = file
            self.says = says
        }

        var testDescription: String { "\(code) \(text.suffix(60))" }
    }

    static let reading: [Row] = [
        Row("E1003", "version: 1\nschedule: {cron: «* * * * *}", says: "in quotes"),
        Row("E1003", "version: 1\n«\tname: x"),
        Row("E1003", "a: «*b"),
        Row("E1003", "- {run: echo $«{x}}", says: "quote"),
        Row("E1004", "{\"version\": 1,\n\t\"name\": «hello}", file: "a.json", says: "double quotes"),
        Row("E1004", "{\"a\": 1,«}", file: "a.json", says: "comma"),
        Row("E1004", "{\"é\": 01}".replacing("1}", with: "«1}"), file: "a.json"),
        Row("E1004", "{\"a\": \"b«\n\"}", file: "a.json"),
        Row("E1004", "{\"a\": \"«\\x\"}", file: "a.json"),
        Row("E1004", "{\"a\": «\"b", file: "a.json"),
        Row("E1004", "{} «x", file: "a.json"),
        Row("E1004", "{«'a': 1}", file: "a.json"),
        Row("E1004", "{\"a\" «1}", file: "a.json"),
        Row("E1004", "[1«", file: "a.json"),
        Row(
            "E1005",
            String(repeating: "[", count: 64) + "«" + String(repeating: "[", count: 500),
            file: "a.json"
        ),
        Row("E1005", String(repeating: "[", count: 64) + "«" + String(repeating: "[", count: 500)),
        Row("E1007", "«"),
        Row("E1007", "«# nothing\n---\n"),
        Row("E1008", "«[a]: b"),
        Row("E1008", "a: «!include b"),
        Row("E1202", "version: 1\nname: a\n«name: b", says: "2:1"),
        Row("E1202", "{\"a\": 1,\n \"«a\": 1}".replacing("\"«", with: "«\""), file: "a.json"),
    ]

    static let shapes: [Row] = [
        Row("E1201", "«- a"),
        Row("E1201", "«hello"),
        Row("E1201", job("priority: «high"), says: "the text \"high\""),
        Row("E1201", job("priority: «1.5")),
        Row("E1201", "version: 1\nname: «123\ntasks: [{id: a, run: x}]", says: "quotes"),
        Row("E1201", "version: 1\nname: a\ntasks: «{id: a}"),
        Row("E1201", "version: 1\nname: a\ntasks:\n  - «echo hello"),
        Row("E1201", job("owner: «[a]")),
        Row("E1201", job("owner: «~"), says: "nothing"),
        Row("E1201", task("run: x\nexclusive: «no"), says: "write false"),
        Row("E1201", task("run: x\nenv: {A: «[b]}")),
        Row("E1201", task("run: x\nenv: {A: «}")),
        Row("E1201", task("run: «5")),
        Row(
            "E1203",
            task("run: x\n«retires: {max: 2}"),
            says: "\"retires\" in tasks[0]; did you mean \"retry\"?"
        ),
        Row("E1203", task("run: x\nretry: {max: 1, «onn: [exit]}"), says: "\"on\""),
        Row("E1203", job("title: {en: a, «fr: b}")),
        Row("E1203", job("defaults: {«id: x}")),
        Row("E1204", "«name: a\ntasks: [{id: a, run: x}]", says: "version"),
        Row("E1204", "«version: 1\ntasks: [{id: a, run: x}]", says: "name"),
        Row("E1204", "«version: 1\nname: a", says: "tasks"),
        Row("E1204", "version: 1\nname: a\ntasks:\n  - «run: x", says: "id"),
        Row("E1204", "version: 1\nname: a\ntasks:\n  - «id: x", says: "run"),
        Row("E1204", "version: 1\nname: a\ntasks:\n  - «{id: x, type: http}", says: "http"),
        Row("E1204", task("type: http\nhttp: «{method: GET}"), says: "url"),
        Row("E1204", task("run: x\nretry: «{on: [exit]}"), says: "max"),
        Row("E1206", job("overlap: «skipp"), says: "did you mean \"skip\"?"),
        Row("E1206", task("run: x\nwhen: «all_sucess"), says: "all_success"),
        Row("E1206", task("run: x\nkill: {signal: «SIGTERM}"), says: "TERM"),
        Row("E1206", task("type: http\nhttp: {url: 'http://a', method: «post}"), says: "POST"),
        Row("E1207", job("priority: «101")),
        Row("E1207", job("priority: «-1")),
        Row("E1207", job("priority: «99999999999999999999")),
        Row("E1207", job("timeout: «0s")),
        Row("E1207", job("timeout: «367d")),
        Row("E1207", job("schedule: {every: «500ms}")),
        Row("E1207", job("schedule: {every: «1s500ms}"), says: "whole"),
        Row("E1207", task("run: x\nretry: {max: «101}")),
        Row("E1207", task("run: x\nretry: {max: 1, backoff: {jitter: «1.1}}")),
        Row("E1207", task("run: x\nretry: {max: 1, backoff: {initial: 10s, max: «5s}}")),
        Row("E1207", task("run: x\nresources: {cpu: «0}")),
        Row("E1207", task("run: x\nresources: {memory: «0}")),
        Row("E1207", task("run: x\npartitions: {count: «0}")),
        Row("E1207", task("run: x\npartitions: {count: «10001}")),
        Row("E1207", task("run: x\npartitions: {count: 1, max_parallel: «0}")),
        Row("E1207", task("run: x\npartitions: {range: «[9, 5]}")),
        Row("E1207", task("run: x\npartitions: {range: «[9]}")),
        Row("E1207", task("type: http\nhttp: {url: 'http://a', expect: [«99]}")),
        Row("E1208", job("timeout: 1«.5h"), says: "1h30m"),
        Row("E1208", job("timeout: \"10«parsecs\"")),
        Row("E1208", job("timeout: 5«")),
        Row("E1209", task("run: x\nresources: {memory: 512«megs}")),
        Row("E1210", job("schedule: {at: '2026-11-20«'}")),
        Row("E1210", job("schedule: {every: 1h, from: «yesterday}")),
        Row("E1211", job("schedule: «{zone: UTC}")),
        Row("E1211", job("schedule: «{cron: '* * * * *', every: 1s}")),
        Row("E1211", task("run: x\npartitions: «{max_parallel: 1}")),
        Row("E1211", task("run: x\npartitions: «{count: 1, list: [a]}")),
        Row("E1212", task("type: noop\nrun: «x")),
        Row("E1212", task("run: x\nhttp: «{url: 'http://a'}"), says: "type: http"),
        Row("E1212", job("schedule: {every: 1h, zone: «UTC}")),
        Row("E1212", job("schedule: {at: '2026-11-20T00:00:00Z', from: «x}")),
        Row("E1212", task("run: x\npartitions: {count: 9, min_success: «0.5}")),
        Row("E1213", "version: 1\nname: a\ntasks: «[]"),
        Row("E1213", task("run: «''")),
        Row("E1213", task("run: «[]")),
        Row("E1213", job("schedule: «[]")),
        Row("E1213", job("after: «[]")),
        Row("E1214", task("run: \"a«\\0b\"")),
    ]

    static let planned: [Row] = [
        Row("E1205", job("schedule: {every: 1h, «jitter: 5s}")),
        Row("E1205", job("schedule: {every: 1h, «calendar: {exclude: x}}")),
        Row("E1205", job("«sla: {finish_by: '02:00'}")),
        Row("E1205", job("«notify: []")),
        Row("E1205", job("«secrets: {}")),
        Row("E1205", job("«finally: []")),
        Row("E1205", job("«retention: {runs: 400}")),
        Row("E1205", job("after: [{job: b, «runs: previous day}]")),
        Row("E1205", job("after: [{job: b, «require: all_done}]")),
        Row("E1205", job("after: [{job: b, «wait_up_to: 6h}]")),
        Row("E1205", job("overlap: «buffer_one")),
        Row("E1205", task("type: «sql")),
        Row("E1205", task("run: x\nwhen: «\"${params.day} == 1\"")),
        Row("E1205", task("run: x\nretry: {max: 1, on: [«lost]}")),
        Row("E1205", task("run: x\npartitions: {«over: x}")),
        Row("E1205", task("run: x\n«<<: {timeout: 1h}"), says: "defaults"),
        Row("E1205", task("run: echo «${secrets.DB}")),
        Row("E1205", task("run: x\ncwd: «${bundle}")),
    ]

    static let names: [Row] = [
        Row("E1301", "version: 1\nname: hel«🚀lo\ntasks: [{id: a, run: x}]", says: "U+1F680"),
        Row("E1301", "version: 1\nname: «每日汇总\ntasks: [{id: a, run: x}]"),
        Row("E1301", "version: 1\nname: «a.b.c\ntasks: [{id: a, run: x}]", says: "one dot"),
        Row("E1301", "version: 1\nname: «-a\ntasks: [{id: a, run: x}]"),
        Row("E1301", "version: 1\nname: «''\ntasks: [{id: a, run: x}]", says: "empty"),
        Row("E1301", job("after: [a«/b]")),
        Row("E1302", "version: 1\nname: a\ntasks: [{id: load« data, run: x}]"),
        Row("E1302", "version: 1\nname: a\ntasks: [{id: a«.b, run: x}]"),
        Row(
            "E1302",
            "version: 1\nname: a\ntasks: [{id: «\(String(repeating: "a", count: 41)), run: x}]",
            says: "41"
        ),
        Row("E1303", "version: 1\nname: a\ntasks:\n  - {id: a, run: x}\n  - {id: «a, run: y}", says: "4:10"),
        Row(
            "E1304",
            "version: 1\nname: a\ntasks:\n  - {id: load, run: x}\n  - {id: b, run: y, needs: [«laod]}",
            says: "load"
        ),
        Row("E1305", task("run: x\nneeds: [«hi]")),
        Row(
            "E1306",
            """
            version: 1
            name: a
            tasks:
              - {id: s, run: x}
              - {id: a, run: x, needs: [s, «c]}
              - {id: b, run: x, needs: [a]}
              - {id: c, run: x, needs: [b]}
            """,
            says: "a → c → b → a"
        ),
        Row("E1307", job("after: [«hello]")),
        Row("E1307", job("after: [{job: «default.hello}]")),
        Row("E1308", job("after: [b, «b]")),
        Row("E1308", "version: 1\nname: a\ntasks: [{id: a, run: x}, {id: b, run: y, needs: [a, «a]}]"),
        Row("E1308", "\(job(""))---\n«\(job(""))"),
        Row("E1309", job("pool: «a b")),
        Row("E1309", job("labels: {«a b: c}")),
        Row("E1309", job("params: {«a b: {}}")),
        Row("E1309", task("run: x\noutputs: [«a.b]")),
        Row("E1309", task("type: http\nhttp: {url: 'http://a', headers: {«\"a b\": c}}")),
        Row("E1310", task("run: x\nenv: {«1A: x}")),
        Row("E1310", task("run: x\nenv: {A: b, «SKYFIRE_RUN: x}")),
        Row("E1311", task("type: http\nhttp: {url: «ftp://a}")),
        Row("E1311", task("type: http\nhttp: {url: 'http://a/b« c'}")),
        Row("E1311", task("type: http\nhttp: {url: «'https:///x'}")),
        Row("E1312", "version: «2\nname: a\ntasks: [{id: a, run: x}]"),
        Row("E1312", "version: «'1'\nname: a\ntasks: [{id: a, run: x}]"),
        Row("E1313", task("run: x\npartitions: {range: «[1, 20000]}")),
        Row(
            "E1313",
            "version: 1\nname: a\ntasks: «[{id: a, type: noop, partitions: {count: 6000}}, "
                + "{id: b, type: noop, partitions: {count: 6000}}]"
        ),
        Row("E1314", "«\(job("description: \"\(String(repeating: "a", count: 300_000))\""))"),
    ]

    static let contents: [Row] = [
        Row("E1401", job("schedule: {cron: \"«61 * * * *\", zone: UTC}")),
        Row("E1401", job("schedule:\n  - cron: 5 4 * * «fry\n    zone: UTC")),
        Row("E1402", job("schedule: «{cron: '0 3 * * *'}")),
        Row("E1403", job("schedule: {cron: '0 3 * * *', zone: «Asia/Shangai}"), says: "Asia/Shanghai"),
        Row("E1404", job("schedule: {cron: «'0 0 30 2 *', zone: UTC}".replacing("«'", with: "'«"))),
        Row("E1501", task("run: x\ncwd: «${}")),
        Row("E1501", task("run: echo ${params«}")),
        Row("E1501", task("run: x\ncwd: '${params.day«-x y}'".replacing("«-x y", with: "-x «y"))),
        Row("E1501", task("run: x\ncwd: \"a\\tb${logical.date - 1«x}\"")),
        Row("E1501", task("run: |\n  echo one\n  echo \"two ${logical.date - «x}\"")),
        Row("E1501", task("run: x\ncwd: ${params.day«")),
        Row("E1502", task("run: x\ncwd: /a/«${HOME}"), says: "$${"),
        Row("E1502", task("run: echo ${logical.«day}"), says: "date"),
        Row("E1502", task("run: [a, '«${run}']").replacing("'«${run}'", with: "'${run.«ID}'")),
        Row("E1503", task("run: echo «${params.dya}"), says: "day"),
        Row("E1503", task("run: [a, b, 'x''y«${params.dya}']")),
        Row("E1503", task("run: |\n  echo one\n  echo é «${params.dya} ${params.day}")),
        Row("E1504", task("run: echo «${tasks.other.outputs.x}")),
        Row(
            "E1504",
            "version: 1\nname: a\ntasks:\n  - {id: a, run: x}\n  - {id: b, run: 'echo «${tasks.a.outputs.x}'}",
            says: "needs"
        ),
        Row(
            "E1505",
            """
            version: 1
            name: a
            tasks:
              - {id: a, run: x, outputs: [count]}
              - {id: b, run: x, needs: [a]}
              - id: c
                needs: [b]
                run: echo ${tasks.a.outputs.count} «${tasks.a.outputs.cuont}
            """,
            says: "count"
        ),
        Row("E1506", task("run: echo '«${params.day}'"), says: "single quotes"),
        Row("E1506", task("run: echo `cat «${params.day}`")),
        Row("E1506", task("run: echo $((«${params.day} + 1))")),
        Row("E1506", task("run: |\n  cat <<'E'\n  «${params.day}\n  E\n")),
        Row("E1507", job("params: {a: {default: '«${params.b}'}, b: {}}")),
        Row("E1507", job("params: {a: {default: '«${tasks.hi.outputs.x}'}}")),
        Row("E1601", job("params: {a: {type: integer, default: «full}}")),
        Row("E1601", job("params: {a: {type: date, default: «2026-02-30}}")),
        Row("E1601", job("params: {a: {type: boolean, default: «yes}}")),
        Row("E1601", job("params: {a: {type: number, enum: [1, «x]}}")),
        Row("E1601", job("params: {a: {enum: [full, delta], default: «dleta}}"), says: "delta"),
    ]

    @Test(arguments: reading + shapes + planned + names + contents)
    func ruleIsReportedAtItsPlace(_ row: Row) {
        let (text, line, column) = unmarked(row.text)
        let found = diagnostics(text, fileName: row.file)
        #expect(
            found.map { "\($0.code) \($0.line):\($0.column)" } == ["\(row.code) \(line):\(column)"],
            "\(found)"
        )
        if let says = row.says, let first = found.first {
            #expect(first.description.contains(says), "\(first)")
        }
    }

    @Test func everyCodeOfAFileHasARow() {
        let rows = Set((Self.reading + Self.shapes + Self.planned + Self.names + Self.contents).map(\.code))
        let others: Set = ["E1001", "E1002", "E1006"]  // Bytes and sizes: in tests of their own.
        let codes = Set(ErrorCatalogue.entries.map(\.code).filter { $0.hasPrefix("E1") })
        #expect(codes == rows.union(others))
    }

    @Test func sizeAndEncodingAreChecked() throws {
        func code(_ bytes: [UInt8]) -> String {
            do throws(JobFileError) {
                _ = try parser.parse(bytes, fileName: "a.yaml")
                return ""
            } catch {
                return
                    "\(error.diagnostics[0].code) \(error.diagnostics[0].line):\(error.diagnostics[0].column)"
            }
        }
        #expect(code([UInt8](repeating: 0x20, count: 1 << 20 + 1)) == "E1001 1:1")
        #expect(code(Array("a: é\nb: ".utf8) + [0xFF]) == "E1002 2:4")
    }
}
