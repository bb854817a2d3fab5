import ArgumentParser
import Coordination
import Cron
import HTTPAPI
import Logging
import Mirror
import Node
import Redis
import Scheduling
import ZnodeStore
import ZooKeeper

/// `skyfire node`: one member of a cluster.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Run one node of a cluster. Start more of them to scale; lose any of them.",
        discussion: "Prints one line when ready: `ready http://ADDR:PORT worker-N`."
    )

    @Option(help: "The ZooKeeper ensemble: HOST:PORT[,HOST:PORT…].") var zookeeper: String
    @Option(help: "The Redis server: HOST:PORT.") var redis: String
    @Option(help: "The znode below which the cluster lives; several clusters can share an ensemble.")
    var root = "/root"
    @Option(help: "Where the API listens (port 0 takes a free one).") var http = "127.0.0.1:8080"
    @Option(help: "HOST:PORT at which other nodes reach this one, where it is not --http.") var advertise:
        String?
    @Option(help: "The node's directory: identity, logs, working files.") var data = "/var/lib/skyfire"
    @Option(help: "The pool that this node belongs to.") var pool = JobDefinition.defaultPool
    @Option(name: .customLong("label"), help: "A label of this node, k=v. May be repeated.") var labels:
        [String] = []
    @Option(
        help: "worker, api, leader: what this node does, comma separated. The API itself is always served."
    )
    var roles = "worker,api,leader"
    @Option(help: "How many attempts run at once. Default: 4 for each core.") var slots: Int?
    @Option(help: "The ZooKeeper session timeout to ask for.") var sessionTimeout = "10s"
    @Option(help: "How long running attempts may go on after SIGTERM.") var drainTimeout = "60s"
    @Option(help: "The most that the logs of attempts take on disk, of each worker; the oldest go first.")
    var logSpace = "10GiB"
    @Flag(help: "Hand everything over when stopping, instead of being expected back.") var leave = false
    @Option(help: "The first part of all Redis keys.") var redisPrefix = "skyfire"
    @Option(help: "A file with USER:PASSWORD for ZooKeeper's digest authentication.") var zookeeperAuthFile:
        String?
    @Option(help: "A file with the Redis password.") var redisPasswordFile: String?
    @Option(help: "trace, debug, info, notice, warning or error.") var logLevel = "info"

    func validate() throws {
        guard ListenAddress(http) != nil else { throw ValidationError("--http is ADDR:PORT") }
        guard ListenAddress(redis) != nil else { throw ValidationError("--redis is HOST:PORT") }
        if let slots, slots < 1 { throw ValidationError("--slots is at least 1") }
        for label in labels where label.firstIndex(of: "=") ?? label.startIndex == label.startIndex {
            throw ValidationError("--label is k=v, not \"\(label)\"")
        }
        _ = try parsedRoles()
        _ = try ServerOptions.duration(sessionTimeout, "--session-timeout")
        _ = try ServerOptions.duration(drainTimeout, "--drain-timeout")
        _ = try ServerOptions.logSpace(logSpace)
        _ = try ServerOptions.level(logLevel)
        let path: ZnodePath
        do throws(StoreError) {
            path = try ZnodePath(root)
        } catch {
            throw ValidationError("--root: \(error.message ?? "not a znode path")")
        }
        guard path != .root else { throw ValidationError("--root cannot be \"/\"") }
    }

    private func parsedRoles() throws -> Set<NodeRole> {
        try Set(
            roles.split(separator: ",").map { text in
                guard let role = NodeRole(rawValue: String(text)) else {
                    throw ValidationError("--roles: \"\(text)\" is not one of worker, api, leader")
                }
                return role
            }
        )
    }

    func run() async throws {
        let logger = try ServerOptions.logger(logLevel)
        let zones = TimeZoneDatabase()
        let ensemble = ZooKeeperEnsemble(
            try ZooKeeperConfiguration(
                connectString: zookeeper,
                sessionTimeout: ServerOptions.duration(sessionTimeout, "--session-timeout"),
                credentials: credentials(),
                logger: logger
            )
        )
        let address = ListenAddress(redis) ?? ListenAddress()
        var redisConfiguration = RedisConfiguration(host: address.host, port: address.port)
        redisConfiguration.password = try secret(redisPasswordFile)
        redisConfiguration.logger = logger
        let prefix = redisPrefix
        let mirrorConfiguration = redisConfiguration
        var configuration = NodeConfiguration(
            mode: "cluster",
            source: ensemble,
            layout: ZnodeLayout(root: try ZnodePath(root)),
            openMirror: { clusterID in
                RedisMirror(mirrorConfiguration, clusterID: clusterID, prefix: prefix, logger: logger)
            },
            dataDirectory: data,
            openHost: {
                try RunnerHost(directory: $0, launch: RunnerCommand.launch(data: $0.path), logger: $1)
            },
            version: ServerOptions.version,
            zones: zones,
            logger: logger
        )
        configuration.roles = try parsedRoles()
        configuration.pool = pool
        for label in labels {
            let parts = label.split(separator: "=", maxSplits: 1)
            configuration.labels[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        configuration.slots = slots
        configuration.drainTimeout = try ServerOptions.duration(drainTimeout, "--drain-timeout")
        configuration.leaves = leave
        configuration.logSpaceBytes = try ServerOptions.logSpace(logSpace)
        let process = NodeProcess(
            nodes: [try Node(configuration)],
            listen: ListenAddress(http) ?? ListenAddress(),
            advertise: advertise,
            zones: zones,
            logger: logger,
            companions: []
        )
        try await process.run()
    }

    private func credentials() throws -> ZooKeeperConfiguration.Credentials? {
        guard let text = try secret(zookeeperAuthFile) else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { throw ValidationError("--zookeeper-auth-file holds USER:PASSWORD") }
        return .init(user: String(parts[0]), password: String(parts[1]))
    }

    /// The first line of a file that holds a secret: secrets do not belong into arguments, which anybody can list.
    private func secret(_ path: String?) throws -> String? {
        guard let path else { return nil }
        guard let text = DataDirectory.read(path) else { throw ValidationError("cannot read \(path)") }
        return text.split(separator: "\n").first.map(String.init)
    }
}
