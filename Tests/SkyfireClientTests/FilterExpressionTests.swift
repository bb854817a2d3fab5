import ArgumentParser
import Scheduling
import SkyfireClient
import Testing

@Suite struct FilterExpressionTests {
    private static let keys = ["state", "job", "since", "owner"]

    @Test func conditionsAreReadInOrder() throws {
        let filter = try FilterExpression("state=failed,killed  job=x since=24h", keys: Self.keys)
        #expect(filter.conditions.map(\.key) == ["state", "job", "since"])
        #expect(filter["state"] == ["failed", "killed"])
        #expect(filter["owner"] == nil)
    }

    @Test func quotesKeepBlanks() throws {
        #expect(try FilterExpression(#"owner="Li Lei""#, keys: Self.keys)["owner"] == ["Li Lei"])
        #expect(try FilterExpression("", keys: Self.keys).conditions.isEmpty)
    }

    @Test(arguments: ["failed", "=x", "colour=red", "state=", "state=a state=b", "owner=\"x"])
    func whatIsNoConditionIsRefused(text: String) {
        #expect {
            try FilterExpression(text, keys: Self.keys)
        } throws: {
            ($0 as? ClientError)?.exit == .usage
        }
    }
}

@Suite struct ArgumentTests {
    @Test func globalOptionsMayStandBeforeTheVerb() {
        #expect(GlobalArguments.moved(["-o", "json", "-q", "ps"]) == ["ps", "-o", "json", "-q"])
        #expect(GlobalArguments.moved(["--server=x", "run", "--", "j"]) == ["run", "--server=x", "--", "j"])
        #expect(GlobalArguments.moved(["ps", "-o", "json"]) == ["ps", "-o", "json"])
        #expect(GlobalArguments.moved(["--help"]) == ["--help"])
    }

    @Test func serversMayLackTheScheme() throws {
        #expect(try ServerList("h:1, https://g/,").urls == ["http://h:1", "https://g"])
        for text in ["", "ftp://x", "http://", "a b"] {
            #expect(throws: (any Error).self) { try ServerList(text) }
        }
    }

    @Test func targetsNameTasksAndPartitions() {
        let target = RunTarget(argument: "o2o.daily@20261120T130000Z.m1/clean[3]")
        #expect(target?.run.description == "o2o.daily@20261120T130000Z.m1")
        #expect(target?.task?.description == "clean[3]")
        #expect(RunTarget(argument: "hello") == nil)
        #expect(RunTarget(argument: "hello@20261120T130000Z/cl ean") == nil)
        #expect(TaskTarget(argument: "clean[03]") == nil)
    }

    @Test(arguments: [
        ["run"], ["ps", "--bogus"], ["nope"], ["logs", "x"], ["run", "a b"], ["ps", "-o", "xml"],
        ["ps", "--timeout", "5"], ["run", "j", "-p", "novalue"], ["run", "j", "--wait", "--follow"],
    ])
    func mistakesInArgumentsAreUsageErrors(arguments: [String]) {
        #expect {
            _ = try BenchRoot.parseAsRoot(arguments)
        } throws: {
            BenchRoot.exitCode(for: $0).rawValue == ClientExit.usage.rawValue
        }
    }

    @Test func helpNamesOnlyVerbsThatWork() {
        let help = BenchRoot.helpMessage()
        for verb in ["apply", "run", "logs", "why", "cluster", "explain"] {
            #expect(help.contains("  \(verb) "))
        }
        for verb in ["login", "secrets", "backfill", "users", "plan"] {
            #expect(!help.contains("  \(verb) "))
        }
    }
}
