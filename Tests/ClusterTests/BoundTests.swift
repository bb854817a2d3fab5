import Foundation
import Testing
import ZnodeStore

extension ClusterSuite {
    @Suite struct BoundTests {
        private static func path(_ cluster: TestCluster, _ below: String) throws -> ZnodePath {
            try ZnodePath("\(cluster.root)/\(below)")
        }

        private static func setQueueBound(_ node: ProductProcess, _ bound: Int) async throws {
            let body = #"{"maximum_queue_length": \#(bound)}"#
            let answer = try await node.api.send("POST", "/v1/cluster:configure", body: body)
            #expect(answer.status == 200, "\(answer.text)")
        }

        private static func metric(_ name: String, _ node: ProductProcess) async throws -> Int? {
            let lines = try await node.api.send("GET", "/metrics").text.split(separator: "\n")
            return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
        }

        /// A job that no worker can ever take: its runs stay in the queue.
        private static let stuck =
            "{version: 1, name: stuck, overlap: allow_all, tasks: [{id: t, run: echo, resources: {memory: 900TiB}}]}"

        @Test(.timeLimit(.minutes(1))) func fullQueueTakesNothingAndStoresNothing() async throws {
            try await TestCluster.with(nodes: 2) { cluster, nodes in
                let api = nodes[0].api
                let over = try await api.addJobAndRun(
                    "{version: 1, name: over, tasks: [{id: t, type: noop}]}"
                )
                #expect(try await api.ended(over)["state"].string == "succeeded")
                try await api.addJob(Self.stuck)
                try await Self.setQueueBound(nodes[1], 3)
                try await eventually("all nodes know the bound") {
                    for node in nodes {
                        guard try await Self.metric("skyfire_queue_length_limit", node) == 3 else {
                            return false
                        }
                    }
                    return true
                }
                for _ in 0..<3 { _ = try await api.run("stuck") }
                let before = try await cluster.withSession { session in
                    try await session.get(try Self.path(cluster, "fired/stuck")).data
                }
                for node in nodes {
                    for (path, body) in [
                        ("/v1/runs", #"{"job": "stuck"}"#),
                        ("/v1/runs", #"{"job": "over", "request_id": "r"}"#),
                        ("/v1/runs/\(over):rerun", "{}"),
                    ] {
                        let answer = try await node.api.send("POST", path, body: body)
                        #expect(answer.status == 429, "\(path) \(answer.text)")
                        #expect(answer.header("Retry-After") == "1")
                        #expect(answer.header("Content-Type")?.hasPrefix("application/problem+json") == true)
                        #expect(answer.json["code"].string == "E2028")
                    }
                    #expect(try await Self.metric("skyfire_queue_length_refused_total", node) == 3)
                    #expect(try await Self.metric("skyfire_queue_length", node) == 3)
                }
                #expect(try await cluster.names("queue/job").count == 3)
                let after = try await cluster.withSession { session in
                    try await session.get(try Self.path(cluster, "fired/stuck")).data
                }
                #expect(before == after, "no counter has moved, no request id is remembered")
                // Timers hold back too, and catch up when there is room.
                let ticks = "\(cluster.directory)/ticks.txt"
                try await api.addJob(EverySecond.job("tick", file: ticks))
                let fired = try await cluster.withSession { session in
                    try await session.get(try Self.path(cluster, "fired/tick")).stat.version
                }
                let start = Date()
                try await eventually("due times pass") { Date().timeIntervalSince(start) > 3 }
                #expect(try await cluster.names("queue/job").count == 3)
                let still = try await cluster.withSession { session in
                    try await session.get(try Self.path(cluster, "fired/tick")).stat.version
                }
                #expect(fired == still)
                try await Self.setQueueBound(nodes[1], 1_000)
                try await eventually("what was held back runs") { Files.lines(ticks).count >= 3 }
                _ = try await api.run("stuck")
            }
        }

        @Test(.timeLimit(.minutes(1))) func commandsAndKeptDefinitionsAreBounded() async throws {
            try await TestCluster.with(nodes: 1) { cluster, nodes in
                let api = nodes[0].api
                try await api.addJob(Self.stuck)
                let run = try await api.run("stuck")
                func fill(_ directory: String, _ count: Int, _ name: (Int) -> String) async throws {
                    try await cluster.withSession { session in
                        for start in stride(from: 0, to: count, by: 1_000) {
                            var operations: [StoreOperation] = []
                            for number in start..<(start + 1_000) {
                                let path = try Self.path(cluster, "\(directory)/\(name(number))")
                                operations.append(.create(path, data: Array("{}".utf8)))
                            }
                            _ = try await session.multi(operations)
                        }
                    }
                }
                try await fill("queue/command", 1_000) { "filler-\($0)" }
                let command = try await api.send("POST", "/v1/runs/\(run):cancel")
                #expect(command.status == 429, "\(command.text)")
                #expect(command.header("Retry-After") == "1")
                #expect(command.json["code"].string == "E2029")
                #expect(try await cluster.names("queue/command").count == 1_000)
                #expect(try await Self.metric("skyfire_commands", nodes[0]) == 1_000)
                #expect(try await Self.metric("skyfire_commands_refused_total", nodes[0]) == 1)
                // More than the leader sweeps while the test looks.
                try await fill("pinned", 14_000) { "filler@\($0 + 1)" }
                let edited = Self.stuck.replacing("run: echo", with: "run: echo again")
                for (method, body) in [("PUT", edited), ("DELETE", nil)] {
                    let answer = try await api.send(
                        method,
                        "/v1/jobs/stuck",
                        body: body,
                        type: "application/yaml"
                    )
                    #expect(answer.status == 429, "\(answer.text)")
                    #expect(answer.json["code"].string == "E2030")
                }
                #expect(try await api.get("/v1/jobs/stuck")["version"].int == 1)
                #expect(try await Self.metric("skyfire_pinned_definitions_refused_total", nodes[0]) == 2)
            }
        }

        @Test(.timeLimit(.minutes(1))) func whatIsTooLargeIsRefusedWhole() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let api = nodes[0].api
            var generator = SystemRandomNumberGenerator()
            let noise = Data((0..<120_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
                .base64EncodedString()
            // Within 256 KiB as text, over 64 KiB when compressed.
            let large = "{version: 1, name: large, tasks: [{id: t, run: 'echo \(noise)'}]}"
            let created = try await api.postJob(large)
            #expect(created.status == 413 && created.json["code"].string == "E2006", "\(created.text)")
            #expect(try await cluster.paths().filter { $0.contains("large") } == [])
            try await api.addJob(
                "{version: 1, name: large, params: {x: {default: ''}}, tasks: [{id: t, run: 'true'}]}"
            )
            let replaced = try await api.send("PUT", "/v1/jobs/large", body: large, type: "application/yaml")
            #expect(replaced.status == 413 && replaced.json["code"].string == "E2006", "\(replaced.text)")
            #expect(try await api.get("/v1/jobs/large")["version"].int == 1)
            for (length, status) in [(60_000, 201), (70_000, 413)] {
                let value = String(repeating: "v", count: length)
                let body = #"{"job": "large", "params": {"x": "\#(value)"}}"#
                let answer = try await api.send("POST", "/v1/runs", body: body)
                #expect(answer.status == status, "\(answer.text.prefix(300))")
                guard status == 201 else { continue }
                #expect(try await api.ended(answer.json["id"].string)["state"].string == "succeeded")
            }
        }

        @Test(.timeLimit(.minutes(1))) func outputsOfATaskAreBounded() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let run = try await nodes[1].api.addJobAndRun(
                """
                version: 1
                name: outputs
                tasks:
                  - id: fits
                    run: printf 'o=%08000d\\n' 7 >> "$SKYFIRE_OUTPUT"
                    outputs: [o]
                  - id: large
                    run: printf 'o=%09000d\\n' 7 >> "$SKYFIRE_OUTPUT"
                    outputs: [o]
                """
            )
            #expect(try await nodes[1].api.ended(run)["state"].string == "failed")
            #expect(try await nodes[1].api.task(run, "fits")["state"].string == "succeeded")
            let attempt = try await nodes[1].api.task(run, "large")["attempts"][0]
            #expect(attempt["state"].string == "failed")
            #expect(attempt["reason"].string.contains("E3006"), "\(attempt)")
            var figures: [String: Int] = [:]
            for node in nodes {
                let text = try await node.api.send("GET", "/metrics").text
                for match in text.matches(of: /(?m)^(skyfire_output_bytes\w*) (\d+)$/) {
                    figures[String(match.1)] = max(figures[String(match.1)] ?? 0, Int(match.2) ?? 0)
                }
            }
            #expect(figures["skyfire_output_bytes_limit"] == 8192)
            #expect(figures["skyfire_output_bytes"] ?? 0 >= 8002, "\(figures)")
            #expect(figures["skyfire_output_bytes_refused_total"] ?? 0 >= 1)
        }

        /// The names of the table of bounds are those of a leader's metrics.
        @Test(.timeLimit(.minutes(1))) func documentedMetricsAreThere() async throws {
            let file = URL(filePath: #filePath).appending(path: "../../../ARCHITECTURE.md").standardized.path
            let rows = Files.lines(file).drop { $0 != "## Bounds" }.dropFirst().prefix {
                !$0.hasPrefix("## ")
            }
            var names: Set<String> = []
            for row in rows where row.hasPrefix("|") {
                for match in row.matches(of: /`(skyfire_[a-z_]+)`/) { names.insert(String(match.1)) }
            }
            #expect(names.count >= 14, "\(names.sorted())")
            let (_, nodes) = try await TestCluster.shared()
            var text = ""
            for node in nodes { text += try await node.api.send("GET", "/metrics").text }
            let told = Set(
                text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
                    .map { String($0.split(separator: " ")[2]) }
            )
            #expect(names.subtracting(told) == [])
            let limits = told.filter { $0.hasPrefix("skyfire_") && $0.hasSuffix("_limit") }
            #expect(Set(limits.map { String($0.dropLast(6)) }).subtracting(names) == [], "not in the table")
        }

        @Test(.timeLimit(.minutes(1))) func watchedPathsStayFarBelowTheirBound() async throws {
            let (_, nodes) = try await TestCluster.shared()
            for node in nodes {
                let watched = try #require(try await Self.metric("skyfire_store_watched_bytes", node))
                let limit = try #require(try await Self.metric("skyfire_store_watched_bytes_limit", node))
                #expect(limit == 256 * 1024)
                #expect(watched > 0 && watched < limit / 50, "\(node.worker): \(watched)")
            }
        }

        /// Together they are more than one transaction of the store may hold.
        @Test(.timeLimit(.minutes(1))) func largeJobsOfALostWorkerAreMoved() async throws {
            try await TestCluster.with(nodes: 2) { cluster, nodes in
                var generator = SystemRandomNumberGenerator()
                for number in 0..<60 {
                    let noise = Data((0..<36_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
                        .base64EncodedString()
                    try await nodes[0].api.addJob(
                        "{version: 1, name: heavy.j\(number), tasks: [{id: t, run: 'echo \(noise)'}]}"
                    )
                }
                #expect(try await cluster.names("jobs/\(nodes[1].worker)").count == 30)
                let term = try await nodes[0].api.get("/v1/cluster")["term"].int
                nodes[1].kill()
                try await eventually("all jobs are moved", within: .seconds(30)) {
                    try await cluster.names("jobs/\(nodes[0].worker)").count == 60
                }
                #expect(try await nodes[0].api.get("/v1/cluster")["term"].int == term)
            }
        }
    }
}
