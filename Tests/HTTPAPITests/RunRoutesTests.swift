import Cron
import HTTPAPI
import NIOHTTP1
import Node
import Scheduling
import Synchronization
import Testing

@Suite struct RunRoutesTests {
    static let id = RunID("hello@20261120T100000Z")

    static func operations() throws -> RecordedOperations {
        let operations = RecordedOperations()
        let id = try #require(Self.id)
        var partitions = TaskDefinition.Partitions(list: ["x", "y"])
        partitions.maxParallel = 1
        let tasks = [
            TaskSummary(id: try TaskID("get"), needs: [], partitions: nil, states: "s"),
            TaskSummary(
                id: try TaskID("clean"),
                needs: [try TaskID("get")],
                partitions: partitions,
                states: "sr"
            ),
        ]
        operations.state.withLock { state in
            state.runs[id] = MirroredRun(run: RecordedOperations.run(id, state: .running), tasks: tasks)
            state.attempts[id] = [
                AttemptView(
                    task: tasks[1].id,
                    n: 1,
                    partition: 1,
                    worker: WorkerID(number: 2),
                    state: "running"
                ),
                AttemptView(
                    task: tasks[0].id,
                    n: 1,
                    partition: 0,
                    worker: WorkerID(number: 1),
                    state: "succeeded",
                    exitCode: 0,
                    fencingToken: "9007199254740993"
                ),
            ]
        }
        return operations
    }

    @Test func runIsCreatedWithItsLocation() async throws {
        try await LiveServer.with { server in
            let body = #"{"job":"hello","params":{"a":1,"b":true,"c":"x"},"at":"2026-11-20T18:00:00+08:00"}"#
            let answer = try await server.send(
                .POST,
                "/v1/runs",
                body: body,
                headers: ["idempotency-key": "k1"]
            )
            #expect(answer.status == 201)
            #expect(answer.headers.first(name: "location") == "/v1/runs/hello@20261120T100000Z.m1")
            let request = try #require(server.operations.state.withLock { $0.requests.first })
            #expect(request.params == ["a": "1", "b": "true", "c": "x"])
            #expect(request.requestID == "k1")
            #expect(request.at?.rfc3339 == "2026-11-20T10:00:00Z")
            let differing = try await server.send(
                .POST,
                "/v1/runs",
                body: #"{"job":"hello","request_id":"k2"}"#,
                headers: ["idempotency-key": "k1"]
            )
            #expect(differing.status == 422)
            let yaml = try await server.send(
                .POST,
                "/v1/runs",
                body: "job: hello\nparams: {n: 010}\ntriggers_downstream: false\n",
                type: "application/yaml"
            )
            #expect(yaml.status == 201)
            let last = try #require(server.operations.state.withLock { $0.requests.last })
            #expect(last.params == ["n": "010"])
            #expect(!last.triggersDownstream)
        }
    }

    @Test func sameRequestIDGivesTheSameRunWithoutMakingIt() async throws {
        try await LiveServer.with { server in
            let body = #"{"job":"hello","request_id":"k1","at":"2026-11-20T10:00:00Z"}"#
            let first = try await server.send(.POST, "/v1/runs", body: body)
            let second = try await server.send(.POST, "/v1/runs", body: body)
            #expect(first.status == 201)
            #expect(second.status == 200)
            let location = first.headers.first(name: "location")
            #expect(location == "/v1/runs/hello@20261120T100000Z.m1")
            #expect(second.headers.first(name: "location") == location)
            for verb in ["retry", "rerun"] {
                let path = "/v1/runs/hello@20261120T100000Z:\(verb)"
                let headers = ["idempotency-key": "\(verb)-1"]
                #expect(try await server.send(.POST, path, headers: headers).status == 201)
                let again = try await server.send(.POST, path, headers: headers)
                #expect(again.status == 200)
                #expect(again.headers.first(name: "location") == "/v1/runs/hello@20261120T100000Z.r1")
                let inBody = #"{"request_id":"\#(verb)-2"}"#
                #expect(try await server.send(.POST, path, body: inBody).status == 201)
                let unknown = try await server.send(.POST, path, body: #"{"reason":"why"}"#)
                #expect(unknown.status == 422)
            }
        }
    }

    @Test func runsBelongToTheTraceOfTheirRequest() async throws {
        try await LiveServer.with { server in
            let trace = String(repeating: "ab", count: 16)
            let headers = ["traceparent": "00-\(trace)-00f067aa0ba902b7-01", "idempotency-key": "k1"]
            _ = try await server.send(.POST, "/v1/runs", body: #"{"job":"hello"}"#, headers: headers)
            _ = try await server.send(.POST, "/v1/runs/hello@20261120T100000Z:retry", headers: headers)
            let (request, repeated) = server.operations.state.withLock {
                ($0.requests.last, $0.repeats["k1"])
            }
            #expect(request?.traceID == trace)
            #expect(repeated == trace)
            let own = try await server.send(.POST, "/v1/runs", body: #"{"job":"hello"}"#)
            let last = try #require(server.operations.state.withLock { $0.requests.last?.traceID })
            #expect(last.utf8.count == 32)
            #expect(own.headers.first(name: "traceparent")?.contains(last) == true)
        }
    }

    @Test func listPassesItsFiltersOn() async throws {
        try await LiveServer.with { server in
            let answer = try await server.send(
                .GET,
                "/v1/runs?job=hello&state=failed,killed&state=running&since=24h&limit=7&cursor=c%2B1"
            )
            #expect(answer.status == 200)
            #expect(answer.text == #"{"items":[],"next_cursor":"next"}"#)
            let query = try #require(server.operations.state.withLock { $0.queries.first })
            #expect(query.job?.description == "hello")
            #expect(query.states == [.failed, .killed, .running])
            #expect(query.since == RecordedOperations.time + -86_400_000)
            #expect(query.limit == 7)
            #expect(query.cursor == "c+1")
        }
    }

    @Test func timeWithUnescapedOffsetIsRead() async throws {
        try await LiveServer.with { server in
            _ = try await server.send(.GET, "/v1/runs?since=2026-11-20T18:00:00+08:00")
            let query = try #require(server.operations.state.withLock { $0.queries.first })
            #expect(query.since?.description == "2026-11-20T10:00:00.000Z")
        }
    }

    static let actions: [(String, Int, String)] = [
        ("cancel", 200, "act cancel hello@20261120T100000Z why"),
        ("kill", 200, "act kill hello@20261120T100000Z why"),
        ("pause", 200, "act pause hello@20261120T100000Z why"),
        ("resume", 200, "act resume hello@20261120T100000Z why"),
        ("retry", 201, "repeat hello@20261120T100000Z true"),
        ("rerun", 201, "repeat hello@20261120T100000Z false"),
    ]

    @Test(arguments: actions) func verbIsTakenFromBehindTheLastColon(
        _ verb: String,
        _ status: Int,
        _ call: String
    ) async throws {
        try await LiveServer.with { server in
            for path in [
                "/v1/runs/hello@20261120T100000Z:\(verb)", "/v1/runs/hello%4020261120T100000Z%3A\(verb)",
            ] {
                let body = status == 200 ? #"{"reason":"why"}"# : "{}"
                let answer = try await server.send(.POST, path, body: body)
                #expect(answer.status == status)
                #expect(server.operations.calls.last == call)
            }
            let bare = try await server.send(.POST, "/v1/runs/hello@20261120T100000Z:\(verb)")
            #expect(bare.status == status)
        }
    }

    @Test func reasonIsBounded() async throws {
        try await LiveServer.with { server in
            for (length, status) in [(2_000, 200), (2_001, 422)] {
                let reason = String(repeating: "x", count: length)
                let path = "/v1/runs/hello@20261120T100000Z:cancel"
                let answer = try await server.send(.POST, path, body: "{\"reason\": \"\(reason)\"}")
                #expect(answer.status == status)
            }
        }
    }

    @Test func runHasAnETag() async throws {
        try await LiveServer.with(try Self.operations()) { server in
            let first = try await server.send(.GET, "/v1/runs/hello@20261120T100000Z")
            let tag = try #require(first.headers.first(name: "etag"))
            let second = try await server.send(
                .GET,
                "/v1/runs/hello@20261120T100000Z",
                headers: ["if-none-match": "\"x\", W/\(tag)"]
            )
            #expect(second.status == 304)
        }
    }

    @Test func tasksHavePartitionsAndAttempts() async throws {
        try await LiveServer.with(try Self.operations()) { server in
            let list = try await server.send(.GET, "/v1/runs/hello@20261120T100000Z/tasks")
            let clean =
                #"{"attempts":[{"n":1,"partition":1,"state":"running","task":"clean","worker":"worker-2"}],"#
                + #""id":"clean","needs":["get"],"partitions":[{"index":0,"state":"succeeded","value":"x"},"#
                + #"{"index":1,"state":"running","value":"y"}],"state":"running"}"#
            #expect(list.text.contains(clean))
            #expect(list.text.contains(#""fencing_token":"9007199254740993""#))
            let one = try await server.send(.GET, "/v1/runs/hello@20261120T100000Z/tasks/clean%5B0%5D")
            #expect(one.text.contains(#""state":"succeeded""#))
            #expect(one.text.contains(#""attempts":[]"#))
            let attempt = try await server.send(
                .GET,
                "/v1/runs/hello@20261120T100000Z/tasks/clean%5B1%5D/attempts/1"
            )
            #expect(attempt.status == 200)
            for path in ["clean/attempts/1", "clean%5B2%5D/attempts/1", "get/attempts/2", "gett"] {
                let answer = try await server.send(.GET, "/v1/runs/hello@20261120T100000Z/tasks/\(path)")
                #expect(answer.status == (path.hasPrefix("clean/") ? 400 : 404))
            }
        }
    }

    @Test func explanationIsPassedOn() async throws {
        try await LiveServer.with { server in
            let answer = try await server.send(.GET, "/v1/runs/hello@20261120T100000Z/explain?task=get")
            #expect(answer.text.contains("no slot is free"))
            #expect(server.operations.calls.last == "explain hello@20261120T100000Z get for client")
            // What a node passes on is not passed on again.
            _ = try await server.send(
                .GET,
                "/v1/runs/hello@20261120T100000Z/explain",
                headers: ["skyfire-forwarded-by": "worker-2"]
            )
            #expect(server.operations.calls.last == "explain hello@20261120T100000Z - for node")
        }
    }
}
