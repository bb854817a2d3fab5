import Cron
import HTTPAPI
import Logging
import Node
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
internal import Glibc
#endif

/// A process of one or more nodes with one API: starts them, says when they are ready, stops them in order.
struct NodeProcess {
    let nodes: [Node]
    let listen: ListenAddress
    /// What other nodes reach the API at, where that is not the address it listens at.
    let advertise: String?
    let zones: TimeZoneDatabase
    let logger: Logger
    /// What must run beside the nodes: an embedded store.
    let companions: [any Service]

    func run() async throws {
        // The API comes up first, so that its port is known when the nodes register, and goes down last.
        let (ports, continuation) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let server = HTTPServer(
            operations: nodes[0].operations(siblings: Array(nodes.dropFirst())),
            address: listen,
            zones: zones,
            logger: logger,
            now: { [node = nodes[0]] in node.now },
            onListening: { continuation.yield($0) }
        )
        let node = NodeService(
            nodes: nodes,
            listen: listen,
            advertise: advertise,
            ports: ports
        )
        let group = ServiceGroup(
            configuration: .init(
                services: companions.map { .init(service: $0, successTerminationBehavior: .ignore) } + [
                    .init(service: server, failureTerminationBehavior: .cancelGroup),
                    .init(
                        service: node,
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup
                    ),
                ],
                logger: quietLogger
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                var signals = 0
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                    signals += 1
                    switch signals {
                    case 1: await group.triggerGracefulShutdown()
                    // No more patience: the drain ends as soon as the processes have.
                    case 2: for node in nodes { node.killAttempts() }
                    // Everything ends now. The next start sweeps what is left.
                    default: _exit(1)
                    }
                }
            }
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    /// The service group tells of each start and stop at debug; only its errors are of interest here.
    private var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}

/// The nodes of a process as one service.
private struct NodeService: Service {
    let nodes: [Node]
    let listen: ListenAddress
    let advertise: String?
    let ports: AsyncStream<Int>

    func run() async throws {
        var address = advertise ?? ""
        for await port in ports {
            var actual = listen
            actual.port = port
            if advertise == nil { address = actual.description }
            break
        }
        let advertised = address
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await runNodes(advertised)
                    return true
                }
                group.addTask {
                    await sayReady(advertised)
                    return false
                }
                // A node may be stopped before it was ever ready: nobody waits for its line then.
                while let isOver = try await group.next(), !isOver {}
                group.cancelAll()
            }
        } onGracefulShutdown: {
            for node in nodes { node.stop() }
        }
    }

    /// Runs all nodes until all have stopped. They start one after the other, so that a fresh cluster numbers them in
    /// order.
    private func runNodes(_ address: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes {
                group.addTask { try await node.run(address: address) }
                await node.waitUntilRegistered()
            }
            // Not `waitForAll`, which would let the others run on after one has failed.
            while try await group.next() != nil {}
        }
    }

    /// Prints the one line that stdout is for, once this node is ready.
    private func sayReady(_ address: String) async {
        let operations = nodes.map { $0.operations() }
        while !Task.isCancelled {
            var missing: [String] = []
            for each in operations { missing += await each.missingForReady() }
            if missing.isEmpty, let worker = nodes[0].workerID {
                let line = Array("ready http://\(address) \(worker)\n".utf8)
                // The line outlives the call, which keeps no pointer.
                _ = line.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
                return
            }
            do {
                // The interval of asking: what is missing is in several services.
                try await ContinuousClock().sleep(for: .milliseconds(20))
            } catch {
                return  // stopped before it was ready
            }
        }
    }
}
