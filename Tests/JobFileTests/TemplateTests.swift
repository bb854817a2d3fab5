import Cron
import Scheduling
import Testing

struct TemplateTests {
    static func context() throws -> TemplateContext {
        TemplateContext(
            logicalTime: try UnixTime(rfc3339: "2026-03-01T20:30:00Z"),
            zoneOffsetSeconds: 8 * 3600,
            params: ["day": "2026-01-01", "a-b": "dash", "text": "a b"],
            outputs: [try TaskID("get-files"): ["count": "7"]],
            partition: .init(index: 3, count: 16, value: "x y"),
            run: "hello@20260301T203000Z",
            attempt: 2,
            job: "hello"
        )
    }

    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("$HOME $(x) $$", "$HOME $(x) $$"), ("$${params.day}", "${params.day}"),
        ("${logical.time}", "2026-03-01T20:30:00Z"), ("${logical.date}", "2026-03-02"),
        ("${logical.hour}", "04"),
        ("${logical.timestamp}", "1772397000"), ("${logical.date - 1d}", "2026-03-01"),
        ("${logical.date-2d}", "2026-02-28"),
        ("${ logical.time + 1h30m - 10s }", "2026-03-01T21:59:50Z"),
        ("${logical.time - 1ms}", "2026-03-01T20:29:59Z"),
        ("<${params.day}|${params.a-b}>", "<2026-01-01|dash>"), ("${tasks.get-files.outputs.count}", "7"),
        ("${partition.index}/${partition.count}:${partition.value}", "3/16:x y"),
        ("${run.id} ${run.attempt} ${job.name}", "hello@20260301T203000Z 2 hello"),
        ("é${job.name}汇", "éhello汇"),
    ])
    func textsAreFilledIn(_ text: String, _ expected: String) throws {
        #expect(try Template.parse(text, mode: .text).resolve(Self.context()) == expected)
    }

    @Test(arguments: [
        ("a ${", 2), ("${params.day", 12), ("${params}", 8), ("${params.}", 8), ("${logical}", 9),
        ("${logical.x}", 10),
        ("${logical.date - }", 17), ("${logical.date 1d}", 15), ("é${HOME}", 2), ("${tasks.a.output.x}", 9),
        ("${job}", 5), ("${secrets.x}", 0), ("${logical.date - 99999999d}", 17), ("${params.a b}", 11),
    ])
    func mistakesHaveAPlace(_ text: String, _ offset: Int) {
        do throws(TemplateError) {
            _ = try Template.parse(text, mode: .text)
            Issue.record("\(text) was accepted")
        } catch {
            #expect(error.offset == offset, "\(text): \(error)")
        }
    }

    @Test func missingValuesAreErrors() throws {
        for text in ["${params.none}", "${tasks.get-files.outputs.none}", "${tasks.other.outputs.x}"] {
            let template = try Template.parse(text, mode: .text)
            #expect(throws: TemplateError.self) { try template.resolve(Self.context()) }
        }
    }

    @Test func valuesWithNULAreErrors() throws {
        var context = try Self.context()
        context.params["day"] = "a\0b"
        let template = try Template.parse("echo ${params.day}", mode: .shell)
        #expect(throws: TemplateError.self) { try template.resolveShell(context) }
    }

    @Test func referencesAreListedWithTheirPlaces() throws {
        let template = try Template.parse(
            "echo ${params.a} \"${params.b}\" ${params.a} ${HOME}",
            mode: .shell
        )
        #expect(template.references.map(\.offset) == [5, 18, 31])
        #expect(template.references.map(\.expression) == [.parameter("a"), .parameter("b"), .parameter("a")])
    }
}
