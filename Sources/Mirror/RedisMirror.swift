import Cron
package import Logging
package import Redis
package import Scheduling

/// The mirror of a cluster, in Redis; the keys are those of `RedisKeys`.
///
/// One client for all calls, which makes one connection and connects when it is needed; each stream of events has a
/// connection of its own. Safe against late writers: a script compares versions in the server.
package final class RedisMirror: MirrorStore {
    /// How much goes in one pipeline: well below the client's bound, which several callers share.
    private static let pipelineCount = 20_000
    private static let pipelineBytes = 16 << 20

    let client: RedisClient
    let keys: RedisKeys
    private let configuration: RedisConfiguration
    private let eventLimit: Int
    private let logger: Logger
    private let bell = EventBell(newest: 0)

    /// Makes a mirror; connects at the first call.
    ///
    /// `prefix` begins all keys. About `eventLimit` events are kept.
    package init(
        _ configuration: RedisConfiguration,
        clusterID: String,
        prefix: String = "skyfire",
        eventLimit: Int = 10_000,
        logger: Logger
    ) {
        precondition(eventLimit > 0, "a stream of \(eventLimit) events holds none")
        client = RedisClient(configuration)
        keys = RedisKeys(prefix: prefix, clusterID: clusterID)
        self.configuration = configuration
        self.eventLimit = eventLimit
        self.logger = logger
    }

    package var backlog: MirrorBacklog? {
        let backlog = client.backlog
        return MirrorBacklog(
            commands: backlog.commandCount,
            commandLimit: configuration.maximumQueuedCommands,
            bytes: backlog.byteCount,
            byteLimit: configuration.maximumQueuedBytes,
            refused: backlog.refusedCount
        )
    }

    /// Writes batches in order, in one round trip (several above 20,000 records or 16 MiB).
    ///
    /// A thrown error means that some records may be missing: write the batches again, which harms nothing.
    package func write(_ batches: [MirrorBatch]) async throws(MirrorError) {
        let records = try EncodedRecord.encode(batches)
        var calls: [RedisScript.Call] = []
        var bytes = 0
        for record in records {
            let call = RedisApplyScript.call(for: record, keys: keys, eventLimit: eventLimit)
            let size = call.arguments.reduce(0) { $0 + $1.count }
            if calls.count == Self.pipelineCount || bytes + size > Self.pipelineBytes {
                try await apply(calls)
                calls = []
                bytes = 0
            }
            calls.append(call)
            bytes += size
        }
        try await apply(calls)
    }

    package func run(_ id: RunID) async throws(MirrorError) -> MirroredRun? {
        let key = keys.run(id.description)
        let reply = try await send(RedisCommand("HMGET", key, "run", "tasks"))
        let json = MirrorJSON()
        guard let run = try reply.first?.text, let tasks = try reply.last?.text else { return nil }
        return MirroredRun(
            run: try json.decode(RunView.self, from: run, of: key),
            tasks: try json.decode([TaskSummary].self, from: tasks, of: key)
        )
    }

    package func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView] {
        let key = keys.attempts(of: run)
        let values = try await send(RedisCommand("HVALS", key))
        let json = MirrorJSON()
        var attempts: [AttemptView] = []
        attempts.reserveCapacity(values.count)
        for value in values {
            guard let text = try value.text, let space = text.firstIndex(of: UInt8(ascii: " ")) else {
                continue
            }
            attempts.append(try json.decode(AttemptView.self, from: text[(space + 1)...], of: key))
        }
        return attempts.sorted { ($0.task, $0.partition, $0.n) < ($1.task, $1.partition, $1.n) }
    }

    package func job(_ name: JobName) async throws(MirrorError) -> JobView? {
        let key = keys.job(name.description)
        let reply = try await send(RedisCommand("HMGET", key, "job"))
        guard let text = try reply.first?.text else { return nil }
        return try MirrorJSON().decode(JobView.self, from: text, of: key)
    }

    /// Events after an id, or from the first `next()` on; an id that is none counts as from now on.
    ///
    /// Nothing is buffered: a slow consumer reads later, and misses what the stream's cap has trimmed meanwhile. Each
    /// stream has a connection and a thread, so a node makes one and hands its events to all who look at it.
    package func events(after id: String?) -> AsyncStream<MirrorEvent> {
        let start = id.flatMap { RedisStreamID($0) }.map { RedisStreamTail.Start.after($0) } ?? .end
        let feed = RedisEventFeed(
            RedisStreamTail(configuration, key: keys.events, start: start),
            bell: bell,
            logger: logger
        )
        return AsyncStream(unfolding: { await feed.next() })
    }

    /// Writes a small key; `nil` where that works.
    package func health() async -> String? {
        do throws(RedisError) {
            _ = try await client.send(RedisCommand("SET", keys.probe, "1", "EX", 60))
            return nil
        } catch {
            switch error.code {
            case .reply: return "Redis at \(configuration.server) refuses writes: \(error.message)"
            case .closed: return MirrorError.closed.description
            case .queueFull:
                return "Redis at \(configuration.server) is slower than its clients: \(error.message)"
            case .io, .timeout, .protocolError, .unavailable, .unexpectedReply:
                return "Redis at \(configuration.server) does not answer: \(error.message)"
            }
        }
    }

    /// A text that stays the same until Redis is emptied; then live state must be projected again.
    package func incarnation() async throws(MirrorError) -> String {
        let candidate = String(UInt64.random(in: .min ... .max), radix: 36)
        do throws(RedisError) {
            let replies = try await client.pipeline([
                RedisCommand("SET", keys.incarnation, candidate, "NX"), RedisCommand("GET", keys.incarnation),
            ])
            _ = try replies[0].get()
            return try replies[1].get().asString
        } catch {
            throw MirrorError(error)
        }
    }

    package func close() async {
        bell.close()
        await client.close()
    }

    /// Sends a command whose reply is an array.
    func send(_ command: RedisCommand) async throws(MirrorError) -> [RedisValue] {
        do throws(RedisError) {
            return try await client.send(command).asArray
        } catch {
            throw MirrorError(error)
        }
    }

    private func apply(_ calls: [RedisScript.Call]) async throws(MirrorError) {
        do throws(RedisError) {
            for result in try await client.evaluate(RedisApplyScript.script, calls: calls) {
                _ = try result.get()
            }
        } catch {
            throw MirrorError(error)
        }
    }
}

extension RedisValue {
    /// A string's bytes, `nil` for null.
    var text: [UInt8]? {
        get throws(MirrorError) {
            do throws(RedisError) {
                return try asBytesIfPresent
            } catch {
                throw MirrorError(error)
            }
        }
    }
}
