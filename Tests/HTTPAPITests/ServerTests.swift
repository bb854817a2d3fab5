import Cron
import FoundationEssentials
import HTTPAPI
import Logging
import NIOHTTP1
import Node
import Scheduling
import Synchronization
import Testing

@Suite struct ServerTests {
    @Test func healthIsToldOutsideOfV1() async throws {
        try await LiveServer.with { server in
            #expect(try await server.send(.GET, "/livez").text == "ok\n")
            #expect(try await server.send(.GET, "/readyz").status == 200)
            server.operations.state.withLock { $0.missing = ["no leader is known", "not registered"] }
            let missing = try await server.send(.GET, "/readyz")
            #expect(missing.status == 503)
            #expect(try missing.problem().errors.map(\.message) == ["no leader is known", "not registered"])
            let metrics = try await server.send(.GET, "/metrics")
            #expect(metrics.text.contains("\nskyfire_cluster_queued 5\n"))
            #expect(metrics.text.contains("\nskyfire_worker_running_attempts 3\n"))
            #expect(metrics.text.contains("\nprocess_resident_memory_bytes "))
            let head = try await server.send(.HEAD, "/livez")
            #expect(head.status == 200)
            #expect(head.headers.first(name: "content-length") == "3")
            let options = try await server.send(.OPTIONS, "/v1/jobs/a")
            #expect(options.headers.first(name: "allow") == "DELETE, GET, HEAD, PUT")
        }
    }

    @Test func heldTimersAreAMetric() async throws {
        try await LiveServer.with { server in
            let name = "skyfire_worker_held_timers"
            #expect(try await !server.send(.GET, "/metrics").text.contains(name), "it fires none")
            for held in [0, 7] {
                server.operations.state.withLock { $0.heldTimers = held }
                let text = try await server.send(.GET, "/metrics").text
                #expect(text.contains("\n# TYPE \(name) gauge\n\(name) \(held)\n"), "\(held)")
            }
        }
    }

    @Test func problemsAreCountedByCode() async throws {
        try await LiveServer.with { server in
            for _ in 0..<2 { #expect(try await server.send(.GET, "/nothing").status == 404) }
            #expect(try await server.send(.GET, "/v1/runs?limit=0").status == 400)
            let text = try await server.send(.GET, "/metrics").text
            let name = "skyfire_http_problems_total"
            let counts = "\(name){code=\"E2002\"} 1\n\(name){code=\"E2018\"} 2\n"
            #expect(text.contains("\n# TYPE \(name) counter\n\(counts)"))
        }
    }

    @Test func traceGoesOn() async throws {
        try await LiveServer.with { server in
            let trace = String(repeating: "ab", count: 16)
            let answer = try await server.send(
                .GET,
                "/livez",
                headers: ["traceparent": "00-\(trace)-00f067aa0ba902b7-01"]
            )
            let header = try #require(answer.headers.first(name: "traceparent"))
            #expect(header.hasPrefix("00-\(trace)-"))
            #expect(!header.contains("00f067aa0ba902b7"))
            let fresh = try await server.send(.GET, "/v1/nothing", headers: ["traceparent": "00-zz"])
            #expect(fresh.headers.first(name: "traceparent")?.utf8.count == 55)
        }
    }

    @Test func workersAndClusterAreOperated() async throws {
        try await LiveServer.with { server in
            #expect(try await server.send(.GET, "/v1/workers/worker-1").text.contains(#""state":"ready""#))
            let drained = try await server.send(.POST, "/v1/workers/worker-1:drain")
            #expect(drained.text.contains(#""state":"draining""#))
            let enabled = try await server.send(.POST, "/v1/workers/worker-1%3Aenable")
            #expect(enabled.text.contains(#""state":"ready""#))
            let unknown = try await server.send(
                .POST,
                "/v1/workers/worker-1:drain",
                body: #"{"reason":"why"}"#
            )
            #expect(unknown.status == 422)
            let paused = try await server.send(.POST, "/v1/cluster:pause", body: #"{"reason":"mending"}"#)
            #expect(paused.text.contains(#""is_paused":true"#))
            #expect(server.operations.calls.contains("paused true mending"))
            #expect(try await server.send(.POST, "/v1/cluster:resume").text.contains(#""is_paused":false"#))
            for (body, type, status) in [
                (#"{"maximum_queue_length": 7}"#, "application/json", 200),
                ("maximum_queue_length: 8", "application/yaml", 200), ("{}", "application/json", 422),
                (#"{"maximum_queue_length": 0}"#, "application/json", 422),
                (#"{"maximum_queue_length": "9"}"#, "application/json", 422),
                (#"{"max": 1}"#, "application/json", 422),
            ] {
                let answer = try await server.send(.POST, "/v1/cluster:configure", body: body, type: type)
                #expect(answer.status == status, "\(body): \(answer.text)")
            }
            #expect(
                server.operations.calls.filter { $0.hasPrefix("maximum") }
                    == ["maximum queue length 7", "maximum queue length 8"]
            )
            _ = try await server.send(.GET, "/v1/upcoming?from=2026-01-01T00:00:00Z&limit=3")
            #expect(
                server.operations.calls.last == "upcoming 2026-01-01T00:00:00.000Z 2026-01-02T00:00:00.000Z 3"
            )
        }
    }

    @Test func cronIsExplained() async throws {
        try await LiveServer.with { server in
            let answer = try await server.send(
                .GET,
                "/v1/cron:explain?expr=30+2+*+*+*&zone=Europe/Berlin&count=300"
            )
            #expect(answer.status == 200)
            #expect(answer.text.contains(#""zone":"Europe/Berlin""#))
            #expect(answer.text.contains("+01:00"))
            #expect(answer.text.contains("does not exist that day"))
            #expect(answer.text.contains(#""zh":"#))
        }
    }

    /// The description and the router come from one table; what is described must be answered, and nothing else.
    @Test func everyDescribedOperationIsServed() async throws {
        try await LiveServer.with { server in
            let document = try await server.send(.GET, "/openapi.json").json()
            guard case .object(let root) = document, case .object(let paths)? = root["paths"],
                case .object(let components)? = root["components"],
                case .object(let schemas)? = components["schemas"]
            else {
                Issue.record("no paths")
                return
            }
            #expect(root["openapi"] == "3.1.0")
            var count = 0
            var operations: Set<String> = []
            for (path, methods) in paths {
                guard case .object(let methods) = methods else { continue }
                for (method, operation) in methods {
                    count += 1
                    guard case .object(let operation) = operation,
                        case .string(let id)? = operation["operationId"]
                    else { continue }
                    #expect(operations.insert(id).inserted)
                    guard id != "streamEvents" else { continue }
                    let real = path.replacing("{name}", with: "a").replacing("{task}", with: "t")
                        .replacing("{n}", with: "1")
                        .replacing("{id}", with: path.contains("workers") ? "worker-1" : "a@20261120T100000Z")
                    let answer = try await server.send(HTTPMethod(rawValue: method.uppercased()), real)
                    #expect(answer.status != 405 && answer.status != 501, "\(method) \(path)")
                    if answer.status >= 400 {
                        #expect(try answer.problem().code != "E2018", "\(method) \(path)")
                    }
                }
            }
            #expect(count == RouteTable.all.routes.count)
            var references: Set<String> = []
            Self.collect(document, into: &references)
            for reference in references {
                let name = String(reference.split(separator: "/").last ?? "")
                #expect(schemas[name] != nil || name == "Problem", "\(reference)")
            }
            let tag = try #require(try await server.send(.GET, "/openapi.json").headers.first(name: "etag"))
            #expect(
                try await server.send(.GET, "/openapi.json", headers: ["if-none-match": tag]).status == 304
            )
        }
    }

    @Test func clusterIsAnsweredAsDescribed() async throws {
        try await LiveServer.with { server in
            let document = try await server.send(.GET, "/openapi.json").json()
            guard case .object(let answer) = try await server.send(.GET, "/v1/cluster").json(),
                case .object(let root) = document, case .object(let components)? = root["components"],
                case .object(let schemas)? = components["schemas"],
                case .object(let cluster)? = schemas["Cluster"],
                case .object(let properties)? = cluster["properties"],
                case .array(let required)? = cluster["required"]
            else {
                Issue.record("no description of the cluster")
                return
            }
            #expect(answer["is_safe_mode"] == .bool(false) && answer["incidents"] == .integer(0))
            #expect(Set(answer.keys).subtracting(properties.keys) == [])
            #expect(Set(required).subtracting(answer.keys.map(JSONValue.string)) == [])
        }
    }

    private static func collect(_ value: JSONValue, into references: inout Set<String>) {
        switch value {
        case .object(let members):
            if case .string(let reference)? = members["$ref"] { references.insert(reference) }
            for member in members.values { collect(member, into: &references) }
        case .array(let values): for value in values { collect(value, into: &references) }
        case .null, .bool, .integer, .number, .string: break
        }
    }

    @Test func takenPortIsAnError() async throws {
        try await LiveServer.with { server in
            let second = HTTPServer(
                operations: server.operations,
                address: ListenAddress(port: server.port),
                zones: TimeZoneDatabase(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                now: { RecordedOperations.time }
            )
            await #expect(throws: (any Error).self) { try await second.run() }
        }
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:8080", "::1", 8080), (":0", "127.0.0.1", 0),
    ]) func addressIsRead(_ text: String, _ host: String, _ port: Int) throws {
        #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
    }

    @Test(arguments: ["", "localhost", "a:b", "::1:80", "a:70000"]) func brokenAddressIsRefused(
        _ text: String
    ) {
        #expect(ListenAddress(text) == nil)
    }
}
