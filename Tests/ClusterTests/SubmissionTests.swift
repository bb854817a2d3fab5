import Foundation
import Testing

extension ClusterSuite {
    @Suite struct SubmissionTests {
        @Test(.timeLimit(.minutes(1))) func anyNodeTakesAJobRunsItAndTellsOfIt() async throws {
            let (_, nodes) = try await TestCluster.shared()
            for (index, node) in nodes.enumerated() {
                #expect(node.readyLine.wholeMatch(of: /ready http:\/\/127\.0\.0\.1:\d+ worker-\d+\n/) != nil)
                let next = nodes[(index + 1) % nodes.count]
                let other = nodes[(index + 2) % nodes.count]
                try await node.api.addJob(
                    """
                    version: 1
                    name: any.n\(index)
                    tasks:
                      - {id: hi, run: echo "$SKYFIRE_WORKER"; echo oops >&2}
                    """
                )
                #expect(try await next.api.send("GET", "/v1/jobs/any.n\(index)").status == 200)
                let run = try await next.api.run("any.n\(index)")
                #expect(
                    try await other.api.send("GET", "/v1/runs/\(run)").status == 200,
                    "at once, on another node"
                )
                _ = try await other.api.ended(run)
                for reader in nodes {
                    let seen = try await reader.api.ended(run)
                    #expect(seen["state"].string == "succeeded")
                    let attempt = try await reader.api.task(run, "hi")["attempts"][0]
                    let log = "/v1/runs/\(run)/tasks/hi/attempts/1/log"
                    let output = try await reader.api.send("GET", log)
                    #expect(output.text == "\(attempt["worker"].string)\n")
                    #expect(output.header("Log-Complete") == "true")
                    #expect(try await reader.api.send("GET", "\(log)?stream=stderr").text == "oops\n")
                    #expect(try await reader.api.items("/v1/runs?job=any.n\(index)").count == 1)
                    #expect(try await reader.api.items("/v1/jobs?prefix=any.").count == index + 1)
                }
            }
        }

        /// Whoever knows a definition by name and version, an owner of its timers above all, must not take a new one for it.
        @Test(.timeLimit(.minutes(1))) func noVersionOfANameIsGivenTwice() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let file = { (text: String) in
                "{version: 1, name: again, tasks: [{id: t, run: echo \(text)}]}"
            }
            var versions: [Int] = []
            for life in 0..<3 {
                let api = nodes[life % nodes.count].api
                versions.append(try await api.addJob(file("a\(life)"))["version"].int)
                let edited = try await api.send(
                    "PUT",
                    "/v1/jobs/again",
                    body: file("b\(life)"),
                    type: "application/yaml"
                )
                versions.append(edited.json["version"].int)
                let run = try await api.run("again")
                #expect(try await api.ended(run)["job_version"].int == versions.last)
                #expect(
                    try await api.send("GET", "/v1/runs/\(run)/tasks/t/attempts/1/log").text == "b\(life)\n"
                )
                #expect(try await api.send("DELETE", "/v1/jobs/again").status == 204)
            }
            #expect(versions == [1, 2, 3, 4, 5, 6])
        }

        @Test(.timeLimit(.minutes(1))) func threeHundredJobsAreBalanced() async throws {
            try await TestCluster.with { cluster, nodes in
                let api = nodes[0].api
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for lane in 0..<8 {
                        group.addTask {
                            for number in stride(from: lane, to: 300, by: 8) {
                                try await api.addJob(
                                    "{version: 1, name: balance.j\(number), tasks: [{id: t, type: noop}]}"
                                )
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                var counts: [Int] = []
                for node in nodes { counts.append(try await cluster.names("jobs/\(node.worker)").count) }
                #expect(counts.reduce(0, +) == 300)
                let most = try #require(counts.max())
                let least = try #require(counts.min())
                #expect(most - least <= 1, "\(counts)")
                #expect(try await nodes[2].api.items("/v1/jobs?prefix=balance.").count == 300)
            }
        }

        @Test(.timeLimit(.minutes(1))) func oneOfTwoSimultaneousSubmitsWins() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            for round in 0..<20 {
                let name = "twice.r\(round)"
                let yaml = "{version: 1, name: \(name), tasks: [{id: t, type: noop}]}"
                async let first = nodes[round % 3].api.postJob(yaml)
                async let second = nodes[(round + 1) % 3].api.postJob(yaml)
                let answers = try await [first, second]
                #expect(answers.map(\.status).sorted() == [201, 409], "round \(round)")
                #expect(answers.first { $0.status == 409 }?.json["code"].string == "E2004")
            }
            let definitions = try await cluster.paths().filter {
                $0.contains("/twice.r") && $0.hasSuffix("@1")
            }
            #expect(definitions.count == 20)
        }

        @Test(.timeLimit(.minutes(1))) func aRequestIDGivesOneRun() async throws {
            let (_, nodes) = try await TestCluster.shared()
            try await nodes[0].api.addJob("{version: 1, name: once, tasks: [{id: t, type: noop}]}")
            let first = try await nodes[0].api.run("once", requestID: "r-1")
            let second = try await nodes[1].api.run("once", requestID: "r-1")
            #expect(first == second)
            let third = try await nodes[2].api.run("once", requestID: "r-2")
            #expect(third != first)
        }
    }
}
