import Testing

@testable import Redis

struct RequestQueueTests {
    private let command = RedisCommand("PING")

    @Test func roundsKeepTheOrderAndTheLimit() throws {
        var queue = RequestQueue(maximumCommands: 100, maximumBytes: 100_000)
        let tickets = try (0..<5).map { _ in try queue.enqueue([command, command]).get() }
        let limit = 4 * command.queuedBytes
        #expect(queue.takeRound(upToBytes: limit).map(\.ticket) == Array(tickets[0..<2]))
        #expect(queue.takeRound(upToBytes: 1).map(\.ticket) == [tickets[2]])
        #expect(queue.takeRound(upToBytes: .max).map(\.ticket) == Array(tickets[3...]))
        #expect(queue.takeRound(upToBytes: .max).isEmpty)
    }

    @Test func unansweredRequestsCountUntilTheyAreFinished() throws {
        var queue = RequestQueue(maximumCommands: 2, maximumBytes: 100_000)
        _ = try queue.enqueue([command, command]).get()
        let round = queue.takeRound(upToBytes: .max)
        #expect(throws: RedisError.self) { try queue.enqueue([command]).get() }
        #expect(queue.refusedCount == 1)
        queue.finish(round)
        #expect(queue.commandCount == 0)
        #expect(queue.byteCount == 0)
        _ = try queue.enqueue([command]).get()
    }

    @Test func aClosedQueueRefuses() {
        var queue = RequestQueue(maximumCommands: 2, maximumBytes: 100_000)
        queue.close()
        guard case .failure(let error) = queue.enqueue([command]) else {
            Issue.record("a closed queue accepted a request")
            return
        }
        #expect(error.code == .closed)
    }
}
