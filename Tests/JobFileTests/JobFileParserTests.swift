import JobFile
import Scheduling
import Testing

struct JobFileParserTests {
    @Test func theSmallestFileIsAJob() throws {
        let jobs = try parser.parse(
            "version: 1\nname: hello\ntasks: [{id: hi, run: echo hello}]\n",
            fileName: "a.yaml"
        )
        #expect(jobs.count == 1)
        #expect(jobs[0].name.description == "hello")
        #expect(jobs[0].tasks[0].run == .shell("echo hello"))
        #expect(
            String(decoding: try CanonicalJSON.encode(jobs[0]), as: UTF8.self)
                == #"{"name":"hello","tasks":[{"id":"hi","run":"echo hello"}],"version":1}"#
        )
    }

    @Test func theFullFileSaysWhatItSays() throws {
        let job = try #require(try parser.parse(fullYAML, fileName: "a.yaml").first)
        #expect(job.title == ["en": "Daily summary", "zh": "每日汇总"])
        #expect(job.description == ["en": "每天一次"])
        #expect(job.labels == ["team": "data", "tier": "1"])
        #expect(job.schedule?.count == 4)
        #expect(job.schedule?[1].seconds == true)
        #expect(job.schedule?[2].every == DurationValue(milliseconds: 30_000))
        #expect(job.after?.map(\.job.description) == ["o2o.hourly_stats", "other"])
        #expect(job.misfire?.window == DurationValue(milliseconds: 7_200_000))
        #expect(job.params?["size"]?.default == "010")
        let clean = job.tasks[1]
        #expect(clean.retry?.max == 2)
        #expect(clean.retry?.on == [.exit, .timeout])
        #expect(clean.resources?.memory == ByteCount(bytes: 1_500_000_000))
        #expect(clean.resources?.cpu == 2.5)
        #expect(job.tasks[0].resources?.memory == ByteCount(bytes: 512 << 20))
        guard case .argv(let arguments) = clean.run else { throw TestFailure("not an argv") }
        #expect(arguments[2] == "5")
        #expect(job.tasks[2].env?["PORT"] == "0644")
        #expect(job.tasks[2].env?["FLAG"] == "true")
        #expect(job.tasks[3].retry?.max == 0)
        #expect(job.tasks[5].partitions?.list == ["a", "2", "3.0"])
        #expect(job.tasks[4].partitions?.total == 5)
    }

    @Test func theCanonicalFormIsAFileOfTheSameJob() throws {
        let job = try #require(try parser.parse(fullYAML, fileName: "a.yaml").first)
        let canonical = try CanonicalJSON.encode(job)
        let again = try parser.parse(canonical, fileName: "a.json")
        #expect(again == [job])
        #expect(try CanonicalJSON.encode(again[0]) == canonical)
        #expect(try CanonicalJSON.decode(JobDefinition.self, from: canonical) == job)
        // Canonical JSON is YAML as well.
        #expect(try parser.parse(canonical, fileName: "a.yaml") == [job])
    }

    @Test func documentsAreJobs() throws {
        let text = "---\n\(job(""))---\n# nothing\n---\n\(job("").replacing("hello", with: "other"))"
        #expect(try parser.parse(text, fileName: "a.yaml").map(\.name.description) == ["hello", "other"])
    }

    @Test func tabIndentedJSONIsAJob() throws {
        let text =
            "{\n\t\"version\": 1,\n\t\"name\": \"hello\",\n\t\"tasks\": [\n\t\t{\"id\": \"hi\", \"run\": \"x\"}\n\t]\n}\n"
        #expect(try parser.parse(text, fileName: "request").count == 1)
        #expect(try parser.parse(text, fileName: "a.json").count == 1)
    }

    @Test func jsonEscapesAreRead() throws {
        let text =
            #"{"version": 1, "name": "a", "title": "\u00e9\ud83d\ude00\n\/", "tasks": [{"id": "b", "type": "noop"}]}"#
        #expect(try parser.parse(text, fileName: "a.json")[0].title == ["en": "é😀\n/"])
    }

    @Test func wordsOfYAML11AreTexts() throws {
        let text = job("labels: {on: yes, no: off, y: n}\nowner: no")
        let parsed = try parser.parse(text, fileName: "a.yaml")[0]
        #expect(parsed.labels == ["on": "yes", "no": "off", "y": "n"])
        #expect(parsed.owner == "no")
    }

    @Test func aThousandTasksFit() throws {
        var text = "version: 1\nname: big\ndefaults: {retry: {max: 2}, timeout: 1h}\ntasks:\n"
        for index in 0..<1000 {
            text += "  - id: t\(index)\n    run: ./step.sh \(index) ${logical.date}\n"
            if index > 0 { text += "    needs: [t\(index - 1)]\n" }
        }
        #expect(try parser.parse(text, fileName: "a.yaml")[0].tasks.count == 1000)
    }

    @Test func aLineOfAMegabyteIsReadInTime() throws {
        let labels = (0..<40_000).map { "\"l\($0)\":\"\"" }.joined(separator: ",")
        let text = #"{"version":1,"name":"a","labels":{"# + labels + #"},"tasks":[{"id":"b","type":"noop"}]}"#
        #expect(diagnostics(text, fileName: "a.json").map(\.code) == ["E1314"])
        #expect(diagnostics(text, fileName: "a.yaml").map(\.code) == ["E1314"])
    }

    @Test func aliasesThatGrowAreRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            let aliases = [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(diagnostics(text).map(\.code) == ["E1006"])
        #expect(diagnostics("a: &a [x]\n? *a\n: b\n").map(\.code) == ["E1008"])
    }

    @Test func whatDefaultsAndAliasesMultiplyIsBounded() {
        let tasks = (0..<1500).map { "  - {id: t\($0), run: x}\n" }.joined()
        let env = (0..<9000).map { "A\($0): a" }.joined(separator: ", ")
        #expect(
            diagnostics("version: 1\nname: a\ndefaults: {env: {\(env)}}\ntasks:\n\(tasks)").map(\.code) == [
                "E1314"
            ]
        )
        let script = String(repeating: "x", count: 100_000)
        let aliased = (0..<200).map { "  - {id: t\($0), run: *s}\n" }.joined()
        let text = "version: 1\nname: a\ntasks:\n  - {id: a, run: &s \(script)}\n\(aliased)"
        #expect(diagnostics(text).map(\.code) == ["E1006"])
        let needs = (0..<1400).map { "u\($0)" }.joined(separator: ", ")
        let few = (0..<100).map { "  - {id: t\($0), run: x}\n" }.joined()
        let edges = "version: 1\nname: a\ndefaults: {needs: [\(needs)]}\ntasks:\n\(few)"
        #expect(diagnostics(edges).map(\.code) == ["E1313"])
        let unknown = "version: 1\nname: a\ntasks:\n  - {id: a, run: x, needs: [\(needs)]}\n\(tasks)"
        #expect(diagnostics(unknown).count == 200)
    }

    @Test func linesEndInAnyWay() {
        let text = "version: 1\r\nname: a\rtasks:\n  - {id: a, run: x, nope: 1}\r\n"
        let found = diagnostics(text)
        #expect(found.map(\.line) == [4])
        #expect(found[0].render(source: text).contains("    - {id: a, run: x, nope: 1}\n"))
    }

    @Test func aliasesWork() throws {
        let text = """
            version: 1
            name: hello
            tasks:
              - {id: a, run: x, retry: &r {max: 3}}
              - {id: b, run: y, retry: *r}
            """
        #expect(try parser.parse(text, fileName: "a.yaml")[0].tasks[1].retry?.max == 3)
    }

    @Test func allMistakesAreReportedInTheOrderOfTheFile() {
        let text = """
            version: 2
            nam: hello
            priority: high
            tasks:
              - {id: a, run: x, retires: {max: 2}}
              - {id: a, type: http}
            """
        let found = diagnostics(text)
        #expect(found.map(\.code) == ["E1204", "E1312", "E1203", "E1201", "E1203", "E1204", "E1303"])
        #expect(found[2].hint == "did you mean \"name\"?")
        #expect(found[4].pointer == "/tasks/0/retires")
    }

    @Test func aMistakeInDefaultsIsReportedOnce() {
        let text = "version: 1\nname: a\ndefaults: {timeout: 0s}\ntasks: [{id: a, run: x}, {id: b, run: y}]"
        let found = diagnostics(text)
        #expect(found.map(\.code) == ["E1207"])
        #expect(found.map(\.pointer) == ["/defaults/timeout"])
    }

    @Test func theMostDiagnosticsAreBounded() {
        let tasks = (0..<1500).map { "  - {id: t\($0), run: x, nonsense: 1}\n" }.joined()
        #expect(diagnostics("version: 1\nname: a\ntasks:\n\(tasks)").count == 200)
    }
}

struct TestFailure: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}
