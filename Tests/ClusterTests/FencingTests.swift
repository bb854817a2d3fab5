import Foundation
import Glibc
import ServerFixtures
import Testing

extension ClusterSuite {
    /// Who may run what while contact is lost. Sessions have a timeout of 3 seconds here.
    @Suite struct FencingTests {
        /// Writes `attempt begin` and then `attempt beat` ten times a second until a file is there.
        private static func beating(_ file: String, until go: String) -> String {
            "echo $SKYFIRE_ATTEMPT begin >> \(file); while [ ! -e \(go) ]; do echo $SKYFIRE_ATTEMPT beat >> \(file); "
                + "sleep 0.1; done; echo $SKYFIRE_ATTEMPT end >> \(file)"
        }

        /// A stopped worker cannot end its exclusive task; its runner does, before the second copy starts.
        @Test(.timeLimit(.minutes(1))) func aStoppedWorkersExclusiveTaskIsGoneBeforeTheSecondCopy()
            async throws
        {
            try await TestCluster.with { cluster, nodes in
                let (file, go) = ("\(cluster.directory)/beats", "\(cluster.directory)/go")
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: alone
                    tasks: [{id: t, exclusive: true, run: '\(Self.beating(file, until: go))'}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "t")
                let victim = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != victim.worker })
                try await eventually("it runs") { Files.lines(file).contains("1 beat") }
                victim.child.suspend()
                try await eventually("the second copy") { Files.lines(file).contains("2 beat") }
                try Files.write("", go)
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                let lines = Files.lines(file)
                let second = try #require(lines.firstIndex(of: "2 begin"))
                #expect(!lines[second...].contains { $0.hasPrefix("1 ") }, "never two at once")
                #expect(!lines.contains("1 end"))
                victim.child.resume()
                let attempts = try await eventually("the late end is shown") {
                    let attempts = try await other.api.task(run, "t")["attempts"].list
                    return attempts[0]["reason"].string.contains("E3009") ? attempts : nil
                }
                #expect(attempts.map(\.["state"].string) == ["lost", "succeeded"])
            }
        }

        /// Without `exclusive` the first copy runs on; its result does not count, and is shown.
        @Test(.timeLimit(.minutes(1))) func aStoppedWorkersLateResultIsRefusedAndShown() async throws {
            try await TestCluster.with { cluster, nodes in
                let (file, go) = ("\(cluster.directory)/beats", "\(cluster.directory)/go")
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: shared
                    tasks: [{id: t, run: '\(Self.beating(file, until: go))'}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "t")
                let victim = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != victim.worker })
                victim.child.suspend()
                try await eventually("the second copy") { Files.lines(file).contains("2 beat") }
                let beats = Files.lines(file).count { $0 == "1 beat" }
                try await eventually("the first copy runs on") {
                    Files.lines(file).count { $0 == "1 beat" } > beats
                }
                try Files.write("", go)
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                try await eventually("the first copy ends by itself") { Files.lines(file).contains("1 end") }
                victim.child.resume()
                let first = try await eventually("the refused result is shown") {
                    let attempts = try await other.api.task(run, "t")["attempts"].list
                    return attempts[0]["reason"].string.contains("E3009") ? attempts[0] : nil
                }
                #expect(first["state"].string == "lost")
                #expect(first["exit_code"].int == 0)
                #expect(first["reason"].string.hasSuffix("refused: succeeded, exit code 0"), "\(first)")
                try await eventually("it is counted") {
                    try await other.api.get("/v1/cluster")["incidents"].int == 1
                }
            }
        }

        @Test(.timeLimit(.minutes(1))) func aKilledRunnersAttemptsAreLostAndRunAgain() async throws {
            try await TestCluster.with(nodes: 1) { cluster, nodes in
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: long
                    tasks: [{id: t, run: '[ "$SKYFIRE_ATTEMPT" -eq 2 ] || sleep 1001'}]
                    """
                )
                _ = try await nodes[0].api.running(run, "t")
                let processes = try await RunProcesses.started(run)
                for pid in try RunProcesses.runners(below: nodes[0].dataDirectory) { kill(pid, SIGKILL) }
                #expect(try await nodes[0].api.ended(run)["state"].string == "succeeded")
                let attempts = try await nodes[0].api.task(run, "t")["attempts"].list
                #expect(attempts.map(\.["state"].string) == ["lost", "succeeded"])
                #expect(attempts[0]["reason"].string == "the runner died")
                #expect(try RunProcesses.of(run).allSatisfy { !processes.contains($0) })
            }
        }

        @Test(.timeLimit(.minutes(1))) func onLostHoldWaitsForAPerson() async throws {
            try await TestCluster.with(nodes: 2) { cluster, nodes in
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: careful
                    tasks: [{id: t, on_lost: hold, run: '[ "$SKYFIRE_ATTEMPT" -eq 2 ] || sleep 1001'}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "t")
                let victim = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != victim.worker })
                victim.kill()
                try await eventually("it is held") {
                    try await other.api.get("/v1/runs/\(run)")["state"].string == "paused"
                }
                let why = try await other.api.get("/v1/runs/\(run)/explain")
                #expect(why["blockers"].list.contains { $0["message"].string.contains("E3010") }, "\(why)")
                #expect(try await other.api.send("POST", "/v1/runs/\(run):resume").status == 200)
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
            }
        }

        /// Two runs of a job may overlap; an exclusive task of it does not.
        @Test(.timeLimit(.minutes(1))) func anExclusiveTaskRunsInOneRunAtATime() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let (file, go) = ("\(cluster.directory)/one-at-a-time", "\(cluster.directory)/one-at-a-time-go")
            let first = try await nodes[0].api.addJobAndRun(
                """
                version: 1
                name: one-at-a-time
                overlap: allow_all
                tasks:
                  - {id: free, run: 'echo free >> \(file)'}
                  - {id: t, exclusive: true, run: 'echo begin >> \(file); while [ ! -e \(go) ]; do sleep 0.05; done; echo end >> \(file)'}
                """
            )
            _ = try await nodes[0].api.running(first, "t")
            let second = try await nodes[1].api.run("one-at-a-time")
            try await eventually("the rest of the second run") {
                Files.lines(file).count { $0 == "free" } == 2
            }
            try await eventually("the reason") {
                try await nodes[2].api.get("/v1/runs/\(second)/explain")["blockers"].list
                    .contains { $0["kind"].string == "exclusive" && $0["message"].string.contains(first) }
            }
            #expect(Files.lines(file).count { $0 == "begin" } == 1)
            try Files.write("", go)
            for run in [first, second] {
                #expect(try await nodes[0].api.ended(run)["state"].string == "succeeded")
            }
            #expect(Files.lines(file).filter { $0 != "free" } == ["begin", "end", "begin", "end"])
        }

        /// Most of the workers are gone at once: nothing moves until a person says so.
        @Test(.timeLimit(.minutes(1))) func safeModeEndsWhenAPersonSaysSo() async throws {
            try await TestCluster.with { cluster, nodes in
                let (survivor, go) = (nodes[2], "\(cluster.directory)/safe-go")
                var runs: [String] = []
                for number in 0..<6 {
                    // What the survivor is given goes on too, so that the others have their share.
                    runs.append(
                        try await survivor.api.addJobAndRun(
                            """
                            version: 1
                            name: safe.j\(number)
                            tasks:
                              - id: t
                                run: |
                                  [ "$SKYFIRE_ATTEMPT" -eq 1 ] || exit 0
                                  [ $SKYFIRE_WORKER = \(survivor.worker) ] || sleep 1001
                                  while [ ! -e \(go) ]; do sleep 0.05; done
                            """
                        )
                    )
                }
                try await eventually("both others have work") {
                    let workers = try await survivor.api.get("/v1/workers")["items"].list
                    return workers.count { $0["id"].string != survivor.worker && $0["running"].int > 0 } == 2
                }
                for node in nodes.prefix(2) { node.kill() }
                try await eventually("safe mode") {
                    try await survivor.api.get("/v1/cluster")["is_safe_mode"] == .bool(true)
                }
                let states = try await survivor.api.items("/v1/runs?state=running")
                #expect(!states.isEmpty, "nothing was taken over")
                #expect(try await survivor.api.send("POST", "/v1/cluster:takeover").status == 200)
                try Files.write("", go)
                for run in runs {
                    #expect(try await survivor.api.ended(run)["state"].string == "succeeded")
                }
            }
        }

        /// An ensemble that has lost everything is not taken for a new beginning.
        @Test(.timeLimit(.minutes(1))) func anEmptiedEnsembleIsNotTheCluster() async throws {
            let server = try await ZooKeeperServer.start()
            defer { server.stop() }
            try await TestCluster.with(nodes: 1, zookeepers: [server]) { cluster, nodes in
                let go = "\(cluster.directory)/go"
                let run = try await nodes[0].api.addJobAndRun(
                    "{version: 1, name: runs-on, tasks: [{id: t, run: 'while [ ! -e \(go) ]; do sleep 0.1; done'}]}"
                )
                _ = try await nodes[0].api.running(run, "t")
                let processes = try await RunProcesses.started(run)
                let other = try await ZooKeeperServer.start()
                defer { other.stop() }
                let (code, message) = try await ProductProcess.refused(
                    [
                        "node", "--zookeeper", other.connectString, "--redis",
                        "127.0.0.1:\(cluster.redis.port)",
                        "--root", cluster.root, "--http", "127.0.0.1:0", "--data",
                        nodes[0].dataDirectory + "-copy",
                    ],
                    name: "copy",
                    directory: cluster.directory,
                    before: {
                        let copy = nodes[0].dataDirectory + "-copy"
                        try FileManager.default.createDirectory(
                            atPath: copy,
                            withIntermediateDirectories: true
                        )
                        try Files.write(
                            Files.read(nodes[0].dataDirectory + "/cluster-id"),
                            copy + "/cluster-id"
                        )
                    }
                )
                #expect(code != 0)
                #expect(message.contains("there is nothing at \(cluster.root)"), "\(message)")
                #expect(other.ask("srvr")?.contains("Node count: 5") == true, "nothing was founded there")
                #expect(try RunProcesses.of(run).contains { processes.contains($0) })
                try Files.write("", go)
                #expect(try await nodes[0].api.ended(run)["state"].string == "succeeded")
            }
        }
    }
}
