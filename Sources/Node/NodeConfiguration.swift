package import Coordination
package import Cron
package import Logging
package import Scheduling
package import ZnodeStore

/// What a node does.
package enum NodeRole: String, Hashable, Sendable, CaseIterable {
    case worker, api, leader
}

/// How one node is to run.
package struct NodeConfiguration: Sendable {
    /// `solo` or `cluster`: shown, and nothing depends on it.
    package var mode: String
    package var source: any SessionSource
    package var layout: ZnodeLayout
    /// Opens the mirror once the cluster's id is known.
    package var openMirror: @Sendable (_ clusterID: String) async throws -> any MirrorStore
    package var dataDirectory: String
    /// Opens the place where attempts run.
    package var openHost: @Sendable (DataDirectory, Logger) throws -> any AttemptHost
    /// Measures the machine; given the data directory, whose disk counts.
    package var makeProbe: @Sendable (String) -> any MachineProbe = { ResourceProbe(directory: $0) }
    /// The clocks and the chance of all services.
    package var time = NodeTime.system
    package var roles: Set<NodeRole> = Set(NodeRole.allCases)
    package var pool = JobDefinition.defaultPool
    package var labels: [String: String] = [:]
    /// Default: four for each core.
    package var slots: Int?
    /// The most bytes on disk that the logs of attempts take, but for what comes between two looks and what lives; the oldest
    /// go first.
    package var logSpaceBytes = defaultLogSpaceBytes
    package static let defaultLogSpaceBytes: Int64 = 10 << 30
    /// How long running attempts may go on after SIGTERM.
    package var drainTimeout: Duration = .seconds(60)
    /// Whether a stopping node hands its jobs over at once instead of being expected back.
    package var leaves = false
    package var version: String
    package var zones: TimeZoneDatabase
    package var logger: Logger

    package init(
        mode: String,
        source: any SessionSource,
        layout: ZnodeLayout,
        openMirror: @escaping @Sendable (_ clusterID: String) async throws -> any MirrorStore,
        dataDirectory: String,
        openHost: @escaping @Sendable (DataDirectory, Logger) throws -> any AttemptHost,
        version: String,
        zones: TimeZoneDatabase,
        logger: Logger
    ) {
        self.mode = mode
        self.source = source
        self.layout = layout
        self.openMirror = openMirror
        self.dataDirectory = dataDirectory
        self.openHost = openHost
        self.version = version
        self.zones = zones
        self.logger = logger
    }
}
