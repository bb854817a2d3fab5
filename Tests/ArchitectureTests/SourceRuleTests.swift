import Testing

/// Rules about the text of the sources that the compiler does not hold.
struct SourceRuleTests {
    /// Decisions are pure: time, chance and waiting are arguments.
    @Test(arguments: ["Cron", "Scheduling"])
    func decisionsTakeTimeAndChanceAsArguments(module: String) throws {
        let banned = [
            "Date()", "Task.sleep", ".sleep(", "SystemRandomNumberGenerator", "ContinuousClock",
            "SuspendingClock",
            "clock_gettime", "gettimeofday", "Hasher()", "hashValue",
        ]
        for file in try Repository.swiftFiles(below: "Sources/\(module)") {
            for (number, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                for word in banned { #expect(!line.contains(word), "\(file):\(number) has \(word)") }
                if line.firstMatch(of: /\b(?:random|shuffled|randomElement)\(/) != nil {
                    #expect(line.contains("using:"), "\(file):\(number) draws from a generator of its own")
                }
            }
        }
    }

    /// Services have the clocks and the chance that they are given, so that a simulation can own them. What stands for
    /// the machine itself has the machine's.
    @Test func servicesHaveTheTimeTheyAreGiven() throws {
        let machine: Set<String> = [
            "Sources/Node/Session/NodeTime.swift", "Sources/Node/Session/SystemClock.swift",
            "Sources/Node/Worker/RunnerHost.swift",
        ]
        let banned = [
            "Date()", "Task.sleep", "Task.detached", " Task {", "SystemRandomNumberGenerator",
            "ContinuousClock()", "ContinuousClock.now", "SuspendingClock", "SystemClock", "clock_gettime",
        ]
        let files =
            try Repository.swiftFiles(below: "Sources/Node")
            + Repository.swiftFiles(below: "Sources/Coordination")
        for file in files where !machine.contains(file) {
            for (number, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                for word in banned { #expect(!line.contains(word), "\(file):\(number) has \(word)") }
                if line.firstMatch(of: /\b(?:random|shuffled|randomElement)\(/) != nil {
                    #expect(line.contains("using:"), "\(file):\(number) draws from a generator of its own")
                }
            }
        }
    }

    @Test func decisionsDoNotWait() throws {
        for file in try Repository.swiftFiles(below: "Sources/Scheduling/Leader") {
            for (number, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                #expect(line.firstMatch(of: /\b(?:async|await)\b/) == nil, "\(file):\(number)")
            }
        }
    }

    /// Paths of znodes are spelled in one file.
    @Test func onlyTheLayoutSpellsPaths() throws {
        for file in try Repository.swiftFiles(below: "Sources")
        where file != "Sources/Coordination/ZnodeLayout.swift" && !file.hasPrefix("Sources/ZnodeStore/") {
            for (number, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                #expect(line.firstMatch(of: /\.child\("/) == nil, "\(file):\(number) spells a path")
            }
        }
    }

    @Test func filesAreOfReadableSize() throws {
        for file in try Repository.swiftFiles(below: "Sources") {
            let count = try Repository.text(of: file).split(separator: "\n", omittingEmptySubsequences: false)
                .count
            #expect(count <= 600, "\(file) has \(count) lines")
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let pattern = /\b(?:TODO|FIXME|XXX|HACK)\b/
        for directory in ["Sources", "Tests"] {
            for file in try Repository.swiftFiles(below: directory)
            where !file.hasSuffix("SourceRuleTests.swift") {
                for (number, line) in try Repository.text(of: file).split(separator: "\n").enumerated() {
                    #expect(line.firstMatch(of: pattern) == nil, "\(file):\(number + 1)")
                }
            }
        }
    }

    /// A failure that is swallowed says why. Decoders try one form after the other: there it is no failure.
    @Test func swallowedErrorsAreExplained() throws {
        for file in try Repository.swiftFiles(below: "Sources") {
            for (number, line) in Repository.codeLines(of: try Repository.text(of: file)) {
                guard line.firstMatch(of: /\btry\?\s/) != nil, !line.contains("ontainer") else { continue }
                #expect(line.contains("//"), "\(file):\(number) swallows an error without a word")
            }
        }
    }
}
