import Foundation
import Testing

extension ClusterSuite {
    @Suite struct FlowTests {
        @Test(.timeLimit(.minutes(1))) func flowWithPartitionsFanInAndOutputs() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let file = "\(cluster.directory)/flow.txt"
            let run = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: flow
                tasks:
                  - id: first
                    run: echo "size=42" >> "$SKYFIRE_OUTPUT"
                    outputs: [size]
                  - id: slices
                    needs: [first]
                    partitions: {count: 6}
                    run: |
                      echo "slice $SKYFIRE_PARTITION_INDEX $SKYFIRE_PARTITION_COUNT $SKYFIRE_PARTITION_VALUE" >> \(file)
                  - id: named
                    needs: [first]
                    partitions: {list: [alpha, beta]}
                    run: [sh, -c, 'echo "named $SKYFIRE_PARTITION_INDEX $0 $SKYFIRE_PARTITION_COUNT" >> \(file)', "${partition.value}"]
                  - id: last
                    needs: [slices, named]
                    run: echo "last $(wc -l < \(file)) ${tasks.first.outputs.size}" >> \(file)
                """
            )
            let ended = try await nodes[1].api.ended(run)
            #expect(ended["state"].string == "succeeded", "\(ended)")
            let lines = Files.lines(file)
            #expect(
                Set(lines)
                    == Set(
                        (0..<6).map { "slice \($0) 6 \($0)" } + [
                            "named 0 alpha 2", "named 1 beta 2", "last 8 42",
                        ]
                    )
            )
            #expect(lines.last == "last 8 42", "the fan-in waits for all")
            #expect(lines.count == 9)
            let slices = try await nodes[2].api.task(run, "slices")
            #expect(Set(slices["attempts"].list.map(\.["worker"])).count == 3, "partitions go to all workers")
        }

        @Test(.timeLimit(.minutes(1))) func environmentOfATask() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let run = try await nodes[0].api.addJobAndRun(
                "{version: 1, name: env.all, tasks: [{id: show, run: [env], env: {OWN: own}}]}"
            )
            _ = try await nodes[0].api.ended(run)
            let attempt = try await nodes[0].api.task(run, "show")["attempts"][0]
            let log = try await nodes[1].api.send("GET", "/v1/runs/\(run)/tasks/show/attempts/1/log").text
            var variables: [String: String] = [:]
            for line in log.split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                variables[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
            }
            let logical = try await nodes[0].api.get("/v1/runs/\(run)")["logical_time"].string
            let expected = [
                "SKYFIRE_JOB": "env.all", "SKYFIRE_RUN": run, "SKYFIRE_TASK": "show",
                "SKYFIRE_PARTITION_INDEX": "0",
                "SKYFIRE_PARTITION_COUNT": "1", "SKYFIRE_PARTITION_VALUE": "", "SKYFIRE_ATTEMPT": "1",
                "SKYFIRE_LOGICAL_TIME": logical.replacing(".000Z", with: "Z"),
                "SKYFIRE_FENCING_TOKEN": attempt["fencing_token"].string,
                "SKYFIRE_WORKER": attempt["worker"].string, "OWN": "own",
            ]
            for (name, value) in expected { #expect(variables[name] == value, "\(name)") }
            #expect(Int(variables["SKYFIRE_FENCING_TOKEN"] ?? "") ?? 0 > 0)
            #expect(variables["SKYFIRE_OUTPUT"]?.hasPrefix("/") == true)
            #expect(variables["SKYFIRE_WORKDIR"]?.hasPrefix("/") == true)
            #expect(variables["TRACEPARENT"]?.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
        }

        @Test(.timeLimit(.minutes(1))) func retriesWaitLongerEachTime() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let run = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: retrying
                tasks:
                  - id: third
                    run: [sh, -c, 'test "$SKYFIRE_ATTEMPT" -eq 3']
                    retry: {max: 3, backoff: {kind: exponential, initial: 400ms, jitter: 0}}
                """
            )
            #expect(try await nodes[0].api.ended(run)["state"].string == "succeeded")
            let attempts = try await nodes[1].api.task(run, "third")["attempts"].list
            #expect(attempts.map(\.["state"].string) == ["failed", "failed", "succeeded"])
            #expect(attempts.map(\.["exit_code"].int) == [1, 1, 0])
            try #require(attempts.count == 3)
            let waits = try (1...2).map {
                try Instant(attempts[$0]["started_at"]).since(Instant(attempts[$0 - 1]["ended_at"]))
            }
            #expect(waits[0] >= 0.4 && waits[1] >= 0.8, "\(waits)")
        }

        @Test(.timeLimit(.minutes(1))) func aTimeoutEndsAnAttempt() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let run = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: slow
                tasks:
                  - {id: sleep, run: [sleep, "600"], timeout: 1s, kill: {grace: 1s}}
                  - {id: after, needs: [sleep], type: noop}
                """
            )
            #expect(try await nodes[0].api.ended(run)["state"].string == "failed")
            #expect(try await nodes[1].api.task(run, "sleep")["attempts"][0]["state"].string == "timed_out")
            #expect(try await nodes[1].api.task(run, "after")["attempts"].list.isEmpty)
            #expect(try RunProcesses.of(run).isEmpty)
        }

        @Test(.timeLimit(.minutes(1)), arguments: ["cancel", "kill"])
        func cancelAndKillEndAWholeGroupThatIgnoresTERM(_ verb: String) async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let stubborn = "\(cluster.directory)/stubborn.sh"
            try Files.write(
                """
                trap '' TERM INT HUP
                (trap '' TERM INT HUP; while :; do sleep 1; done) &
                while :; do sleep 1; done
                """,
                stubborn
            )
            let run = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: stubborn.\(verb)
                tasks:
                  - {id: loop, run: [sh, \(stubborn)], kill: {grace: 1s}}
                  - {id: next, needs: [loop], type: noop}
                """
            )
            try await eventually("the grandchild") { try RunProcesses.of(run).count >= 3 }
            _ = try await nodes[1].api.running(run, "loop")
            let verdict = try await nodes[2].api.send(
                "POST",
                "/v1/runs/\(run):\(verb)",
                body: #"{"reason": "enough"}"#
            )
            #expect(verdict.status == 200, "\(verdict.text)")
            let ended = try await nodes[0].api.ended(run)
            let expected = verb == "cancel" ? "cancelled" : "killed"
            #expect(ended["state"].string == expected)
            #expect(try RunProcesses.of(run).isEmpty, "\(expected) means that nothing of it lives")
            let loop = try await nodes[0].api.task(run, "loop")
            #expect(loop["attempts"].list.count == 1)
            #expect(loop["attempts"][0]["signal"].int == 9)
            #expect(try await nodes[0].api.task(run, "next")["attempts"].list.isEmpty)
        }

        @Test(.timeLimit(.minutes(1))) func aJobAfterTwoOthersRunsOncePerLogicalTime() async throws {
            let (_, nodes) = try await TestCluster.shared()
            for name in ["after.a1", "after.a2"] {
                try await nodes[0].api.addJob("{version: 1, name: \(name), tasks: [{id: t, type: noop}]}")
            }
            try await nodes[1].api.addJob(
                "{version: 1, name: after.b, after: [after.a1, after.a2], tasks: [{id: t, type: noop}]}"
            )
            func runs() async throws -> [JSON] { try await nodes[2].api.items("/v1/runs?job=after.b") }
            func upstream(_ name: String, _ time: String) async throws {
                let run = try await nodes[0].api.run(name, at: time)
                #expect(try await nodes[0].api.ended(run)["state"].string == "succeeded")
            }
            let times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
            try await upstream("after.a1", times[0])
            try await upstream("after.a2", times[1])
            // One of each for two logical times: nothing is complete.
            #expect(try await runs().isEmpty)
            try await upstream("after.a2", times[0])
            let first = try await eventually("the first run of after.b") { try await runs().first }
            #expect(first["logical_time"].string == "2026-01-01T00:00:00.000Z")
            #expect(first["cause"].string == "dependency")
            try await upstream("after.a1", times[1])
            try await eventually("the second run of after.b") { try await runs().count == 2 }
            try await eventually("the end of both") {
                try await runs().allSatisfy { $0["state"].string == "succeeded" }
            }
            #expect(
                try await runs().map(\.["logical_time"].string) == [
                    "2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z",
                ]
            )
        }
    }
}
