package import Logging

/// Where the server is, how to log in, and the bounds of a client.
package struct RedisConfiguration: Sendable {
    /// The server's name or address; default 127.0.0.1.
    ///
    /// A name is resolved by `getaddrinfo` on the client's thread at each connect, outside the connect
    /// timeout.
    package var host: String

    /// The server's TCP port; default 6379.
    package var port: Int

    /// The ACL user; `nil` (the default) logs in as `default`. Used only with a password.
    ///
    /// Each connection begins with a `PING`, which the user must be allowed.
    package var username: String?

    /// The password; `nil` (the default) sends no `AUTH`.
    package var password: String?

    /// The database selected on each connection; default 0.
    package var database: Int

    /// The longest wait for a TCP connection; default 2 s.
    package var connectTimeout: Duration

    /// The longest time in which the server may take no bytes or send none while a reply is due; default 5 s.
    ///
    /// It bounds silence, not a whole pipeline: a server that keeps answering is not cut off.
    package var commandTimeout: Duration

    /// How many commands may be accepted and unanswered; default 100,000. A call beyond it fails at once.
    package var maximumQueuedCommands: Int

    /// How many bytes of commands may be accepted and unanswered; default 64 MiB. A call beyond it fails at
    /// once.
    package var maximumQueuedBytes: Int

    /// The wait after the first failed connect; doubled by each further one. Default 100 ms.
    package var firstBackoff: Duration

    /// The longest wait between two connects; default 5 s.
    package var longestBackoff: Duration

    /// A number from 0 up to 1 that shortens a backoff by up to half; default random.
    package var jitter: @Sendable () -> Double

    /// Receives connects and losses at debug level; default none.
    package var logger: Logger

    /// Makes a configuration with defaults for everything but the place.
    package init(host: String = "127.0.0.1", port: Int = 6379) {
        precondition((1...65_535).contains(port), "\(port) is no TCP port")
        self.host = host
        self.port = port
        username = nil
        password = nil
        database = 0
        connectTimeout = .seconds(2)
        commandTimeout = .seconds(5)
        maximumQueuedCommands = 100_000
        maximumQueuedBytes = 64 << 20
        firstBackoff = .milliseconds(100)
        longestBackoff = .seconds(5)
        jitter = { Double.random(in: 0..<1) }
        logger = Logger(label: "redis") { _ in SwiftLogNoOpLogHandler() }
    }

    /// The server as `host:port`, for messages.
    package var server: String { "\(host):\(port)" }
}

extension RedisConfiguration: CustomStringConvertible {
    /// The server and the database, never the password.
    package var description: String { "redis \(server)/\(database)" }
}
