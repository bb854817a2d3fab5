/// The accepted and unanswered requests of a client, within bounds; a plain state machine under a lock.
struct RequestQueue {
    /// Names one accepted request; never reused by a client.
    struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// An accepted request.
    struct Request {
        /// Its name.
        let ticket: Ticket
        /// Its commands; at least one.
        let commands: [RedisCommand]
        /// What it counts for in the bound.
        let byteCount: Int
    }

    private let maximumCommands: Int
    private let maximumBytes: Int
    private var waiting: [Request] = []
    private var nextNumber: UInt64 = 0

    /// Commands accepted and unanswered, those of the running round trip included.
    private(set) var commandCount = 0

    /// Bytes accepted and unanswered, those of the running round trip included.
    private(set) var byteCount = 0

    /// Requests refused for want of room.
    private(set) var refusedCount = 0

    /// Whether ``close()`` has been called.
    private(set) var isClosed = false

    /// Makes an empty queue.
    init(maximumCommands: Int, maximumBytes: Int) {
        self.maximumCommands = maximumCommands
        self.maximumBytes = maximumBytes
    }

    /// Accepts a request, or refuses it with `closed` or `queueFull`.
    mutating func enqueue(_ commands: [RedisCommand]) -> Result<Ticket, RedisError> {
        if isClosed { return .failure(RedisError(.closed, "the client is closed")) }
        let bytes = commands.reduce(0) { $0 + $1.queuedBytes }
        guard commandCount + commands.count <= maximumCommands else {
            refusedCount += 1
            return .failure(
                RedisError(.queueFull, "\(commandCount) of \(maximumCommands) commands are unanswered")
            )
        }
        guard byteCount + bytes <= maximumBytes else {
            refusedCount += 1
            return .failure(RedisError(.queueFull, "\(byteCount) of \(maximumBytes) bytes are unanswered"))
        }
        commandCount += commands.count
        byteCount += bytes
        let ticket = Ticket(number: nextNumber)
        nextNumber += 1
        waiting.append(Request(ticket: ticket, commands: commands, byteCount: bytes))
        return .success(ticket)
    }

    /// Takes the oldest requests for one round trip: at least one if any waits, more up to the limit of
    /// bytes.
    mutating func takeRound(upToBytes limit: Int) -> [Request] {
        var bytes = 0
        let end = waiting.firstIndex { request in
            bytes += request.byteCount
            return bytes > limit
        }
        let count = end.map { max($0, 1) } ?? waiting.count
        let round = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        return round
    }

    /// Gives the room of answered requests back.
    mutating func finish(_ requests: [Request]) {
        for request in requests {
            commandCount -= request.commands.count
            byteCount -= request.byteCount
        }
    }

    /// Refuses everything from now on.
    mutating func close() {
        isClosed = true
    }
}
