import Foundation
import ServerFixtures
import Testing

extension ClusterSuite {
    @Suite struct RecoveryTests {
        @Test(.timeLimit(.minutes(1))) func aTaskOfAKilledWorkerRunsAgainElsewhere() async throws {
            try await TestCluster.with { cluster, nodes in
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: long
                    tasks: [{id: wait, run: 'while [ "$SKYFIRE_ATTEMPT" -eq 1 ]; do sleep 0.1; done'}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "wait")
                let victim = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != victim.worker })
                victim.kill()
                let killed = ContinuousClock.now
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                // The session's timeout, one tick, and two seconds; and as much again for a busy machine.
                #expect(ContinuousClock.now - killed < .seconds(11))
                let attempts = try await other.api.task(run, "wait")["attempts"].list
                #expect(attempts.map(\.["state"].string) == ["lost", "succeeded"])
                #expect(attempts.last?["worker"].string != victim.worker)
                let tokens = attempts.compactMap { Int($0["fencing_token"].string) }
                #expect(tokens.count == 2 && tokens == tokens.sorted(), "the token only grows")
                // Its next life ends what is left of it.
                #expect(try !RunProcesses.of(run).isEmpty)
                let again = try await cluster.addNode(data: victim.dataDirectory)
                #expect(again.worker == victim.worker)
                try await eventually("nothing of the first attempt") { try RunProcesses.of(run).isEmpty }
            }
        }

        @Test(.timeLimit(.minutes(2))) func aClusterKilledWholeGoesOnWhereItWas() async throws {
            try await TestCluster.with { cluster, nodes in
                let file = "\(cluster.directory)/steps.txt"
                var yaml = "version: 1\nname: steps\ntasks:\n"
                for number in 0..<30 {
                    let needs = number == 0 ? "" : ", needs: [t\(number - 1)]"
                    yaml +=
                        "  - {id: t\(number), run: 'sleep 0.05; echo \"$SKYFIRE_TASK\" >> \(file)'\(needs)}\n"
                }
                let run = try await nodes[0].api.addJobAndRun(yaml)
                try await eventually("ten steps") { Files.lines(file).count >= 10 }
                for node in nodes { node.kill() }
                #expect(Files.lines(file).count < 30, "killed too late")
                var again: [ProductProcess] = []
                for node in nodes { again.append(try await cluster.addNode(data: node.dataDirectory)) }
                #expect(again.map(\.worker) == nodes.map(\.worker))
                #expect(
                    try await again[2].api.ended(run, within: .seconds(40))["state"].string == "succeeded"
                )
                let lines = Files.lines(file)
                var order: [String] = []
                for line in lines where order.last != line { order.append(line) }
                #expect(order == (0..<30).map { "t\($0)" }, "in order, none lost")
                #expect(lines.count <= 31, "only the step under way may run again: \(lines)")
            }
        }

        @Test(.timeLimit(.minutes(1))) func missedTimesFollowThePolicy() async throws {
            try await TestCluster.with(nodes: 1) { cluster, nodes in
                let policies = ["skip", "run_once", "run_all"]
                for policy in policies {
                    let yaml = EverySecond.job("missed.\(policy)", file: "\(cluster.directory)/\(policy).txt")
                    try await nodes[0].api.addJob(
                        yaml.replacing("policy: run_all", with: "policy: \(policy)")
                    )
                }
                try await eventually("runs of all") {
                    policies.allSatisfy { Files.lines("\(cluster.directory)/\($0).txt").count >= 2 }
                }
                nodes[0].kill()
                let killed = Int(Date().timeIntervalSince1970)
                // Missed seconds are made of time.
                try await eventually("five missed seconds") { Int(Date().timeIntervalSince1970) > killed + 5 }
                let restarted = Int(Date().timeIntervalSince1970)
                let api = try await cluster.addNode(data: nodes[0].dataDirectory).api
                let missed = (killed + 1)..<restarted
                for policy in policies {
                    let runs = try await eventually("\(policy) goes on", within: .seconds(30)) {
                        let runs = try await api.items("/v1/runs?job=missed.\(policy)")
                        let done = try EverySecond.seconds(runs, where: EverySecond.isAccounted)
                        return (done.last ?? 0) > restarted + 5 ? runs : nil
                    }
                    let succeeded = try EverySecond.seconds(runs) { $0["state"].string == "succeeded" }
                    let made = succeeded.filter { missed.contains($0) }
                    switch policy {
                    case "skip": #expect(made.isEmpty)
                    case "run_once": #expect(made.count <= 1, "\(made)")
                    default: #expect(made == Array(missed))
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(1))) func anEmptiedRedisGetsTheLiveRunsAgain() async throws {
            let redis = try await RedisServer.start()
            defer { redis.stop() }
            try await TestCluster.with(nodes: 2, redis: redis) { cluster, nodes in
                let go = "\(cluster.directory)/go"
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: live
                    tasks: [{id: wait, run: "while [ ! -e \(go) ]; do sleep 0.1; done"}]
                    """
                )
                _ = try await nodes[0].api.running(run, "wait")
                redis.kill()
                let during = try await eventually("an answer without a mirror") {
                    let answer = try await nodes[1].api.send("GET", "/v1/runs")
                    return answer.status == 503 ? answer : nil
                }
                #expect(!during.json["detail"].string.isEmpty)
                #expect(
                    try await nodes[1].api.get("/v1/runs/\(run)")["state"].string == "running",
                    "from ZooKeeper"
                )
                try await redis.restart()
                for node in nodes {
                    let listed = try await eventually("the live run in the list", within: .seconds(30)) {
                        try await node.api.items("/v1/runs?job=live").first
                    }
                    #expect(listed["state"].string == "running")
                    try await eventually("the definition in the list") {
                        try await node.api.items("/v1/jobs").map(\.["name"].string) == ["live"]
                    }
                }
                try Files.write("", go)
                #expect(try await nodes[1].api.ended(run)["state"].string == "succeeded")
                try await eventually("its end in the list") {
                    try await nodes[0].api.items("/v1/runs?job=live").first?["state"].string == "succeeded"
                }
            }
        }
    }
}
