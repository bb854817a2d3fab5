import Foundation
import ServerFixtures
import Testing

/// What a cron job of every second left behind: in its file, and in the lists of runs.
struct EverySecond {
    /// The definition of a job whose runs append their id and attempt to a file.
    static func job(_ name: String, file: String) -> String {
        """
        version: 1
        name: \(name)
        schedule: [{cron: "* * * * * *", seconds: true, zone: UTC}]
        overlap: allow_all
        misfire: {policy: run_all, window: 1h}
        tasks:
          - {id: t, run: echo "$SKYFIRE_RUN $SKYFIRE_ATTEMPT" >> \(file)}
        """
    }

    /// The logical seconds of a job's runs that satisfy a condition, oldest first.
    static func seconds(
        _ runs: [JSON],
        where condition: (JSON) -> Bool = { _ in true }
    ) throws -> [Int] {
        try runs.filter(condition).map { try Instant($0["logical_time"]).second }.sorted()
    }

    /// The seconds that are missing or there more than once between the first and the last.
    static func flaws(_ seconds: [Int]) -> [String] {
        zip(seconds, seconds.dropFirst()).compactMap { earlier, later in
            later == earlier + 1
                ? nil
                : later == earlier ? "\(later) twice" : "\(later - earlier - 1) missing after \(earlier)"
        }
    }

    /// Whether a run has ended well, or was left out for a stated reason.
    static func isAccounted(_ run: JSON) -> Bool {
        run["state"].string == "succeeded"
            || run["state"].string == "skipped" && !run["reason"].string.isEmpty
    }
}

extension ClusterSuite {
    @Suite struct ScheduleTests {
        @Test(.timeLimit(.minutes(1))) func cronOfEverySecondFiresOncePerSecond() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let file = "\(cluster.directory)/tick.txt"
            let job = try await nodes[0].api.addJob(EverySecond.job("tick", file: file))
            // The last of eleven has an end: ten whole seconds lie behind it.
            let runs = try await eventually("eleven runs", within: .seconds(30)) {
                let runs = try await nodes[1].api.items("/v1/runs?job=tick")
                return runs.filter { $0["state"].string == "succeeded" }.count >= 11 ? runs : nil
            }
            #expect(try await nodes[0].api.send("DELETE", "/v1/jobs/tick").status == 204)
            #expect(EverySecond.flaws(try EverySecond.seconds(runs)).isEmpty)
            #expect(runs.allSatisfy { $0["cause"].string == "schedule" })
            for run in runs {
                let late = try Instant(run["queued_at"]).since(Instant(run["logical_time"]))
                #expect(late >= 0 && late < 2, "\(run["id"].string) fired \(late) s after its time")
            }
            let lines = Files.lines(file)
            #expect(Set(lines).count == lines.count, "no run twice")
            #expect(lines.allSatisfy { $0.hasSuffix(" 1") })
            #expect(job["worker"].string.hasPrefix("worker-"))
        }

        @Test(.timeLimit(.minutes(1))) func schedulingGoesOnWithoutRedis() async throws {
            let redis = try await RedisServer.start()
            defer { redis.stop() }
            try await TestCluster.with(nodes: 2, redis: redis) { cluster, nodes in
                let file = "\(cluster.directory)/tick.txt"
                try await nodes[0].api.addJob(EverySecond.job("tick", file: file))
                try await eventually("the first run") {
                    try await nodes[0].api.items("/v1/runs?job=tick").count >= 2
                }
                redis.suspend()
                let before = Files.lines(file).count
                try await eventually("six runs without Redis") { Files.lines(file).count >= before + 6 }
                redis.resume()
                let last = try #require(Files.lines(file).last?.split(separator: " ").first.map(String.init))
                // All of it arrives.
                let runs = try await eventually("the mirror with \(last)") {
                    let runs = try await nodes[1].api.items("/v1/runs?job=tick")
                    return runs.contains { $0["id"].string == last && $0["state"].string == "succeeded" }
                        ? runs : nil
                }
                #expect(EverySecond.flaws(try EverySecond.seconds(runs)).isEmpty)
                let lines = Files.lines(file)
                #expect(Set(lines).count == lines.count)
                let ran = Set(lines.compactMap { $0.split(separator: " ").first.map(String.init) })
                try await eventually("every run of the file in the mirror") {
                    let ended = try await nodes[0].api.items("/v1/runs?job=tick&state=succeeded")
                    return ran.isSubset(of: ended.map(\.["id"].string))
                }
                #expect(try await nodes[0].api.get("/v1/cluster")["mirror"].string == "ok")
                // Nothing is left in the outbox for good.
                #expect(try await nodes[0].api.send("DELETE", "/v1/jobs/tick").status == 204)
                try await eventually("an empty outbox", within: .seconds(30)) {
                    try await cluster.names("outbox").isEmpty
                }
            }
        }
    }
}
