import AsyncHTTPClient
package import Cron
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
package import Node
package import Scheduling
import ServiceLifecycle

/// Where a server listens.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    /// 0 takes a free one.
    package var port: Int

    /// The default is this machine alone.
    package init(host: String = "127.0.0.1", port: Int = 8080) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which is this machine alone.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: host.isEmpty ? "127.0.0.1" : String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The HTTP API of a node, as a service: serves from `run()` until the graceful shutdown.
///
/// At a graceful shutdown nothing new is accepted, streams are ended, and answers that are being written are finished.
package struct HTTPServer: Service {
    private let operations: any ClusterOperations
    private let address: ListenAddress
    private let zones: TimeZoneDatabase
    private let limits: HTTPLimits
    private let logger: Logger
    private let now: @Sendable () -> WallTime
    private let onListening: @Sendable (Int) async -> Void

    /// Makes a server.
    ///
    /// - Parameters:
    ///   - operations: What the node can be asked to do.
    ///   - address: Where to listen. Port 0 takes a free one.
    ///   - zones: The zones that definitions and schedules are read with.
    ///   - limits: What clients may hold open.
    ///   - logger: Requests are logged only where they fail for a reason that is not the caller's.
    ///   - now: The wall clock.
    ///   - onListening: Called once connections are accepted, with the port.
    package init(
        operations: any ClusterOperations,
        address: ListenAddress = ListenAddress(),
        zones: TimeZoneDatabase,
        limits: HTTPLimits = .ofThisProcess,
        logger: Logger,
        now: @escaping @Sendable () -> WallTime,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.operations = operations
        self.address = address
        self.zones = zones
        self.limits = limits
        self.logger = logger
        self.now = now
        self.onListening = onListening
    }

    /// Serves until a graceful shutdown or the cancellation of the task. Throws where the address cannot be bound.
    package func run() async throws {
        let client = LogProxy.makeClient()
        let streams = OpenStreams(limit: limits.streams)
        let gate = ConnectionGate(limits)
        let environment = APIEnvironment(
            operations: operations,
            zones: zones,
            logger: logger,
            proxy: LogProxy(client: client),
            streams: streams,
            gate: gate,
            limits: limits,
            startedAt: now(),
            now: now
        )
        var serverLogger = logger
        // The server underneath tells at info where it listens, which is said below.
        serverLogger.logLevel = max(logger.logLevel, .notice)
        let (address, limits, onListening, logger) = (address, limits, onListening, logger)
        let application = Application(
            responder: APIResponder(environment: environment, table: .all),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionGuardInstaller(gate: gate, limits: limits)],
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: limits.headerBytes,
                        maxHeaderListSize: limits.headerBytes,
                        maxHeaderFieldCount: limits.headerCount
                    )
                )
            ),
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? address.port
                logger.info(
                    "The HTTP API listens.",
                    metadata: [LogKeys.address: "\(address.host)", LogKeys.port: "\(port)"]
                )
                await onListening(port)
            },
            logger: serverLogger
        )
        let outcome: Result<Void, any Error>
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await application.run()
                } onGracefulShutdown: {
                    streams.endAll()
                }
            } onCancel: {
                streams.endAll()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try outcome.get()
    }
}
