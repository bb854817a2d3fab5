import Glibc
import Logging

/// Keeps one connection to one server: connects when needed, logs in, runs pipelines, drops it on any error.
///
/// Not `Sendable`: it belongs to one actor, whose executor may block. Every connection is made anew, so its
/// timeouts are always in force.
final class RedisLink {
    /// What became of one request: its replies in order, or why there are none.
    typealias Outcome = Result<[Result<RedisValue, RedisError>], RedisError>

    private let configuration: RedisConfiguration
    private let readTimeout: Duration
    private let interruption: SocketInterruption
    private var context: HiredisContext?
    private var backoff: ConnectionBackoff

    /// Makes a link without connecting; `readTimeout` stands in for the configured command timeout where
    /// given.
    ///
    /// Sets SIGPIPE to be ignored in this process, once: hiredis writes with `write(2)`, so a peer that has
    /// gone would end the process. A spawned process must be given the default disposition again by whoever
    /// spawns it.
    init(
        _ configuration: RedisConfiguration,
        readTimeout: Duration? = nil,
        interruption: SocketInterruption
    ) {
        _ = Self.brokenPipesAreErrors
        self.configuration = configuration
        self.readTimeout = readTimeout ?? configuration.commandTimeout
        self.interruption = interruption
        backoff = ConnectionBackoff(first: configuration.firstBackoff, longest: configuration.longestBackoff)
    }

    /// Evaluated once per process.
    private static let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

    /// How long until a connect is due; zero when connected or when it is due.
    var remainingBackoff: Duration { backoff.remaining(at: .now) }

    /// Runs the requests as one pipeline in one round trip; one outcome per request, in order.
    ///
    /// A request all of whose replies came before a failure has succeeded. The others' errors say whether
    /// they were handed to the socket.
    func exchange(_ requests: [[RedisCommand]]) -> [Outcome] {
        var outcomes: [Outcome] = []
        outcomes.reserveCapacity(requests.count)
        var wasHandedOver = false
        do throws(RedisError) {
            let context = try connectedContext()
            for request in requests {
                for command in request { try context.append(command) }
            }
            wasHandedOver = true
            try context.flush()
            for request in requests {
                var replies: [Result<RedisValue, RedisError>] = []
                replies.reserveCapacity(request.count)
                for _ in request { replies.append(try context.nextReply()) }
                outcomes.append(.success(replies))
            }
        } catch {
            drop(because: error)
            let failure = wasHandedOver ? error.withUnknownOutcome() : error
            while outcomes.count < requests.count { outcomes.append(.failure(failure)) }
        }
        return outcomes
    }

    /// Closes the connection; the next exchange connects again.
    func drop() {
        context = nil
    }

    private func connectedContext() throws(RedisError) -> HiredisContext {
        if let context {
            if !context.isStale { return context }
            // The server went away while nothing was outstanding: no command is in doubt, so connect again.
            drop(
                because: RedisError(
                    .io,
                    "the server closed the idle connection",
                    server: configuration.server
                )
            )
        }
        let wait = backoff.remaining(at: .now)
        if wait > .zero {
            let reason = backoff.lastError?.message ?? "connect failed"
            throw RedisError(
                .unavailable,
                "\(reason); next attempt in \(wait.components.seconds + 1) s at the latest",
                server: configuration.server
            )
        }
        do throws(RedisError) {
            let context = try HiredisContext(
                host: configuration.host,
                port: configuration.port,
                connectTimeout: configuration.connectTimeout,
                readTimeout: readTimeout,
                interruption: interruption
            )
            try greet(context)
            backoff.connectSucceeded()
            self.context = context
            configuration.logger.debug(
                "Connected to Redis",
                metadata: [RedisLogKeys.server: "\(configuration.server)"]
            )
            return context
        } catch {
            backoff.connectFailed(error, at: .now, jitter: configuration.jitter())
            throw error
        }
    }

    /// Logs in and selects the database, and makes sure that the server answers at all: the kernel accepts
    /// connections for a stopped process too.
    private func greet(_ context: HiredisContext) throws(RedisError) {
        var greeting: [RedisCommand] = []
        if let password = configuration.password {
            greeting.append(
                RedisCommand("AUTH", arguments: [configuration.username, password].compactMap(\.self))
            )
        }
        if configuration.database != 0 { greeting.append(RedisCommand("SELECT", configuration.database)) }
        greeting.append(RedisCommand("PING"))
        for command in greeting { try context.append(command) }
        try context.flush()
        var answer = RedisValue.null
        for _ in greeting { answer = try context.nextReply().get() }
        // Loopback can connect a socket to itself, which then reads its own command.
        guard answer == .status("PONG") else {
            throw RedisError(.protocolError, "the peer is no Redis server", server: configuration.server)
        }
    }

    private func drop(because error: RedisError) {
        guard context != nil else { return }
        context = nil
        configuration.logger.debug(
            "Dropped the connection to Redis",
            metadata: [
                RedisLogKeys.server: "\(configuration.server)", RedisLogKeys.error: "\(error)",
            ]
        )
    }
}
