import Redis
import Testing

@Suite(.timeLimit(.minutes(2)))
struct RedisStreamTailTests {
    @Test func entriesOfAnotherClientArriveInOrder() async throws {
        try await LocalRedisServer.with { server in
            let writer = RedisClient(server.configuration())
            let first = try await add(0, writer)
            let tail = RedisStreamTail(
                server.configuration(),
                key: "events",
                start: .after(first),
                batchCount: 7,
                blockTime: .milliseconds(200)
            )
            async let numbers = read(300, from: tail)
            for number in 1...300 { _ = try await add(number, writer) }
            #expect(try await numbers == Array(1...300))
            await writer.close()
        }
    }

    @Test func aTailFromTheEndSeesOnlyWhatFollows() async throws {
        try await LocalRedisServer.with { server in
            let writer = RedisClient(server.configuration())
            for number in 1...5 { _ = try await add(number, writer) }
            let tail = RedisStreamTail(server.configuration(), key: "events", start: .end)
            async let numbers = read(1, from: tail)
            let isWaiting = try await eventually { try await blockedCount(writer) == 1 }
            #expect(isWaiting)
            _ = try await add(6, writer)
            #expect(try await numbers == [6])
            await writer.close()
        }
    }

    @Test func aTailGoesOnAfterTheLastEntryWhenItsConnectionIsLost() async throws {
        try await LocalRedisServer.with { server in
            let writer = RedisClient(server.configuration())
            let tail = RedisStreamTail(server.configuration(), key: "events", start: .after(.zero))
            async let numbers = read(40, from: tail)
            for number in 1...40 {
                _ = try await add(number, writer)
                if number.isMultiple(of: 10) && number < 40 {
                    let isWaiting = try await eventually { try await blockedCount(writer) == 1 }
                    #expect(isWaiting)
                    _ = try await writer.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal"))
                }
            }
            #expect(try await numbers == Array(1...40))
            await writer.close()
        }
    }

    @Test func aTailSurvivesARestartOfTheServer() async throws {
        try await LocalRedisServer.with { server in
            let writer = RedisClient(server.configuration())
            let tail = RedisStreamTail(server.configuration(), key: "events", start: .end)
            async let numbers = read(2, from: tail)
            let isWaiting = try await eventually { try await blockedCount(writer) == 1 }
            #expect(isWaiting)
            _ = try await add(1, writer)
            let isWaitingAgain = try await eventually { try await blockedCount(writer) == 1 }
            #expect(isWaitingAgain)
            server.kill()
            try await server.start()
            _ = try await add(2, writer)
            #expect(try await numbers == [1, 2])
            await writer.close()
        }
    }

    @Test func cancellationEndsAWaitingTail() async throws {
        try await LocalRedisServer.with { server in
            let observer = RedisClient(server.configuration())
            let tail = RedisStreamTail(
                server.configuration(),
                key: "events",
                start: .end,
                blockTime: .seconds(60)
            )
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: [Int].self) { group in
                group.addTask { try await read(1, from: tail) }
                let isWaiting = try await eventually { try await blockedCount(observer) == 1 }
                #expect(isWaiting)
                group.cancelAll()
                for try await numbers in group { #expect(numbers.isEmpty) }
            }
            #expect(ContinuousClock.now - start < .seconds(30))
            let isGone = try await eventually { try await blockedCount(observer) == 0 }
            #expect(isGone)
            await observer.close()
        }
    }

    @Test func aKeyOfAnotherTypeIsAnError() async throws {
        try await LocalRedisServer.with { server in
            let client = RedisClient(server.configuration())
            _ = try await client.send(RedisCommand("SET", "events", "text"))
            let tail = RedisStreamTail(server.configuration(), key: "events", start: .after(.zero))
            await #expect { try await read(1, from: tail) } throws: { error in
                (error as? RedisError)?.code == .reply(prefix: "WRONGTYPE")
            }
            await client.close()
        }
    }

    @Test(arguments: [
        ("0-0", RedisStreamID.zero),
        ("1700000000000-12", RedisStreamID(milliseconds: 1_700_000_000_000, sequence: 12)),
        ("12", nil), ("", nil), ("-", nil), ("1-2-3", nil), ("a-1", nil), ("-1-0", nil),
    ])
    func idsAreTwoNumbers(text: String, id: RedisStreamID?) {
        #expect(RedisStreamID(text) == id)
        if let id { #expect(id.description == text) }
    }
}

private func add(_ number: Int, _ client: RedisClient) async throws -> RedisStreamID {
    let command = RedisCommand("XADD", "events", "MAXLEN", "~", 1_000, "*", "n", number)
    return try #require(RedisStreamID(try await client.send(command).asString))
}

private func read(_ count: Int, from tail: RedisStreamTail) async throws -> [Int] {
    var numbers: [Int] = []
    for try await entry in tail {
        numbers.append(Int(String(decoding: entry["n"] ?? [], as: UTF8.self)) ?? -1)
        if numbers.count == count { break }
    }
    return numbers
}

private func blockedCount(_ client: RedisClient) async throws -> Int {
    let info = try await client.send(RedisCommand("INFO", "clients")).asString
    let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("blocked_clients:") }
    return try #require(line.flatMap { Int($0.split(separator: ":")[1]) })
}
