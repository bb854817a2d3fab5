import Foundation
import ServerFixtures
import Testing

extension ClusterSuite {
    @Suite struct DrainTests {
        @Test(.timeLimit(.minutes(1))) func leavingLetsTheRunningAttemptEnd() async throws {
            try await TestCluster.with(nodes: 2, options: ["--leave"]) { cluster, nodes in
                let go = "\(cluster.directory)/go"
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: patient
                    tasks: [{id: wait, run: "while [ ! -e \(go) ]; do sleep 0.1; done; echo done"}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "wait")
                let busy = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != busy.worker })
                busy.terminate()
                try await eventually("the drain") {
                    try await other.api.get("/v1/workers")["items"].list
                        .contains { $0["id"].string == busy.worker && $0["state"].string == "draining" }
                }
                #expect(try await busy.api.send("GET", "/readyz").status == 503)
                try await eventually("the other node leads") {
                    try await other.api.get("/v1/cluster")["leader"].string == other.worker
                }
                let more = try await other.api.addJobAndRun(
                    "{version: 1, name: more, tasks: [{id: t, run: echo, partitions: {count: 6}}]}"
                )
                #expect(try await other.api.ended(more)["state"].string == "succeeded")
                let workers = Set(
                    try await other.api.task(more, "t")["attempts"].list.map(\.["worker"].string)
                )
                #expect(workers == [other.worker], "no new attempt on a draining node")
                #expect(busy.child.isAlive)
                #expect(
                    try await busy.api.send("GET", "/v1/runs/\(run)/tasks/wait/attempts/1/log").status == 200,
                    "API and logs serve on"
                )
                try Files.write("", go)
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                #expect(try await busy.exitCode() == 0)
                #expect(try await other.api.task(run, "wait")["attempts"].list.count == 1)
            }
        }

        @Test(.timeLimit(.minutes(1))) func whatOutlivesTheDrainTimeoutRunsElsewhere() async throws {
            try await TestCluster.with(nodes: 2, options: ["--leave", "--drain-timeout", "1s"]) {
                cluster,
                nodes in
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: long
                    tasks: [{id: wait, run: 'while [ "$SKYFIRE_ATTEMPT" -eq 1 ]; do sleep 0.1; done', kill: {grace: 1s}}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "wait")
                let busy = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != busy.worker })
                let processes = try await RunProcesses.started(run)
                busy.terminate()
                #expect(try await busy.exitCode() == 0)
                #expect(
                    try RunProcesses.of(run).allSatisfy { !processes.contains($0) },
                    "nothing of the first attempt lives"
                )
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                let attempts = try await other.api.task(run, "wait")["attempts"].list
                #expect(attempts.map(\.["state"].string) == ["lost", "succeeded"])
                #expect(attempts.last?["worker"].string == other.worker)
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [true, false])
        func aRestartIsNothingToARunningAttempt(_ isKilled: Bool) async throws {
            // The lease of an exclusive attempt must last for as long as the restart takes.
            try await TestCluster.with(nodes: 2, options: ["--session-timeout", "12s"]) { cluster, nodes in
                let go = "\(cluster.directory)/go"
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: patient
                    tasks: [{id: wait, run: "while [ ! -e \(go) ]; do sleep 0.1; done; echo done", exclusive: true}]
                    """
                )
                let attempt = try await nodes[0].api.running(run, "wait")
                let busy = try #require(nodes.first { $0.worker == attempt["worker"].string })
                let other = try #require(nodes.first { $0.worker != busy.worker })
                let processes = try await RunProcesses.started(run)
                if isKilled {
                    busy.kill()
                } else {
                    busy.terminate()
                    #expect(
                        try await busy.exitCode(within: .seconds(10)) == 0,
                        "it does not wait for the attempt"
                    )
                }
                #expect(try RunProcesses.of(run).contains { processes.contains($0) })
                let again = try await cluster.addNode(data: busy.dataDirectory)
                #expect(again.worker == busy.worker)
                try Files.write("", go)
                #expect(try await other.api.ended(run)["state"].string == "succeeded")
                let attempts = try await other.api.task(run, "wait")["attempts"].list
                #expect(attempts.map(\.["state"].string) == ["succeeded"], "the same attempt, once")
                let log = try await again.api.send("GET", "/v1/runs/\(run)/tasks/wait/attempts/1/log")
                #expect(log.text == "done\n")
            }
        }

        /// A call lives in the node's process: its next life must not take it for one that was never made.
        @Test(.timeLimit(.minutes(1))) func aCallThatItsNodeDiedInIsLost() async throws {
            try await TestCluster.with(nodes: 1, options: ["--session-timeout", "12s"]) { cluster, nodes in
                let silent = try SilentServer()
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: call
                    tasks: [{id: t, type: http, on_lost: fail, http: {url: "http://127.0.0.1:\(silent.port)/"}}]
                    """
                )
                _ = try await nodes[0].api.running(run, "t")
                nodes[0].kill()
                let again = try await cluster.addNode(data: nodes[0].dataDirectory)
                #expect(try await again.api.ended(run)["state"].string == "failed")
                let attempts = try await again.api.task(run, "t")["attempts"].list
                #expect(attempts.map(\.["state"].string) == ["lost"], "it is not made again")
            }
        }

        /// Takes connections and says nothing.
        private final class SilentServer: Sendable {
            let port: UInt16
            private let descriptor: Int32

            init() throws {
                let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                // The calls get the address and its true size for as long as they take, and keep neither.
                let bound = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                        bind(listener, pointer, size) == 0 && listen(listener, 16) == 0
                            && getsockname(listener, pointer, &size) == 0
                    }
                }
                descriptor = listener
                port = UInt16(bigEndian: address.sin_port)
                guard bound else { throw CancellationError() }
            }

            deinit { close(descriptor) }
        }

        @Test(.timeLimit(.minutes(1))) func aSecondSIGTERMDoesNotWait() async throws {
            try await TestCluster.with(nodes: 1, options: ["--leave"]) { cluster, nodes in
                let run = try await nodes[0].api.addJobAndRun(
                    """
                    version: 1
                    name: endless
                    tasks: [{id: wait, run: "trap '' TERM; while :; do sleep 0.1; done"}]
                    """
                )
                _ = try await nodes[0].api.running(run, "wait")
                nodes[0].terminate()
                try await eventually("the drain") {
                    try await nodes[0].api.send("GET", "/readyz").status == 503
                }
                nodes[0].terminate()
                _ = try await nodes[0].exitCode(within: .seconds(8))
                try await eventually("nothing of the run lives", within: .seconds(2)) {
                    try RunProcesses.of(run).isEmpty
                }
            }
        }

        @Test(.timeLimit(.minutes(1))) func leavingHandsTheJobsOver() async throws {
            try await TestCluster.with(nodes: 1) { cluster, first in
                let leaving = try await cluster.addNode(options: ["--leave"])
                for number in 0..<20 {
                    try await first[0].api.addJob(
                        "{version: 1, name: left.j\(number), tasks: [{id: t, type: noop}]}"
                    )
                }
                #expect(try await cluster.names("jobs/\(leaving.worker)").count == 10)
                leaving.terminate()
                #expect(try await leaving.exitCode() == 0)
                #expect(
                    try await cluster.names("workers") == [first[0].worker],
                    "gone before its session would expire"
                )
                let owners = Set(
                    try await first[0].api.items("/v1/jobs?prefix=left.").map(\.["worker"].string)
                )
                #expect(owners == [first[0].worker])
                #expect(try await cluster.names("jobs/\(first[0].worker)").count == 20)
                #expect(try await !cluster.names("assign").contains(leaving.worker), "nothing of it is left")
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [true, false])
        func aRestartKeepsTheNumberAndTheJobs(_ isKilled: Bool) async throws {
            try await TestCluster.with { cluster, nodes in
                for number in 0..<9 {
                    try await nodes[0].api.addJob(
                        "{version: 1, name: kept.j\(number), tasks: [{id: t, run: echo}]}"
                    )
                }
                let node = nodes[1]
                let owned = Set(try await cluster.names("jobs/\(node.worker)"))
                #expect(owned.count == 3)
                if isKilled {
                    node.kill()
                } else {
                    node.terminate()
                    #expect(try await node.exitCode() == 0)
                }
                let again = try await cluster.addNode(data: node.dataDirectory)
                #expect(again.worker == node.worker)
                #expect(Set(try await cluster.names("jobs/\(node.worker)")) == owned)
                let workers = try await nodes[0].api.get("/v1/workers")["items"].list
                #expect(workers.map(\.["id"].string).sorted() == nodes.map(\.worker).sorted())
                let run = try await again.api.run("kept.j1")
                #expect(try await nodes[2].api.ended(run)["state"].string == "succeeded")
            }
        }

        @Test(.timeLimit(.minutes(1))) func aNewNodeTakesItsShare() async throws {
            try await TestCluster.with(nodes: 1) { cluster, nodes in
                for number in 0..<6 {
                    try await nodes[0].api.addJob(
                        "{version: 1, name: share.j\(number), tasks: [{id: t, type: noop}]}"
                    )
                }
                let new = try await cluster.addNode()
                try await eventually("half of the jobs on the new node", within: .seconds(30)) {
                    try await cluster.names("jobs/\(new.worker)").count == 3
                }
                #expect(try await cluster.names("jobs/\(nodes[0].worker)").count == 3)
            }
        }

        @Test(.timeLimit(.minutes(1))) func aSecondStartOnTheSameDataIsRefused() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let (code, message) = try await ProductProcess.refused(
                cluster.nodeArguments(data: nodes[0].dataDirectory),
                name: "second",
                directory: cluster.directory
            )
            #expect(code > 0)
            #expect(message.contains("in use by pid \(nodes[0].pid)"), "\(message)")
            #expect(try await nodes[0].api.send("GET", "/readyz").status == 200)
        }
    }
}
