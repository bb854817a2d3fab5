import Foundation
import ServerFixtures
import Testing

extension ClusterSuite {
    @Suite struct SoloTests {
        /// Tasks have directories of their own, so nothing that they are told may be relative to the node's.
        @Test(.timeLimit(.minutes(1))) func aRelativeDataDirectoryIsAsGood() async throws {
            let folder = try ServerDirectory(name: "skyfire-relative")
            defer {
                RunProcesses.end(below: folder.path)
                folder.remove()
            }
            let solo = try await ProductProcess.start(
                ["dev", "--workers", "1", "--http", "127.0.0.1:0", "--data", "data"],
                name: "relative",
                directory: folder.path,
                dataDirectory: "\(folder.path)/data"
            )
            defer { solo.kill() }
            let run = try await solo.api.addJobAndRun(
                """
                version: 1
                name: hands-on
                tasks:
                  - {id: a, run: 'echo n=5 >> "$SKYFIRE_OUTPUT"', outputs: [n]}
                  - {id: b, needs: [a], run: 'test "${tasks.a.outputs.n}" = 5'}
                """
            )
            #expect(try await solo.api.ended(run)["state"].string == "succeeded")
        }

        @Test(.timeLimit(.minutes(1))) func aKilledSoloClusterGoesOnWhereItWas() async throws {
            let folder = try ServerDirectory(name: "skyfire-solo")
            defer {
                RunProcesses.end(below: folder.path)
                folder.remove()
            }
            let data = "\(folder.path)/data"
            let arguments = ["dev", "--http", "127.0.0.1:0", "--data", data]
            let (ticks, go) = ("\(folder.path)/ticks.txt", "\(folder.path)/go")
            let first = try await ProductProcess.start(
                arguments,
                name: "first",
                directory: folder.path,
                dataDirectory: data
            )
            defer { first.kill() }
            #expect(first.readyLine.wholeMatch(of: /ready http:\/\/127\.0\.0\.1:\d+ worker-1\n/) != nil)
            try await first.api.addJob(EverySecond.job("tick", file: ticks))
            let run = try await first.api.addJobAndRun(
                """
                version: 1
                name: unfinished
                tasks:
                  - {id: done, run: echo once >> \(folder.path)/once.txt}
                  - {id: wait, needs: [done], run: "while [ ! -e \(go) ]; do sleep 0.1; done"}
                  - {id: last, needs: [wait], type: noop}
                """
            )
            _ = try await first.api.running(run, "wait")
            try await eventually("ticks") { Files.lines(ticks).count >= 2 }
            let (code, message) = try await ProductProcess.refused(
                arguments,
                name: "second",
                directory: folder.path
            )
            #expect(code > 0)
            #expect(message.contains("in use by pid \(first.pid)"), "\(message)")
            first.kill()
            let again = try await ProductProcess.start(
                arguments,
                name: "again",
                directory: folder.path,
                dataDirectory: data
            )
            defer { again.kill() }
            #expect(again.worker == "worker-1")
            #expect(try await again.api.items("/v1/jobs").map(\.["name"].string) == ["tick", "unfinished"])
            #expect(try await again.api.get("/v1/workers")["items"].list.count == 3)
            let restarted = Int(Date().timeIntervalSince1970)
            try Files.write("", go)
            let ended = try await again.api.ended(run, within: .seconds(40))
            #expect(ended["state"].string == "succeeded", "\(ended)")
            #expect(Files.lines("\(folder.path)/once.txt") == ["once"], "what was done is not done again")
            let runs = try await eventually("the schedule goes on", within: .seconds(40)) {
                let runs = try await again.api.items("/v1/runs?job=tick")
                return try EverySecond.seconds(runs, where: EverySecond.isAccounted).contains {
                    $0 > restarted + 2
                }
                    ? runs : nil
            }
            #expect(EverySecond.flaws(try EverySecond.seconds(runs)).isEmpty)
            again.terminate()
            #expect(try await again.exitCode() == 0)
        }
    }
}
