import Mirror
import Redis
import Scheduling
import ServerFixtures
import Testing

@Suite struct RedisMirrorTests {
    @Test func saysInWordsThatRedisIsGoneAndGoesOnWhenItIsBack() async throws {
        try await withRedisMirror { mirror, server in
            let id = try runID()
            try await mirror.write([batch(1, 1, run(id))])
            let before = try await mirror.incarnation()
            #expect(try await mirror.incarnation() == before)
            server.kill()
            let words = try #require(await mirror.health())
            #expect(words.hasPrefix("Redis at 127.0.0.1:\(server.port) does not answer"))
            let error = await #expect(throws: MirrorError.self) {
                try await mirror.write([batch(1, 2, run(id))])
            }
            #expect(error?.isRetriable == true)
            // It comes back empty and without the script.
            try await server.restart()
            while let words = await mirror.health() { #expect(words.contains("does not answer")) }
            #expect(try await mirror.incarnation() != before)
            #expect(try await mirror.run(id) == nil)
            try await mirror.write([batch(1, 2, run(id), .attempt(run: id, try attemptView()))])
            #expect(try await mirror.listedStates(of: id) == [.running, .running])
        }
    }

    @Test func takesWritesAfterEverythingWasFlushed() async throws {
        try await withRedisMirror { mirror, server in
            let client = RedisClient(configuration(of: server))
            try await mirror.write([batch(5, 5, run(try runID()))])
            _ = try await client.send(RedisCommand("FLUSHALL"))
            _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            #expect(try await mirror.runs(RunQuery()).items.isEmpty)
            try await mirror.write([batch(1, 1, run(try runID()), .job(try jobView("hello")))])
            #expect(try await mirror.runs(RunQuery()).items.count == 1)
            await client.close()
        }
    }

    @Test func saysInWordsThatRedisRefusesWrites() async throws {
        try await withRedisMirror { mirror, server in
            let client = RedisClient(configuration(of: server))
            _ = try await client.send(RedisCommand("CONFIG", "SET", "min-replicas-to-write", 1))
            #expect(await mirror.health()?.contains("refuses writes: NOREPLICAS") == true)
            let error = await #expect(throws: MirrorError.self) {
                try await mirror.write([batch(1, 1, run(try runID()))])
            }
            #expect(error?.isRetriable == true)
            _ = try await client.send(RedisCommand("CONFIG", "SET", "min-replicas-to-write", 0))
            try await mirror.write([batch(1, 1, run(try runID()))])
            #expect(await mirror.health() == nil)
            await client.close()
        }
    }

    /// The documented contract, by its own commands.
    @Test func keepsTheKeysOfTheContract() async throws {
        try await withRedisMirror { mirror, server in
            let client = RedisClient(configuration(of: server))
            let id = try runID("etl.load", suffix: "m2")
            try await mirror.write([
                batch(1, 1, run(id, state: .queued)),
                batch(
                    2,
                    3,
                    run(id, state: .succeeded),
                    .attempt(run: id, try attemptView(state: "succeeded")),
                    .job(try jobView("etl.load")),
                    .jobDeleted(try JobName("old"))
                ),
            ])
            let keys = try await client.send(RedisCommand("KEYS", "*")).asArray.map { try $0.asString }
            let prefix = "skyfire:{c1}:"
            #expect(
                keys.sorted()
                    == [
                        "attempts:\(id)", "events", "job:etl.load", "job:old", "jobs", "run:\(id)", "runs",
                        "runs:job:etl.load:succeeded", "runs:state:succeeded",
                    ].map { prefix + $0 }
            )
            let member = try await client.send(RedisCommand("ZRANGE", prefix + "runs:state:succeeded", 0, -1))
            #expect(try member.asArray.map { try $0.asString } == ["20260101T000000Zetl.load@m2"])
            let hash = try await client.send(
                RedisCommand("HMGET", "\(prefix)run:\(id)", "state", "final", "term", "commit")
            )
            #expect(try hash.asArray.map { try $0.asString } == ["succeeded", "1", "2", "3"])
            let attempt = try await client.send(RedisCommand("HGET", "\(prefix)attempts:\(id)", "main~0~1"))
            #expect(try attempt.asString.hasPrefix("2-3-1 {\"assigned_at\":"))
            let life = try await client.send(RedisCommand("TTL", "\(prefix)job:old")).asInteger
            #expect((604_000...604_800).contains(life))
            await client.close()
        }
    }

    @Test func twoClustersShareAServer() async throws {
        try await withRedisMirror { mirror, server in
            let other = RedisMirror(
                configuration(of: server),
                clusterID: "c2",
                prefix: "night",
                logger: quiet
            )
            try await mirror.write([batch(1, 1, run(try runID()))])
            #expect(try await other.runs(RunQuery()).items.isEmpty)
            await other.close()
        }
    }

    @Test func capsTheStreamOfEvents() async throws {
        try await withRedisMirror { _, server in
            let mirror = RedisMirror(
                configuration(of: server),
                clusterID: "c1",
                eventLimit: 100,
                logger: quiet
            )
            let id = try runID()
            try await mirror.write((0..<1000).map { batch(1, $0, run(id, priority: $0)) })
            let client = RedisClient(configuration(of: server))
            let length = try await client.send(RedisCommand("XLEN", "skyfire:{c1}:events")).asInteger
            #expect((100...200).contains(length))
            await client.close()
            await mirror.close()
        }
    }
}
