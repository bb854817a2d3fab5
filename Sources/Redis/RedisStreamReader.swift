/// Reads one stream batch by batch on a connection and thread of its own; remembers its place.
actor RedisStreamReader {
    private nonisolated let executor = DispatchQueueExecutor(label: "redis.stream")
    private nonisolated let interruption = SocketInterruption()
    private let link: RedisLink
    private let key: String
    private let batchCount: Int
    private let blockMilliseconds: Int64

    /// The id of the last entry read; `nil` while the start is the stream's end and not looked up yet.
    private var position: RedisStreamID?

    /// The reader's own queue.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Makes a reader without connecting; its read timeout is the block time and the command timeout
    /// together.
    init(
        _ configuration: RedisConfiguration,
        key: String,
        start: RedisStreamTail.Start,
        batchCount: Int,
        blockTime: Duration
    ) {
        link = RedisLink(
            configuration,
            readTimeout: blockTime + configuration.commandTimeout,
            interruption: interruption
        )
        self.key = key
        self.batchCount = batchCount
        blockMilliseconds =
            blockTime.components.seconds * 1_000 + blockTime.components.attoseconds / 1_000_000_000_000_000
        position =
            switch start {
            case .after(let id): id
            case .end: nil
            }
    }

    /// Whether ``interrupt()`` has been called.
    nonisolated var isInterrupted: Bool { interruption.isInterrupted }

    /// Ends a running read and every later one with an error. Any thread.
    nonisolated func interrupt() {
        interruption.interrupt()
    }

    /// How long until a connect is due.
    var remainingBackoff: Duration { link.remainingBackoff }

    /// Waits for the entries after the last one read, at most the block time; none is an empty batch.
    func readBatch() -> Result<[RedisStreamEntry], RedisError> {
        do throws(RedisError) {
            let after = try currentPosition()
            let reply = try exchange(
                RedisCommand(
                    "XREAD",
                    "COUNT",
                    batchCount,
                    "BLOCK",
                    blockMilliseconds,
                    "STREAMS",
                    key,
                    after.description
                )
            )
            if reply.isNull { return .success([]) }
            guard let stream = try reply.asArray.first?.asArray, stream.count == 2 else {
                throw RedisError(.unexpectedReply, "XREAD replies streams with their entries")
            }
            var entries: [RedisStreamEntry] = []
            for entry in try stream[1].asArray { entries.append(try RedisStreamEntry(entry)) }
            position = entries.last?.id ?? after
            return .success(entries)
        } catch {
            return .failure(error)
        }
    }

    /// The place to read after; at the start from the end, the id of the newest entry.
    ///
    /// `$` would do for one `XREAD`, but a connection lost before the first entry would then skip what was
    /// written meanwhile.
    private func currentPosition() throws(RedisError) -> RedisStreamID {
        if let position { return position }
        var end = RedisStreamID.zero
        let newest = try exchange(RedisCommand("XREVRANGE", key, "+", "-", "COUNT", 1)).asArray
        if let entry = newest.first { end = try RedisStreamEntry(entry).id }
        position = end
        return end
    }

    private func exchange(_ command: RedisCommand) throws(RedisError) -> RedisValue {
        try link.exchange([[command]])[0].get()[0].get()
    }
}
