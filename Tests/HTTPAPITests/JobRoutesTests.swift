import HTTPAPI
import NIOHTTP1
import Node
import Scheduling
import Testing

@Suite struct JobRoutesTests {
    static let hello = #"{"version": 1, "name": "hello", "tasks": [{"id": "hi", "run": "echo hello"}]}"#
    static let yaml = "version: 1\nname: hello\ntasks:\n  - {id: hi, run: echo hello}\n"

    @Test func jobIsCreatedReadReplacedAndDeleted() async throws {
        try await LiveServer.with { server in
            let created = try await server.send(.POST, "/v1/jobs", body: Self.hello)
            #expect(created.status == 201)
            #expect(created.headers.first(name: "location") == "/v1/jobs/hello")
            #expect(created.headers.first(name: "etag") == "\"1\"")
            let again = try await server.send(.POST, "/v1/jobs", body: Self.yaml, type: "application/yaml")
            #expect(again.status == 409)
            #expect(again.headers.first(name: "content-type") == "application/problem+json")

            let read = try await server.send(.GET, "/v1/jobs/hello")
            #expect(read.status == 200)
            #expect(read.headers.first(name: "etag") == "\"1\"")
            let known = try await server.send(.GET, "/v1/jobs/hello", headers: ["if-none-match": "\"1\""])
            #expect(known.status == 304)
            #expect(known.body.isEmpty)

            let put = try await server.send(
                .PUT,
                "/v1/jobs/hello",
                body: Self.yaml,
                type: "text/yaml",
                headers: ["if-match": "\"1\""]
            )
            #expect(put.status == 200)
            #expect(put.headers.first(name: "etag") == "\"2\"")
            let stale = try await server.send(
                .PUT,
                "/v1/jobs/hello",
                body: Self.hello,
                headers: ["if-match": "\"1\""]
            )
            #expect(stale.status == 412)
            let taken = try await server.send(
                .PUT,
                "/v1/jobs/hello",
                body: Self.hello,
                headers: ["if-none-match": "*"]
            )
            #expect(taken.status == 412)
            let any = try await server.send(
                .PUT,
                "/v1/jobs/hello",
                body: Self.hello,
                headers: ["if-match": "*"]
            )
            #expect(any.status == 200)
            let other = try await server.send(.PUT, "/v1/jobs/other", body: Self.hello)
            #expect(other.status == 422)
            #expect(try other.codes() == ["E2017"])

            let deleted = try await server.send(.DELETE, "/v1/jobs/hello", headers: ["if-match": "\"3\""])
            #expect(deleted.status == 204)
            #expect(server.operations.calls.last == "deleteJob hello 3")
            #expect(try await server.send(.GET, "/v1/jobs/hello").status == 404)
        }
    }

    @Test func allMistakesOfADefinitionComeAtOnceWithPlaces() async throws {
        try await LiveServer.with { server in
            let text = """
                version: 1
                name: hello
                tasks:
                  - {id: a, run: "true", retires: 3}
                  - {id: b, run: "true", needs: [nobody]}
                """
            for path in ["/v1/jobs", "/v1/jobs:validate", "/v1/jobs:apply"] {
                let answer = try await server.send(.POST, path, body: text, type: "application/yaml")
                #expect(answer.status == 422)
                let problem = try answer.problem()
                #expect(problem.errors.count >= 2)
                #expect(problem.errors.contains { $0.line == 4 && ($0.hint ?? $0.message).contains("retry") })
            }
            #expect(!server.operations.calls.contains { $0.hasPrefix("create") || $0.hasPrefix("replace") })
        }
    }

    @Test func definitionThatIsTooLargeIsRefused() async throws {
        try await LiveServer.with { server in
            let line = String(repeating: "x", count: 300_000)
            let body = #"{"version": 1, "name": "large", "tasks": [{"id": "hi", "run": "\#(line)"}]}"#
            let answer = try await server.send(.POST, "/v1/jobs", body: body)
            #expect(answer.status == 413)
            #expect(server.operations.calls.isEmpty)
        }
    }

    @Test func applyTellsWhatBecameOfEachDocument() async throws {
        try await LiveServer.with { server in
            _ = try await server.send(.POST, "/v1/jobs", body: Self.hello)
            let two = Self.yaml + "---\nversion: 1\nname: two\ntasks: [{id: hi, run: echo two}]\n"
            let planned = try await server.send(
                .POST,
                "/v1/jobs:apply?dry_run=1",
                body: two,
                type: "application/yaml"
            )
            #expect(planned.text.contains(#""result":"created""#))
            let applied = try await server.send(.POST, "/v1/jobs:apply", body: two, type: "application/yaml")
            #expect(applied.status == 200)
            #expect(
                applied.text
                    == #"{"items":[{"name":"hello","result":"unchanged","version":1},"#
                    + #"{"name":"two","result":"created","version":1}],"next_cursor":null}"#
            )
            let both = try await server.send(.POST, "/v1/jobs", body: two, type: "application/yaml")
            #expect(both.status == 422)
        }
    }

    @Test func nextFiringsCarryLocalTimes() async throws {
        try await LiveServer.with { server in
            let text = """
                version: 1
                name: nightly
                schedule: [{cron: "10 0 * * *", zone: Asia/Shanghai}]
                tasks: [{id: hi, run: echo hello}]
                """
            #expect(try await server.send(.POST, "/v1/jobs", body: text, type: "text/yaml").status == 201)
            let next = try await server.send(.GET, "/v1/jobs/nightly/next?count=2")
            #expect(next.status == 200)
            #expect(next.text.contains("T00:10:00+08:00"))
            #expect(next.text.contains("T16:10:00.000Z"))
            let schedules = try await server.send(.GET, "/v1/schedules")
            #expect(schedules.text.contains(#""zh":"#))
        }
    }
}
