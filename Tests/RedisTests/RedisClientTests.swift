import Redis
import Testing

@Suite(.timeLimit(.minutes(2)))
struct RedisClientTests {
    @Test func anyBytesComeBackUnchanged() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let megabyte = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let values: [[UInt8]] = [[], [0], [0, 13, 10, 0, 255], Array("naïve 🚀".utf8), megabyte]
            for value in values {
                let key: [UInt8] = [0, 1, 255, 10]
                try await client.expect(RedisCommand("SET", key, value), replies: .status("OK"))
                try await client.expect(RedisCommand("GET", key), replies: .bytes(value))
            }
            try await client.expect(RedisCommand("GET", "missing"), replies: .null)
            await client.close()
        }
    }

    @Test func aPipelineOfTenThousandIsAnsweredInOrder() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let results = try await client.pipeline((1...10_000).map { _ in RedisCommand("INCR", "n") })
            let numbers = try results.map { try $0.get().asInteger }
            #expect(numbers == (1...10_000).map { Int64($0) })
            #expect(client.backlog.commandCount == 0)
            #expect(client.backlog.byteCount == 0)
            await client.close()
        }
    }

    @Test func anErrorReplyConcernsItsCommandAlone() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let results = try await client.pipeline([
                RedisCommand("SET", "text", "x"),
                RedisCommand("LPUSH", "text", "y"),
                RedisCommand("NOSUCHCOMMAND"),
                RedisCommand("GET", "text"),
            ])
            #expect(results.count == 4)
            #expect(results[0] == .success(.status("OK")))
            #expect(results[1].failureCode == .reply(prefix: "WRONGTYPE"))
            #expect(results[2].failureCode == .reply(prefix: "ERR"))
            #expect(results[3] == .success(.bytes([UInt8(ascii: "x")])))
            let error = await failure { () throws(RedisError) in
                try await client.send(RedisCommand("LPUSH", "text", "y"))
            }
            #expect(error?.code == .reply(prefix: "WRONGTYPE"))
            #expect(error?.isRetriable == false)
            #expect(error?.isOutcomeUnknown == false)
            await client.close()
        }
    }

    @Test func aTransactionsFailedCommandIsAnElementOfItsReply() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let results = try await client.pipeline([
                RedisCommand("MULTI"), RedisCommand("SET", "k", "v"), RedisCommand("INCR", "k"),
                RedisCommand("EXEC"),
            ])
            let replies = try results[3].get().asArray
            #expect(replies.first == .status("OK"))
            #expect(replies.last == .error("ERR value is not an integer or out of range"))
            await client.close()
        }
    }

    @Test func callersShareRoundTripsAndGetTheirOwnReplies() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            let before = try await readCount(client)
            server.freeze()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        try await client.send(RedisCommand("ECHO", number)).asInteger == Int64(number)
                    }
                }
                #expect(await eventually { client.backlog.commandCount == 1_000 })
                server.thaw()
                for try await isOwn in group { #expect(isOwn) }
            }
            let after = try await readCount(client)
            #expect(after - before < 50, "1,000 calls took \(after - before) reads of the server")
            await client.close()
        }
    }

    @Test func aWrongPasswordIsRefusedAndTheRightOneWorks() async throws {
        try await LocalRedisServer.with(password: "s3cret") { server in
            var configuration = server.configuration()
            configuration.longestBackoff = .seconds(60)
            configuration.firstBackoff = .seconds(60)
            configuration.jitter = { 0 }
            configuration.password = "wrong"
            let wrong = RedisClient(configuration)
            let refused = await failure { () throws(RedisError) in
                try await wrong.send(RedisCommand("PING"))
            }
            #expect(refused?.code == .reply(prefix: "WRONGPASS"))
            #expect(refused?.isRetriable == false)
            let waiting = await failure { () throws(RedisError) in
                try await wrong.send(RedisCommand("PING"))
            }
            #expect(waiting?.code == .unavailable)
            #expect(waiting?.message.contains("WRONGPASS") == true)
            await wrong.close()

            configuration.password = nil
            let missing = RedisClient(configuration)
            let unknown = await failure { () throws(RedisError) in
                try await missing.send(RedisCommand("PING"))
            }
            #expect(unknown?.code == .reply(prefix: "NOAUTH"))
            await missing.close()

            configuration.username = "default"
            configuration.password = "s3cret"
            configuration.database = 3
            let right = RedisClient(configuration)
            try await right.expect(RedisCommand("SET", "k", 1), replies: .status("OK"))
            let keyspace = try await right.send(RedisCommand("INFO", "keyspace")).asString
            #expect(keyspace.contains("db3:keys=1"))
            await right.close()
            #expect(!"\(configuration)".contains("s3cret"))
        }
    }

    private func readCount(_ client: RedisClient) async throws -> Int {
        let info = try await client.send(RedisCommand("INFO", "stats")).asString
        let line = try #require(
            info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_reads_processed:") }
        )
        return try #require(Int(line.split(separator: ":")[1]))
    }
}

extension Result where Success == RedisValue, Failure == RedisError {
    fileprivate var failureCode: RedisError.Code? {
        if case .failure(let error) = self { error.code } else { nil }
    }
}
