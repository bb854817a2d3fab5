import FoundationEssentials
import JobFile
import SkyfireClient
import Testing

@Suite struct OfflineVerbTests {
    /// A directory of its own for a test.
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "skyfire-client-\(UUID())")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(directory))
        } catch {
            result = .failure(error)
        }
        try FileManager.default.removeItem(atPath: directory)
        try result.get()
    }

    @Test func theSampleIsValidAndNeverOverwritten() async throws {
        try await withDirectory { directory in
            let made = try await VerbBench.run("init", directory)
            #expect(made.output == "\(directory)/hello.yaml\n")
            let checked = try await VerbBench.run("validate", directory)
            #expect(checked.output == "\(directory)/hello.yaml valid (hello)\n")
            #expect(checked.exit == .ok)
            #expect(try await VerbBench.run("init", directory).exit == .conflict)
        }
    }

    @Test func mistakesAreShownWithLineAndCaret() async throws {
        try await withDirectory { directory in
            let path = "\(directory)/daily.yaml"
            let text = "version: 1\nname: daily\ntasks:\n  - id: a\n    run: echo\n    retires: {max: 1}\n"
            try Data(text.utf8).write(to: URL(filePath: path))
            let outcome = try await VerbBench.run("validate", path)
            #expect(outcome.exit == .invalidDefinition)
            #expect(outcome.output.isEmpty)
            #expect(outcome.errors.hasPrefix("\(path):6:5 error[E1203] unknown key \"retires\""))
            #expect(outcome.errors.contains("    retires: {max: 1}\n        ^\nsee: skyfire explain E1203\n"))
            let json = try await VerbBench.run("validate", path, "-o", "json")
            #expect(try JSONTree(parsing: Array(json.output.utf8)).items.first?["code"]?.text == "E1203")
            // Nothing is sent: there is no server at all.
            #expect(try await VerbBench.run("apply", "-f", path).exit == .invalidDefinition)
        }
    }

    @Test func missingFilesAreNotFound() async throws {
        #expect(try await VerbBench.run("validate", "/nonexistent/x.yaml").exit == .notFound)
    }

    @Test func cronIsExplainedInWordsAndDates() async throws {
        let outcome = try await VerbBench.run(
            "cron",
            "explain",
            "10 0 * * *",
            "--tz",
            "Asia/Shanghai",
            "--count",
            "2",
            "--lang",
            "zh"
        )
        #expect(
            outcome.output == """
                每天 00:10
                时区 Asia/Shanghai
                  2026-11-21T00:10:00+08:00 (in 3h10m)
                  2026-11-22T00:10:00+08:00 (in 1d3h)

                """
        )
    }

    @Test func cronTellsWhatTheClocksDo() async throws {
        let outcome = try await VerbBench.run("cron", "explain", "30 2 * * *", "--tz", "America/New_York")
        #expect(outcome.output.contains("2027-03-14T02:30:00 does not exist that day"))
        let json = try await VerbBench.run("cron", "explain", "* * * * *", "-o", "json", "--count", "3")
        let tree = try JSONTree(parsing: Array(json.output.utf8))
        #expect(
            tree["next"]?.items.map { $0["at"]?.text }
                == ["01", "02", "03"].map { "2026-11-20T13:\($0):00.000Z" }
        )
    }

    @Test func whatTheClocksDoIsToldInChinese() async throws {
        let moved = try await VerbBench.run(
            "cron",
            "explain",
            "30 2 * * *",
            "--tz",
            "America/New_York",
            "--lang",
            "zh"
        )
        #expect(
            moved.output.hasSuffix(
                """
                注意：America/New_York 的时钟拨快 1 小时，变为 2027-03-14T03:00:00-04:00
                注意：届时：2027-03-14T03:00:00-04:00，当天不存在 2027-03-14T02:30:00；在空缺之后立即运行
                注意：America/New_York 的时钟拨慢 1 小时，变为 2027-11-07T01:00:00-05:00

                """
            ),
            "\(moved.output)"
        )
        let twice = try await VerbBench.run(
            "cron",
            "explain",
            "30 1 7 11 *",
            "--tz",
            "America/New_York",
            "--lang",
            "zh",
            "--overlap",
            "both",
            "--count",
            "3"
        )
        #expect(twice.output.contains("当天这一时刻出现两次，这是第一次"))
        #expect(twice.output.contains("当天这一时刻出现两次，这是第二次"))
        let elapsed = try await VerbBench.run(
            "cron",
            "explain",
            "*/10 * * * *",
            "--tz",
            "America/New_York",
            "--lang",
            "zh"
        )
        #expect(elapsed.output.hasSuffix("注意：它按流逝的时间运行，不受时钟调整影响\n"))
        for outcome in [moved, twice, elapsed] {
            #expect(!outcome.output.contains("clocks") && !outcome.output.contains("then"))
        }
    }

    @Test func wrongCronHasACaret() async throws {
        let outcome = try await VerbBench.run("cron", "explain", "0 61 * * *")
        #expect(outcome.exit == .invalidDefinition)
        #expect(outcome.errors.contains("\n    0 61 * * *\n      ^"))
    }

    @Test func codesAreExplained() async throws {
        let outcome = try await VerbBench.run("explain", "e1203")
        #expect(outcome.output.hasPrefix("E1203: "))
        #expect(try await VerbBench.run("explain", "E0").exit == .notFound)
        let all = try await VerbBench.run("explain", "-o", "name")
        #expect(all.output.split(separator: "\n").count == ErrorCatalogue.entries.count)
    }

    @Test func noServerIsItsOwnExitCode() async throws {
        let outcome = try await VerbBench.run("ps")
        #expect(outcome.exit == .unreachable)
        #expect(outcome.errors.contains("http://127.0.0.1:1 refuses connections"))
    }
}
