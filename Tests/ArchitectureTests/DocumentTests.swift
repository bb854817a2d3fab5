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

    /// Each scenario that is named after `faults`, by name or by pattern, is one of `scripts/faults`.
    @Test(arguments: ["ARCHITECTURE.md", "README.md"])
    func scenariosThatAreNamedExist(document: String) throws {
        let scenarios = try Self.scenarios()
        let lines = Repository.lines(of: try Repository.text(of: document))
        for (number, line) in lines where line.contains("faults `") {
            for match in line.matches(of: /\bfaults ((?:`[^`]+`(?:, )?)+)/) {
                for name in match.1.matches(of: /`([^`]+)`/) {
                    #expect(
                        scenarios.contains { Self.matches($0[...], pattern: name.1) },
                        "\(document):\(number) names the scenario \(name.1), which is none"
                    )
                }
            }
        }
    }

    /// Names of all scenarios of `scripts/faults`: the cells of its matrix, and the long ones.
    private static func scenarios() throws -> [String] {
        let matrix = try Repository.text(of: "scripts/fault-parts/faults.py")
            .firstMatch(of: /MATRIX = """\n([^"]*)"""/)
        var names: [String] = []
        for row in try #require(matrix).1.split(separator: "\n") {
            let parts = row.split(separator: ":")
            names += parts[1].split(separator: " ").map { "\(parts[0]).\($0.drop { $0 == "*" })" }
        }
        let long = try Repository.text(of: "scripts/fault-parts/long_scenes.py")
            .firstMatch(of: /def long_scenes\(\):(?s:.*)/)
        for match in try #require(long).0.matches(of: /\n +[A-Z]\w+\("([a-z0-9-]+)"/) {
            names.append(String(match.1))
        }
        return names
    }

    /// Whether a name matches a pattern in which a star is for any text.
    private static func matches(_ name: Substring, pattern: Substring) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        guard first == "*" else {
            return name.first == first && matches(name.dropFirst(), pattern: pattern.dropFirst())
        }
        return matches(name, pattern: pattern.dropFirst())
            || (!name.isEmpty && matches(name.dropFirst(), pattern: pattern))
    }
}
