import Foundation
import ServerFixtures
import Testing

extension ClusterSuite {
    @Suite struct ZnodeShapeTests {
        /// A path as the contract writes it, and whether it is ephemeral.
        struct Shape {
            let pattern: String
            let isEphemeral: Bool
        }

        /// The rows of the first table of `zk-layout.md`, as patterns.
        static func contract() throws -> [Shape] {
            let file = URL(filePath: #filePath).appending(path: "../../../zk-layout.md").standardized.path
            let rows = Files.lines(file).drop { !$0.hasPrefix("| path | kind |") }.dropFirst(2)
            let shapes = rows.prefix { $0.hasPrefix("|") }.map { row in
                let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                return Shape(
                    pattern: pattern(cells[0].trimmingCharacters(in: ["`"])),
                    isEphemeral: cells[1] == "ephemeral"
                )
            }
            guard shapes.count > 30 else { throw FixtureError("no table of paths in \(file)") }
            return shapes
        }

        private static func pattern(_ path: String) -> String {
            if path == "." { return "" }
            let job = "[A-Za-z0-9][A-Za-z0-9_-]*([.][A-Za-z0-9_-]+)?"
            let run = "\(job)@[0-9]{8}T[0-9]{6}Z([.][mr][0-9]+)?"
            let attempt = "\(run)~[A-Za-z0-9][A-Za-z0-9_-]*~[0-9]+~[1-9][0-9]*"
            let end = "succeeded|failed|timed_out|killed|lost|refused|system_failed"
            let forms = [
                ("<report>", "\(attempt)[.](started[.][0-9a-z]+|succeeded[.][0-9a-z]+[.][0-9a-z]+|\(end))"),
                ("<attempt>", attempt), ("<run>", run), ("<job>", job), ("<v>", "[1-9][0-9]*"),
                ("<chunk>", "[0-9]+"), ("<task>", "[A-Za-z0-9][A-Za-z0-9_-]*"),
                ("<bucket>", "([0-9]|1[0-5])"),
                ("<term>", "[0-9]+"), ("<commit>", "[0-9]+"), ("<request>", "[A-Za-z0-9._~@-]+"),
                ("worker-N", "worker-[1-9][0-9]*"),
            ]
            var pattern = path.replacing(".", with: "[.]")
            for (name, form) in forms { pattern = pattern.replacing(name, with: form) }
            return pattern
        }

        @Test(.timeLimit(.minutes(1))) func thePathsAreThoseOfTheContract() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let run = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: shapes.flow
                tasks:
                  - {id: a, run: 'echo x=1 >> "$SKYFIRE_OUTPUT"', outputs: [x]}
                  - {id: b, needs: [a], run: [sleep, "600"], partitions: {count: 3}, kill: {grace: 1s}}
                """
            )
            _ = try await nodes[0].api.running(run, "b")
            let during = try await cluster.znodes()
            let shapes = try Self.contract().map { ($0, try Regex($0.pattern)) }
            for (path, isEphemeral) in during {
                let shape = try shapes.first { try $0.1.wholeMatch(in: path) != nil }?.0
                #expect(shape != nil, "\(path) is not in the contract")
                if let shape { #expect(shape.isEphemeral == isEphemeral, "\(path)") }
            }
            for path in [
                "", "master", "term", "ids", "configs", "cluster_status", "jobname/shapes.flow",
                "runs/\(run)",
            ] {
                #expect(during[path] != nil, "\(path) is missing")
            }
            #expect(during.keys.filter { $0.hasPrefix("workers/") }.count == 3)
            _ = try await nodes[1].api.send("POST", "/v1/runs/\(run):kill")
            _ = try await nodes[1].api.ended(run)
            try await eventually("nothing of an ended run in ZooKeeper", within: .seconds(40)) {
                let left = try await cluster.paths().filter { $0.contains(run) }
                guard left.isEmpty else { throw FixtureError("left: \(left)") }
                return true
            }
        }

        @Test(.timeLimit(.minutes(1))) func theKeysInRedisBelongToTheCluster() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let run = try await nodes[0].api.addJobAndRun(
                "{version: 1, name: keys, tasks: [{id: t, run: echo}]}"
            )
            _ = try await nodes[0].api.ended(run)
            let id = try await nodes[0].api.get("/v1/cluster")["id"].string
            let answer = try #require(
                Loopback.ask("KEYS *\r\nPING\r\n", port: cluster.redis.port, until: "+PONG")
            )
            let keys = answer.split(separator: "\r\n").filter { !"*$+".contains($0.first ?? "+") }
            #expect(keys.contains { $0.hasPrefix("skyfire:{\(id)}:") && $0.contains(run) })
            #expect(keys.allSatisfy { $0.wholeMatch(of: /skyfire:\{[0-9a-f]+\}:.+/) != nil })
        }
    }
}
