import Redis
import Testing

@Suite(.timeLimit(.minutes(2)))
struct RedisClientOutageTests {
    @Test func aFrozenServerTimesOutAndIsUsedAgainWhenItGoesOn() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration(commandTimeout: .milliseconds(200)))
            _ = try await client.send(RedisCommand("PING"))
            server.freeze()
            let start = ContinuousClock.now
            let first = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("INCR", "n"))
            }
            #expect(first?.code == .timeout)
            #expect(first?.isOutcomeUnknown == true)
            // The kernel accepts the new connection; the greeting is what is not answered.
            let second = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("INCR", "n"))
            }
            #expect(second?.code == .timeout)
            #expect(second?.isOutcomeUnknown == false)
            #expect(ContinuousClock.now - start < .seconds(5))
            server.thaw()
            #expect(await eventually { await answers(client) })
            await client.close()
        }
    }

    @Test func aRestartedServerIsUsedAtOnceAndTimeoutsStillHold() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration(commandTimeout: .milliseconds(200)))
            for _ in 0..<3 {
                _ = try await client.send(RedisCommand("PING"))
                server.kill()
                try await server.start()
                // The lost idle connection is noticed before anything is sent: no call fails for it.
                #expect(await answers(client))
                server.freeze()
                let start = ContinuousClock.now
                let error = await failure { () throws(RedisError) in
                    try await client.send(RedisCommand("PING"))
                }
                #expect(error?.code == .timeout)
                #expect(ContinuousClock.now - start < .seconds(5))
                server.thaw()
                #expect(await eventually { await answers(client) })
            }
            await client.close()
        }
    }

    @Test func callsFailFastWhileTheServerIsAway() async throws {
        try await LocalRedisServer.with { server in
            server.kill()
            var configuration = server.configuration()
            configuration.firstBackoff = .seconds(60)
            configuration.longestBackoff = .seconds(60)
            configuration.jitter = { 0 }
            let client = RedisClient(configuration)
            let first = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("PING"))
            }
            #expect(first?.code == .io)
            #expect(first?.isRetriable == true)
            #expect(first?.isOutcomeUnknown == false)
            let second = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("PING"))
            }
            #expect(second?.code == .unavailable)
            #expect(second?.message.contains("refused") == true, "\(String(describing: second))")
            await client.close()
        }
    }

    @Test func aServerThatDiesDuringACommandLeavesItsOutcomeUnknown() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let observer = RedisClient(server.configuration())
            async let blocked = failure { () throws(RedisError) in
                try await client.send(RedisCommand("BLPOP", "empty", 0))
            }
            let isBlocked = try await eventually {
                try await observer.send(RedisCommand("INFO", "clients")).asString.contains(
                    "blocked_clients:1"
                )
            }
            #expect(isBlocked)
            server.kill()
            let error = await blocked
            #expect(error?.code == .io)
            #expect(error?.isOutcomeUnknown == true)
            await client.close()
            await observer.close()
        }
    }

    @Test func aPeerThatDiesDuringALargeWriteIsAnErrorAndNoSignal() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            _ = try await client.send(RedisCommand("PING"))
            server.freeze()
            let chunk = [UInt8](repeating: 7, count: 1 << 20)
            async let write = client.pipeline((0..<32).map { RedisCommand("SET", $0, chunk) })
            #expect(await eventually { client.backlog.commandCount == 32 })
            server.kill()
            do {
                _ = try await write
                Issue.record("a dead server answered")
            } catch let error as RedisError {
                #expect(error.isRetriable)
            }
            await client.close()
        }
    }

    @Test func aCallBeyondTheBoundFailsAtOnce() async throws {
        try await LocalRedisServer.with { server in
            var configuration = server.configuration()
            configuration.maximumQueuedCommands = 10
            configuration.maximumQueuedBytes = 10_000
            let client = RedisClient(configuration)
            _ = try await client.send(RedisCommand("PING"))
            let large = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("SET", "k", [UInt8](repeating: 0, count: 10_000)))
            }
            #expect(large?.code == .queueFull)
            server.freeze()
            async let full = client.pipeline((0..<10).map { RedisCommand("ECHO", $0) })
            #expect(await eventually { client.backlog.commandCount == 10 })
            let refused = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("PING"))
            }
            #expect(refused?.code == .queueFull)
            #expect(refused?.isRetriable == true)
            #expect(refused?.isOutcomeUnknown == false)
            server.thaw()
            #expect(try await full.count == 10)
            #expect(await answers(client))
            await client.close()
        }
    }

    @Test func closeEndsRunningAndQueuedCalls() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration(commandTimeout: .seconds(60)))
            _ = try await client.send(RedisCommand("PING"))
            server.freeze()
            let start = ContinuousClock.now
            await withTaskGroup(of: RedisError?.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        await failure { () throws(RedisError) in try await client.send(RedisCommand("PING")) }
                    }
                }
                #expect(await eventually { client.backlog.commandCount == 100 })
                await client.close()
                for await error in group { #expect(error?.code == .closed) }
            }
            #expect(ContinuousClock.now - start < .seconds(30))
            let late = await failure { () throws(RedisError) in try await client.send(RedisCommand("PING")) }
            #expect(late?.code == .closed)
            #expect(client.backlog.commandCount == 0)
            await client.close()
        }
    }

    private func answers(_ client: RedisClient) async -> Bool {
        await failure { () throws(RedisError) in try await client.send(RedisCommand("PING")) } == nil
    }
}
