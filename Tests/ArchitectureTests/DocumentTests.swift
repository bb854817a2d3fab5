import Testing

/// What the documents say about the tests is true.
struct DocumentTests {
    /// Each `SuiteTests` is a suite or a target of tests, each `SuiteTests.name` a test of it, as is each `.name` after it.
    @Test(arguments: ["ARCHITECTURE.md", "README.md", "zk-layout.md"])
    func testsThatAreNamedExist(document: String) throws {
        var suites: [Substring: Set<Substring>] = [:]
        var targets: Set<Substring> = []
        for file in try Repository.swiftFiles(below: "Tests") {
            targets.insert(file.split(separator: "/")[1])
            var suite: Substring = ""
            for (_, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                if let match = line.firstMatch(of: /\b(?:struct|class|enum|extension) (\w+Tests)\b/) {
                    suite = match.1
                    suites[suite, default: []].formUnion([])
                }
                if let match = line.firstMatch(of: /\bfunc (\w+)/) {
                    suites[suite, default: []].insert(match.1)
                }
            }
        }
        for (number, line) in Repository.lines(of: try Repository.text(of: document)) {
            var suite: Substring = ""
            for match in line.matches(of: /`(\w+Tests)?(?:\.(\w+))?`/) {
                if let name = match.1 { suite = name }
                guard !suite.isEmpty else { continue }
                #expect(
                    suites[suite] != nil || (targets.contains(suite) && match.2 == nil),
                    "\(document):\(number) names \(suite), which is no suite"
                )
                guard let test = match.2, let tests = suites[suite] else { continue }
                #expect(
                    tests.contains(test),
                    "\(document):\(number) names \(suite).\(test), which is no test"
                )
            }
        }
    }
}
