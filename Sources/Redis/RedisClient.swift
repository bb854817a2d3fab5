import Synchronization

/// A client of one Redis server: one connection, a thread of its own, pipelines, bounded.
///
/// The actor's executor is a serial queue on which hiredis may block; no caller's thread ever does. Requests
/// that arrive while a round trip is running are sent together in the next one, in the order of arrival. Any
/// error of the connection drops it, and the next call connects again; after a failed connect calls fail at
/// once with `unavailable` until the backoff has passed.
///
/// Cancellation does not end a call: a command that was handed over may be executed, and the timeouts bound
/// the wait.
package actor RedisClient {
    /// How much is accepted and unanswered.
    package struct Backlog: Sendable, Hashable {
        /// Commands accepted and unanswered.
        package let commandCount: Int
        /// Their bytes, as the bound counts them.
        package let byteCount: Int
        /// Calls that failed with `queueFull` so far.
        package let refusedCount: Int
    }

    /// The bytes of several callers' requests that share a round trip; a single request may be larger.
    private static let roundByteCount = 4 << 20

    private nonisolated let executor = DispatchQueueExecutor(label: "redis.client")
    private nonisolated let interruption = SocketInterruption()
    private nonisolated let requests: Mutex<RequestQueue>
    private let link: RedisLink
    private var outcomes: [RequestQueue.Ticket: RedisLink.Outcome] = [:]

    /// The client's own queue.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Makes a client; connects at the first call.
    ///
    /// From here on the process ignores SIGPIPE (a write to a server that has gone must be an error); whoever
    /// spawns processes gives them the default disposition.
    package init(_ configuration: RedisConfiguration) {
        link = RedisLink(configuration, interruption: interruption)
        requests = Mutex(
            RequestQueue(
                maximumCommands: configuration.maximumQueuedCommands,
                maximumBytes: configuration.maximumQueuedBytes
            )
        )
    }

    /// Sends one command and returns its reply; an error reply is thrown as `reply(prefix:)`.
    package nonisolated func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await pipeline([command])[0].get()
    }

    /// Sends the commands in one go and returns a result for each, in order.
    ///
    /// An error reply is that command's failure and does not concern the others: this is no transaction.
    /// Throws when the call as a whole failed: `queueFull` and `unavailable` before anything was sent, others
    /// with ``RedisError/isOutcomeUnknown`` where some of the commands may have been executed.
    /// No commands, no round trip.
    package nonisolated func pipeline(
        _ commands: [RedisCommand]
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        if commands.isEmpty { return [] }
        let ticket = try requests.withLock { $0.enqueue(commands) }.get()
        return try await serve(ticket).get()
    }

    /// How much is accepted and unanswered now; for metrics.
    package nonisolated var backlog: Backlog {
        requests.withLock { queue in
            Backlog(
                commandCount: queue.commandCount,
                byteCount: queue.byteCount,
                refusedCount: queue.refusedCount
            )
        }
    }

    /// Closes the client for good: what is queued or running fails with `closed`, the connection ends.
    ///
    /// When it returns nothing of the client runs any more. It waits for a running connect, that is at most
    /// the connect timeout; a running round trip is interrupted. Any number of calls.
    package nonisolated func close() async {
        requests.withLock { $0.close() }
        interruption.interrupt()
        await end()
    }

    /// Runs round trips until the ticket's request is answered, by this call or an earlier one, and returns
    /// the answer.
    ///
    /// It suspends nowhere, so calls run whole and in order, and every accepted request has a call that waits
    /// for it: there is no continuation that could be forgotten.
    private func serve(_ ticket: RequestQueue.Ticket) -> RedisLink.Outcome {
        while true {
            if let outcome = outcomes.removeValue(forKey: ticket) { return outcome }
            // The request is in the queue, as it is not answered, and a round takes from the front: this
            // ends.
            runRound()
        }
    }

    private func runRound() {
        let (round, wasClosed) = requests.withLock {
            ($0.takeRound(upToBytes: Self.roundByteCount), $0.isClosed)
        }
        let results: [RedisLink.Outcome] =
            wasClosed
            ? round.map { _ in .failure(RedisError(.closed, "the client was closed")) }
            : link.exchange(round.map(\.commands))
        let isClosed = requests.withLock { queue in
            queue.finish(round)
            return queue.isClosed
        }
        for (request, result) in zip(round, results) {
            outcomes[request.ticket] = isClosed ? result.mapError(\.asClosed) : result
        }
    }

    private func end() {
        link.drop()
    }
}

extension RedisError {
    /// The same failure as seen by a caller of a client that was closed meanwhile.
    fileprivate var asClosed: RedisError {
        RedisError(.closed, "the client was closed", server: server, isOutcomeUnknown: isOutcomeUnknown)
    }
}
