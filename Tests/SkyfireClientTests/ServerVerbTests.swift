import FoundationEssentials
import SkyfireClient
import Testing

@Suite struct ServerVerbTests {
    private static let id = "hello@20261120T125700Z.m1"

    private static func run(_ state: String, reason: String? = nil) -> String {
        let reason = reason.map { "\"reason\": \"\($0)\"," } ?? ""
        return """
            {"id": "\(id)", "job": "hello", "job_version": 1, "logical_time": "2026-11-20T12:57:00.000Z", "cause": "manual",
             "state": "\(state)", \(reason) "priority": 50, "queued_at": "2026-11-20T12:57:00.000Z",
             "started_at": "2026-11-20T12:57:01.000Z", "tasks": {"total": 2, "by_state": {"succeeded": 1}}, "trace_id": "0"}
            """
    }

    private static func task(_ id: String, _ state: String, attempts: String) -> String {
        #"{"id": "\#(id)", "state": "\#(state)", "needs": [], "partitions": [], "attempts": [\#(attempts)]}"#
    }

    private static func attempt(_ n: Int, _ state: String, exit: Int? = nil) -> String {
        // As the server says it: the reason of a failure repeats the code.
        let exit =
            exit.map { ", \"exit_code\": \($0)" + ($0 == 0 ? "" : ", \"reason\": \"exit code \($0)\"") } ?? ""
        return
            #"{"task": "a", "n": \#(n), "partition": 0, "worker": "worker-1", "state": "\#(state)"\#(exit)}"#
    }

    /// The lines of a text, with one blank between the words of each.
    private static func words(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    }

    private func withJobFile(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "skyfire-client-\(UUID()).yaml")
        try Data("version: 1\nname: hello\ntasks: [{id: hi, run: echo hello}]\n".utf8).write(to: file)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(file.path))
        } catch {
            result = .failure(error)
        }
        try FileManager.default.removeItem(at: file)
        try result.get()
    }

    private static func job(_ command: String, version: Int) -> String {
        """
        {"name": "hello", "version": \(version), "worker": "worker-1", "created_at": "2026-11-20T12:00:00.000Z",
         "stored_at": "2026-11-20T12:00:00.000Z",
         "definition": {"version": 1, "name": "hello", "tasks": [{"id": "hi", "run": "\(command)"}]}}
        """
    }

    @Test func applyCreatesUpdatesOrLeavesAlone() async throws {
        try await withJobFile { path in
            for (current, expected, method) in [
                (nil, "created (version 1)", "POST"), ("echo old", "updated (version 2)", "PUT"),
                ("echo hello", "unchanged (version 1)", nil),
            ] as [(String?, String, String?)] {
                let script: FakeServer.Script = { request, _ in
                    switch request.method {
                    case "GET":
                        current.map { .json(Self.job($0, version: 1)) } ?? .problem(404, "E2004", "no job")
                    case "POST": .json(Self.job("echo hello", version: 1), status: 201)
                    default: .json(Self.job("echo hello", version: 2))
                    }
                }
                try await FakeServer.with(script) { server, url in
                    let dry = try await VerbBench.run("apply", "-f", path, "--dry-run", server: url)
                    #expect(dry.output.hasSuffix("(dry run)\n"))
                    #expect(server.requests.map(\.method) == ["GET"])
                    let outcome = try await VerbBench.run("apply", "-f", path, server: url)
                    #expect(outcome.output == "job hello \(expected)\n")
                    #expect(server.requests.map(\.method) == ["GET", "GET"] + [method].compactMap { $0 })
                }
            }
        }
    }

    @Test func applyRefusesAStaleVersion() async throws {
        try await withJobFile { path in
            try await FakeServer.with({ _, _ in .json(Self.job("echo old", version: 4)) }) { server, url in
                #expect(
                    try await VerbBench.run("apply", "-f", path, "--if-version", "3", server: url).exit
                        == .conflict
                )
                _ = try await VerbBench.run("apply", "-f", path, "--if-version", "4", server: url)
                #expect(server.requests.last?.headers["if-match"] == "\"4\"")
            }
        }
    }

    @Test func runPrintsItsIDAloneAndSendsAKey() async throws {
        try await FakeServer.with({ _, _ in .json(Self.run("queued"), status: 201) }) { server, url in
            let outcome = try await VerbBench.run(
                "run",
                "hello",
                "-p",
                "x=a=b",
                "--at",
                "2026-11-20T20:00:00+08:00",
                "--no-downstream",
                "--request-id",
                "k1",
                server: url
            )
            #expect(outcome.output == Self.id + "\n")
            #expect(outcome.errors.isEmpty)
            let request = try #require(server.requests.first)
            #expect(request.headers["idempotency-key"] == "k1")
            let body = try JSONTree(parsing: Array(request.body.utf8))
            #expect(body.at("params.x")?.text == "a=b")
            #expect(body["at"]?.text == "2026-11-20T12:00:00.000Z")
            #expect(body["triggers_downstream"] == .bool(false))
        }
    }

    @Test(arguments: [
        ("succeeded", ClientExit.ok), ("failed", .runFailed), ("cancelled", .runStopped),
        ("skipped", .runStopped),
    ])
    func waitEndsWithTheRun(state: String, exit: ClientExit) async throws {
        let script: FakeServer.Script = { request, count in
            if request.method == "POST" { return .json(Self.run("queued"), status: 201) }
            return .json(Self.run(count < 2 ? "running" : state, reason: "it had to be"))
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("run", "hello", "--wait", server: url)
            #expect(outcome.exit == exit)
            #expect(outcome.output == Self.id + "\n")
            #expect(
                outcome.errors.contains("\(Self.id) \(state) after")
                    && outcome.errors.contains("it had to be")
            )
        }
    }

    @Test(arguments: ["run hello", "retry \(id)", "rerun \(id)"])
    func waitPrintsTheRecordAsItEnded(verb: String) async throws {
        let script: FakeServer.Script = { request, count in
            if request.method == "POST" { return .json(Self.run("queued"), status: 201) }
            return .json(Self.run(count < 2 ? "running" : "failed", reason: "it had to be"))
        }
        try await FakeServer.with(script) { _, url in
            let words = verb.split(separator: " ").map(String.init) + ["--wait", "-o", "json"]
            let outcome = try await VerbBench.run(words, server: url)
            #expect(outcome.exit == .runFailed)
            let record = try JSONTree(parsing: Array(outcome.output.utf8))
            #expect(record["id"]?.text == Self.id)
            #expect(record["state"]?.text == "failed")
            #expect(record["reason"]?.text == "it had to be")
        }
    }

    @Test func formatWithoutWaitingPrintsTheRecordAtOnce() async throws {
        try await FakeServer.with({ _, _ in .json(Self.run("queued"), status: 201) }) { server, url in
            let outcome = try await VerbBench.run("run", "hello", "-o", "json", server: url)
            #expect(try JSONTree(parsing: Array(outcome.output.utf8))["state"]?.text == "queued")
            #expect(server.requests.count == 1)
        }
    }

    @Test func fullQueueIsToldWithWhatToDo() async throws {
        let script: FakeServer.Script = { _, _ in .problem(429, "E2028", "the queue is full") }
        try await FakeServer.with(script) { server, url in
            let outcome = try await VerbBench.run("run", "hello", "--wait", server: url)
            #expect(outcome.exit == .failure)
            #expect(outcome.output.isEmpty)
            #expect(
                outcome.errors
                    == "error[E2028] the queue is full; do better\nsee: skyfire explain E2028\n"
            )
            #expect(server.requests.count == 1)
        }
    }

    @Test func waitingEndsWithTheTimeout() async throws {
        let script: FakeServer.Script = { request, _ in
            .json(Self.run("running"), status: request.method == "POST" ? 201 : 200)
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("run", "hello", "--wait", "--timeout", "300ms", server: url)
            #expect(outcome.exit == .timedOut)
        }
    }

    @Test func waitingOutlivesAServerThatIsAwayForAMoment() async throws {
        let script: FakeServer.Script = { request, count in
            if request.method == "POST" { return .json(Self.run("queued"), status: 201) }
            return count == 0 ? .problem(503, "E2015", "no leader") : .json(Self.run("succeeded"))
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("run", "hello", "--wait", server: url)
            #expect(outcome.exit == .ok)
            #expect(outcome.errors.contains("asking again"))
        }
    }

    @Test func followPrintsWholeLinesOfAllTasks() async throws {
        let script: FakeServer.Script = { request, count in
            if request.method == "POST" { return .json(Self.run("queued"), status: 201) }
            if request.path.hasSuffix("/log") {
                guard request.uri.contains("stream=stdout") else { return .log("", next: 0, complete: true) }
                if request.path.contains("/b/") { return .log("only b", next: 6, complete: true) }
                // Asked for by offset: the second half comes later, without gap or repetition.
                if request.uri.contains("offset=0") { return .log("one\ntw", next: 6, complete: false) }
                if request.uri.contains("offset=6"), count >= 2 {
                    return .log("o\n", next: 8, complete: true)
                }
                return .log("", next: 6, complete: false)
            }
            if request.path.hasSuffix("/tasks") {
                let a = Self.task(
                    "a",
                    "x",
                    attempts: Self.attempt(1, count < 2 ? "running" : "failed", exit: 2)
                )
                let b = Self.task("b", "x", attempts: Self.attempt(1, "succeeded", exit: 0))
                return .json("{\"items\": [\(a), \(b)], \"next_cursor\": null}")
            }
            return .json(Self.run(count < 2 ? "running" : "failed"))
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("run", "hello", "--follow", server: url)
            #expect(outcome.exit == .runFailed)
            #expect(
                Set(outcome.output.split(separator: "\n"))
                    == Set(["\(Self.id)", "a | one", "a | two", "b | only b"].map { Substring($0) })
            )
            #expect(outcome.errors.contains("a attempt 1 on worker-1: failed (exit code 2)\n"))
        }
    }

    @Test func followBreaksALineThatIsTooLong() async throws {
        let script: FakeServer.Script = { request, _ in
            if request.method == "POST" { return .json(Self.run("queued"), status: 201) }
            if request.path.hasSuffix("/log") {
                guard request.path.contains("/a/"), request.uri.contains("stream=stdout") else {
                    return .log("", next: 0, complete: true)
                }
                // The line comes in two slices.
                let isFirst = request.uri.contains("offset=0")
                let text = String(repeating: "x", count: isFirst ? 100_000 : 50_000) + (isFirst ? "" : "\n")
                return .log(text, next: isFirst ? 100_000 : 150_001, complete: !isFirst)
            }
            if request.path.hasSuffix("/tasks") {
                let tasks = ["a", "b"].map {
                    Self.task($0, "x", attempts: Self.attempt(1, "succeeded", exit: 0))
                }
                return .json("{\"items\": [\(tasks[0]), \(tasks[1])], \"next_cursor\": null}")
            }
            return .json(Self.run("succeeded"))
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("run", "hello", "--follow", server: url)
            let lines = outcome.output.split(separator: "\n").dropFirst()
            #expect(lines.allSatisfy { $0.hasPrefix("a | x") })
            #expect(lines.map { $0.utf8.count - 4 } == [65_536, 84_464])
        }
    }

    @Test func logsGoOnAtTheByteWhereTheStreamBroke() async throws {
        func event(_ id: String, _ text: String) -> String {
            let data = Data(text.utf8).base64EncodedString()
            return
                "id: \(id)\nevent: log\ndata: {\"stream\": \"stdout\", \"offset\": 0, \"base64\": \"\(data)\"}\n\n"
        }
        let (first, second) = (event("4,0", "one\n") + "event: lo", event("8,0", "two\n"))
        let script: FakeServer.Script = { request, _ in
            if request.path.hasSuffix("/tasks") {
                return .json(
                    "{\"items\": [\(Self.task("a", "running", attempts: Self.attempt(1, "running")))]}"
                )
            }
            guard request.headers["last-event-id"] == "4,0" else {
                return FakeServer.Answer(
                    headers: ["Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"],
                    body: first,
                    breaks: true
                )
            }
            return FakeServer.Answer(
                headers: ["Content-Type": "text/event-stream"],
                body: second + "event: end\ndata: {\"state\": \"failed\", \"exit_code\": 3}\n\n"
            )
        }
        try await FakeServer.with(script) { _, url in
            let outcome = try await VerbBench.run("logs", Self.id, "-f", server: url)
            #expect(outcome.output == "one\ntwo\n")
            #expect(outcome.exit == .runFailed)
            #expect(outcome.errors.contains("a attempt 1: failed (exit code 3)"))
        }
    }

    @Test func logsKeepTheStreamsApart() async throws {
        let script: FakeServer.Script = { request, _ in
            if request.path.hasSuffix("/tasks") {
                let attempts = Self.attempt(1, "failed") + "," + Self.attempt(2, "succeeded")
                return .json("{\"items\": [\(Self.task("a", "succeeded", attempts: attempts))]}")
            }
            return request.uri.contains("stream=stderr")
                ? .log("err\n", next: 4, complete: true) : .log("out\n", next: 4, complete: true)
        }
        try await FakeServer.with(script) { server, url in
            let both = try await VerbBench.run("logs", Self.id, server: url)
            #expect((both.output, both.errors) == ("out\n", "err\n"))
            #expect(server.requests.last?.path.hasSuffix("/tasks/a/attempts/2/log") == true)
            #expect(
                try await VerbBench.run("logs", Self.id, "a", "--stream", "stderr", server: url).output
                    == "err\n"
            )
            #expect(try await VerbBench.run("logs", Self.id, "nope", server: url).exit == .notFound)
            #expect(try await VerbBench.run("logs", Self.id, "--attempt", "9", server: url).exit == .notFound)
        }
    }

    @Test func listsGoPageByPageToTheLimit() async throws {
        let script: FakeServer.Script = { request, _ in
            .json(
                "{\"items\": [\(Self.run("failed"))], \"next_cursor\": \(request.uri.contains("cursor=c3") ? "null" : "\"c3\"")}"
            )
        }
        try await FakeServer.with(script) { server, url in
            let outcome = try await VerbBench.run(
                "list",
                "runs",
                "--filter",
                "state=failed,killed job=hello since=24h",
                "-o",
                "name",
                server: url
            )
            #expect(outcome.output == "\(Self.id)\n\(Self.id)\n")
            #expect(
                server.requests.first?.uri == "/v1/runs?state=failed,killed&job=hello&since=24h&limit=100"
            )
            let one = try await VerbBench.run("list", "runs", "--limit", "1", server: url)
            #expect(one.output.contains("failed") && one.output.contains("1/2"))
            #expect(one.errors.contains("more than 1"))
            #expect(
                try await VerbBench.run("list", "runs", "--filter", "colour=red", server: url).exit == .usage
            )
        }
    }

    @Test func problemsAreToldWithCodeAndHint() async throws {
        try await FakeServer.with({ _, _ in .problem(404, "E2004", "there is no job x") }) { _, url in
            let outcome = try await VerbBench.run("get", "x", server: url)
            #expect(outcome.exit == .notFound)
            #expect(
                outcome.errors == "error[E2004] there is no job x; do better\nsee: skyfire explain E2004\n"
            )
        }
    }

    @Test func anotherServerIsAskedWhereOneRefuses() async throws {
        try await FakeServer.with({ _, _ in .json("{\"items\": []}") }) { _, url in
            let outcome = try await VerbBench.run("ps", "--server", "http://127.0.0.1:1,\(url)")
            #expect(outcome.exit == .ok)
            #expect(outcome.errors == "nothing is running\n")
        }
    }

    @Test func clusterStatusShowsSafeModeAndIncidents() async throws {
        let body =
            #"{"id": "c1", "mode": "cluster", "is_paused": false, "is_safe_mode": true, "incidents": 3, "workers": 1}"#
        try await FakeServer.with({ _, _ in .json(body) }) { server, url in
            let shown = try await VerbBench.run("cluster", "status", server: url)
            let lines = Self.words(shown.output)
            #expect(lines.contains("SAFE MODE yes") && lines.contains("INCIDENTS 3"), "\(shown.output)")
            #expect(server.requests.map(\.line) == ["GET /v1/cluster"])
            let json = try await VerbBench.run("cluster", "status", "-o", "json", server: url)
            #expect(try JSONTree(parsing: Array(json.output.utf8)) == JSONTree(parsing: Array(body.utf8)))
            let fields = try await VerbBench.run("cluster", "status", "-o", "csv", server: url)
            #expect(fields.output.contains(",safe_mode,") && fields.output.contains(",incidents,"))
        }
    }

    /// A node of an earlier version does not say; that is neither yes nor no.
    @Test(arguments: [("", "-"), (#""is_safe_mode": false,"#, "no")])
    func safeModeIsSaidWhereItIsKnown(member: String, shown: String) async throws {
        try await FakeServer.with({ _, _ in .json(#"{\#(member) "id": "c1"}"#) }) { _, url in
            let outcome = try await VerbBench.run("cluster", "status", server: url)
            #expect(Self.words(outcome.output).contains("SAFE MODE \(shown)"), "\(outcome.output)")
        }
    }

    @Test func actionsSendTheReason() async throws {
        try await FakeServer.with({ _, _ in .json(Self.run("killing")) }) { server, url in
            let outcome = try await VerbBench.run("cancel", Self.id, "--reason", "wrong day", server: url)
            #expect(outcome.output == "\(Self.id) killing\n")
            #expect(server.requests.map(\.line) == ["POST /v1/runs/\(Self.id):cancel"])
            #expect(server.requests[0].body == #"{"reason":"wrong day"}"#)
        }
    }

    @Test func whyListsWhatIsInTheWay() async throws {
        let body =
            #"{"run": "\#(Self.id)", "state": "queued", "blockers": [{"kind": "slots", "message": "8/8 used", "task": "a"}]}"#
        try await FakeServer.with({ _, _ in .json(body) }) { server, url in
            for words in [["why", "\(Self.id)/a[3]"], ["why", Self.id, "a[3]"]] {
                let outcome = try await VerbBench.run(words, server: url)
                #expect(outcome.output == "\(Self.id)/a[3] is queued\n  1. slots: 8/8 used (task a)\n")
                #expect(server.requests.last?.uri.hasSuffix("/explain?task=a%5B3%5D") == true)
            }
            await #expect(throws: (any Error).self) {
                try await VerbBench.run("why", "\(Self.id)/a[3]", "b", server: url)
            }
            #expect(server.requests.count == 2)
        }
    }

    @Test func exportGivesAJobFile() async throws {
        try await FakeServer.with({ _, _ in .json(Self.job("echo hello", version: 1)) }) { _, url in
            let outcome = try await VerbBench.run("export", "hello", server: url)
            #expect(outcome.output == "version: 1\nname: hello\ntasks:\n  - id: hi\n    run: echo hello\n")
        }
    }

    @Test func rawRequestsPrintWhatComes() async throws {
        try await FakeServer.with({ request, _ in
            .json(request.body.isEmpty ? "{\"a\": 1}" : request.body, status: 422)
        }) { server, url in
            let outcome = try await VerbBench.run(
                "api",
                "post",
                "jobs",
                "-d",
                "version: 1",
                "-H",
                "X-A: b",
                server: url
            )
            #expect(outcome.output == "version: 1")
            #expect(outcome.exit == .failure)
            #expect(server.requests[0].line == "POST /v1/jobs")
            #expect(server.requests[0].headers["content-type"] == "application/yaml")
            #expect(server.requests[0].headers["x-a"] == "b")
        }
    }
}
