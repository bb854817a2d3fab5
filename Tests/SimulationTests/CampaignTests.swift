import Foundation
import Testing

/// What `skyfire-sim` makes of many seeds: batches, their record, and what it exits with.
final class CampaignTests {
    private let record = FileManager.default.temporaryDirectory.appending(path: "seeds-\(UUID())").path

    deinit { unlink(record) }

    private func lines() throws -> [Substring] {
        try String(contentsOfFile: record, encoding: .utf8).split(separator: "\n")
    }

    @Test func aRecordThatWasCutOffIsGoneOnWith() throws {
        let whole = try Simulator.run("--from", "1", "--seeds", "5", "--batch", "2", "--record", record)
        #expect(whole.isContent, "\(whole.output)")
        let written = try lines()
        #expect(written.count == 3)
        // A kill has come in the middle of the second line.
        try "\(written[0])\n\(written[1].prefix(20))".write(
            toFile: record,
            atomically: false,
            encoding: .utf8
        )
        let rest = try Simulator.run(
            "--from",
            "1",
            "--seeds",
            "5",
            "--batch",
            "2",
            "--jobs",
            "2",
            "--record",
            record
        )
        #expect(rest.isContent, "\(rest.output)")
        #expect(rest.output.contains("3 seeds from 1"), "\(rest.output)")
        #expect(rest.output.contains("recorded of this build: 5 seeds, 0 broken\n"), "\(rest.output)")
        let firsts = try lines().compactMap { $0.firstMatch(of: /"first":([0-9]+)/)?.1 }
        #expect(firsts.first == "1")
        #expect(Set(firsts) == ["1", "3", "5"])
    }

    @Test func aBrokenSeedStaysInTheRecordAndInTheExitCode() throws {
        #expect(try Simulator.run("--from", "1", "--seeds", "2", "--record", record).isContent)
        let spoiled = try lines()[0].replacing("\"broken\":[]", with: "\"broken\":[2]")
        try "\(spoiled)\n".write(toFile: record, atomically: false, encoding: .utf8)
        let outcome = try Simulator.run("--from", "1", "--seeds", "2", "--record", record)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("0 seeds from 1"), "\(outcome.output)")
        #expect(outcome.output.contains("again: skyfire-sim --seed 2\n"), "\(outcome.output)")
    }

    @Test func whatAnotherBuildDidIsDoneAnew() throws {
        #expect(try Simulator.run("--from", "1", "--seeds", "2", "--record", record).isContent)
        let other = try lines()[0].replacing(/"build":"[0-9a-f]+"/, with: "\"build\":\"0\"")
        try "\(other)\n".write(toFile: record, atomically: false, encoding: .utf8)
        let outcome = try Simulator.run("--from", "1", "--seeds", "2", "--record", record)
        #expect(outcome.output.contains("recorded of this build: 2 seeds, 0 broken\n"), "\(outcome.output)")
        #expect(
            outcome.output.contains("of other builds or options: 2 seeds, 0 broken\n"),
            "\(outcome.output)"
        )
    }

    /// What is summed up is seeds, each of them once, and of what was asked for.
    @Test func aSeedThatIsRecordedTwiceIsOne() throws {
        #expect(try Simulator.run("--from", "1", "--seeds", "2", "--record", record).isContent)
        let line = try lines()[0]
        let other = line.replacing("\"isFaultless\":false", with: "\"isFaultless\":true")
        try "\(line)\n\(line)\n\(other)\n".write(toFile: record, atomically: false, encoding: .utf8)
        let outcome = try Simulator.run("--from", "1", "--seeds", "3", "--record", record)
        #expect(outcome.output.contains("1 seeds from 1"), "\(outcome.output)")
        #expect(outcome.output.contains("recorded of this build: 3 seeds, 0 broken\n"), "\(outcome.output)")
        #expect(
            outcome.output.contains("of other builds or options: 2 seeds, 0 broken\n"),
            "\(outcome.output)"
        )
    }

    /// A line that there was no room for is taken away whole: others may follow it.
    @Test func aLineThatDoesNotFitLeavesNothing() throws {
        let outcome = try Simulator.run(
            ["--from", "1", "--seeds", "8", "--batch", "1", "--faultless", "--record", record],
            kibibytesPerFile: 1
        )
        #expect(outcome.status == 70)
        let content = try String(contentsOfFile: record, encoding: .utf8)
        #expect(content.hasPrefix("{") && content.hasSuffix("}\n"), "\(content)")
    }

    @Test func aBrokenSeedSaysHowItIsLivedThroughAgain() throws {
        let outcome = try Simulator.run(
            "--bug",
            "entry-left",
            "--faultless",
            "--from",
            "1",
            "--seeds",
            "2",
            "--jobs",
            "2",
            "--record",
            record
        )
        #expect(outcome.isContent, "\(outcome.output)")
        let again = "again: skyfire-sim --seed 1 --bug entry-left --faultless"
        #expect(outcome.output.contains("\(again) --trace\n"), "\(outcome.output)")
        #expect(outcome.output.contains("\(again)\n"), "\(outcome.output)")
        #expect(try lines()[0].contains("\"broken\":[1]"))
    }

    /// That another build has found a bug does not prove this one.
    @Test func aBugIsFoundAnewByEachBuild() throws {
        let search = [
            "--bug", "entry-left", "--faultless", "--from", "1", "--seeds", "2", "--record", record,
        ]
        #expect(try Simulator.run(search).output.contains("1 seeds from 1, 1 broken"))
        let again = try Simulator.run(search)
        #expect(again.isContent)
        #expect(again.output.contains("0 seeds from 1"), "\(again.output)")
        let line = try lines()[0]
        for other in [
            line.replacing(/"build":"[0-9a-f]+"/, with: "\"build\":\"0\""),
            line.replacing("\"isFaultless\":true", with: "\"isFaultless\":false"),
        ] {
            try "\(other)\n".write(toFile: record, atomically: false, encoding: .utf8)
            let outcome = try Simulator.run(search)
            #expect(outcome.output.contains("1 seeds from 1, 1 broken"), "\(outcome.output)")
        }
    }

    /// Each seed is lived through twice by the processes that work side by side too.
    @Test func twiceGoesWithJobs() throws {
        let outcome = try Simulator.run(
            "--from",
            "1",
            "--seeds",
            "2",
            "--twice",
            "--jobs",
            "2",
            "--record",
            record
        )
        #expect(outcome.isContent, "\(outcome.output)")
        #expect(try lines()[0].contains("\"isTwice\":true"))
    }

    @Test(arguments: [
        ["--seeds", "0"], ["--batch", "0"], ["--seconds", "0"], ["--from", "18446744073709551615"],
        ["--from", "18446744073709551000", "--seeds", "1000"], ["--seeds", "18446744073709551615"],
        ["--seed", "18446744073709551615"], ["--seed", "1", "--seeds", "2"], ["--seed", "1", "--from", "1"],
        ["--seed", "1", "--jobs", "2"], ["--seed", "1", "--seconds", "1"], ["--seed", "1", "--batch", "1"],
        ["--seeds", "1", "--seconds", "1"],
    ])
    func whatCannotBeIsAMistakeOfUse(_ arguments: [String]) throws {
        #expect(try Simulator.run(arguments).status == 64)
    }

    @Test func whatIsInterruptedRecordsWhatItDid() throws {
        let process = try Simulator.start("--from", "1", "--seconds", "60", "--record", record)
        let directory = try #require(scratch(of: process))
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + SIGTERM)
        #expect(try lines().count == 1)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test func whatAKilledProcessLeavesIsRemovedByTheNext() throws {
        let process = try Simulator.start("--from", "1", "--seconds", "60")
        let directory = try #require(scratch(of: process))
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(FileManager.default.fileExists(atPath: directory))
        #expect(try Simulator.run("--seed", "6").isContent)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    /// The directory in memory of a process that has begun its first world.
    private func scratch(of process: Process) -> String? {
        let descriptors = "/proc/\(process.processIdentifier)/fd"
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            // A descriptor, or the process, that has gone meanwhile is looked for again; the deadline bounds it.
            for name in (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? [] {
                let path = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "\(descriptors)/\(name)"
                )
                // Below it are the disks of the machines.
                let parts = path?.split(separator: "/") ?? []
                if parts.count > 3, parts[2].hasPrefix("skyfire-sim.") {
                    return "/" + parts.prefix(3).joined(separator: "/")
                }
            }
            usleep(1000)  // the interval of looking at another process, which tells nobody
        }
        return nil
    }
}
