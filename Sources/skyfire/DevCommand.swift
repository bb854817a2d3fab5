import ArgumentParser
import Coordination
import Cron
import HTTPAPI
import Logging
import Mirror
import Node
import ServiceLifecycle
import ZnodeStore
import ZnodeStoreSQLite

#if canImport(Glibc)
internal import Glibc
#endif

/// `skyfire dev`: a whole cluster in one process, for trying, for development, for one machine.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract:
            "Run a whole cluster in this process: embedded store, workers and API. Needs no ZooKeeper or Redis.",
        discussion: "Prints one line when ready: `ready http://ADDR:PORT worker-1`. State survives a restart."
    )

    @Option(help: "How many workers.") var workers = 3
    @Option(help: "Where the API listens (port 0 takes a free one).") var http = "127.0.0.1:8080"
    @Option(help: "Where state is kept. Default: $XDG_DATA_HOME/skyfire, or ~/.local/share/skyfire.")
    var data: String?
    @Option(help: "How many attempts each worker runs at once. Default: 4 for each core.") var slots: Int?
    @Option(help: "How long running attempts may go on after SIGTERM.") var drainTimeout = "10s"
    @Option(help: "The most that the logs of attempts take on disk, of each worker; the oldest go first.")
    var logSpace = "10GiB"
    @Option(help: "trace, debug, info, notice, warning or error.") var logLevel = "warning"

    func validate() throws {
        guard (1...64).contains(workers) else { throw ValidationError("--workers is 1 to 64") }
        if let slots, slots < 1 { throw ValidationError("--slots is at least 1") }
        guard ListenAddress(http) != nil else { throw ValidationError("--http is ADDR:PORT") }
        _ = try ServerOptions.duration(drainTimeout, "--drain-timeout")
        _ = try ServerOptions.logSpace(logSpace)
        _ = try ServerOptions.level(logLevel)
    }

    func run() async throws {
        let logger = try ServerOptions.logger(logLevel)
        let directory = data ?? Self.defaultDirectory()
        guard DataDirectory.makeDirectories(directory) else {
            throw CleanExit.message("cannot make \(directory)")
        }
        let zones = TimeZoneDatabase()
        let lock = try DataDirectory(path: "\(directory)/store")
        let journal = try SQLiteJournal(path: "\(directory)/store/znodes.sqlite", durability: .processKill)
        let store = try await EmbeddedStore.load(from: journal, timeout: .seconds(10))
        let layout = ZnodeLayout(root: try ZnodePath("/root"))
        let logBytes = try ServerOptions.logSpace(logSpace)
        let drain = try ServerOptions.duration(drainTimeout, "--drain-timeout")
        let mirror = try SQLiteMirror(path: "\(directory)/store/mirror.sqlite", logger: logger)
        let nodes = try (1...workers).map { number in
            var configuration = NodeConfiguration(
                mode: "solo",
                source: store,
                layout: layout,
                openMirror: { _ in mirror },
                dataDirectory: "\(directory)/worker-\(number)",
                openHost: {
                    try RunnerHost(directory: $0, launch: RunnerCommand.launch(data: $0.path), logger: $1)
                },
                version: ServerOptions.version,
                zones: zones,
                logger: logger
            )
            configuration.roles = number == 1 ? [.worker, .api, .leader] : [.worker]
            configuration.slots = slots
            configuration.drainTimeout = drain
            configuration.logSpaceBytes = logBytes
            configuration.leaves = true
            return try Node(configuration)
        }
        let process = NodeProcess(
            nodes: nodes,
            listen: ListenAddress(http) ?? ListenAddress(),
            advertise: nil,
            zones: zones,
            logger: logger,
            companions: [StoreService(store: store)]
        )
        try await process.run()
        withExtendedLifetime(lock) {}
    }

    private static func defaultDirectory() -> String {
        if let base = getenv("XDG_DATA_HOME") { return "\(String(cString: base))/skyfire" }
        let home = getenv("HOME").map { String(cString: $0) } ?? "."
        return "\(home)/.local/share/skyfire"
    }
}

/// Keeps the embedded store's own duties running: the end of abandoned sessions, the journal's failures.
private struct StoreService: Service {
    let store: EmbeddedStore

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await store.run() }
    }
}
