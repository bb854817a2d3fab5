import Redis
import Testing

@Suite(.timeLimit(.minutes(2)))
struct RedisScriptTests {
    private let script = RedisScript(
        "return {KEYS[1], ARGV[1], redis.call('INCRBY', KEYS[1], ARGV[1])}"
    )

    @Test func aScriptIsLoadedWhereTheServerLacksIt() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            for round in 1...3 {
                let reply = try await client.evaluate(script, keys: ["sum"], arguments: [5])
                let expected: [RedisValue] = [
                    .bytes(Array("sum".utf8)), .bytes(Array("5".utf8)), .integer(Int64(5 * round)),
                ]
                #expect(reply == .array(expected))
                _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            }
            await client.close()
        }
    }

    @Test func aPipelineOfCallsSurvivesAFlush() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            _ = try await client.evaluate(script, keys: ["sum"], arguments: [0])
            _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            let calls = (1...100).map { RedisScript.Call(keys: ["sum"], arguments: [$0]) }
            let sums = try await client.evaluate(script, calls: calls).map {
                try $0.get().asArray[2].asInteger
            }
            let expected: [Int64] = (1...100).map { number in number * (number + 1) / 2 }
            #expect(sums == expected)
            await client.close()
        }
    }

    @Test func aScriptsOwnErrorIsThrown() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let refusing = RedisScript("return redis.error_reply('STALE older than the record')")
            let error = await failure { () throws(RedisError) in
                try await client.evaluate(refusing, keys: [])
            }
            #expect(error?.code == .reply(prefix: "STALE"))
            await client.close()
        }
    }
}
