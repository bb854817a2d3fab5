import JobFile
import Testing

struct DiagnosticTests {
    @Test func aDiagnosticIsShownWithItsLineAndACaret() throws {
        let text =
            "version: 1\nname: hello\ntasks:\n  - {id: 每日, run: x}\n  - id: b\n    run: y\n    retires: 2\n"
        let found = diagnostics(text, fileName: "daily.yaml")
        let last = try #require(found.last)
        #expect(
            last.render(source: text) == """
                daily.yaml:7:5 error[E1203] unknown key "retires" in tasks[1]; did you mean "retry"?
                        retires: 2
                        ^
                see: skyfire explain E1203

                """
        )
    }

    @Test func theCaretStandsBelowWideCharacters() throws {
        let text = "version: 1\nname: hello\ntitle: {zh: 汇总, fr: x}\ntasks: [{id: a, run: x}]\n"
        let found = try #require(diagnostics(text).first)
        let lines = found.render(source: text).split(separator: "\n")
        #expect(lines[1] == "    title: {zh: 汇总, fr: x}")
        #expect(lines[2] == "                      ^")
    }

    @Test func longLinesAreCut() throws {
        let text =
            "version: 1\nname: hello\nowner: \(String(repeating: "a", count: 5000))\ntasks: [{id: a, run: x}]\n"
        let found = try #require(diagnostics(text).first)
        #expect(found.code == "E1207")
        #expect(found.render(source: text).utf8.count < 500)
    }

    @Test func controlCharactersDoNotReachTheTerminal() {
        let diagnostic = Diagnostic(code: "E1201", message: "m", pointer: "", line: 1, column: 3, file: "a")
        #expect(!diagnostic.render(source: "a\u{1B}[2Jb").utf8.contains(0x1B))
    }
}
