import Foundation
import Logging
import ServerFixtures
import Synchronization
import Testing
import ZnodeStore
import ZooKeeper

/// Nodes of the product on a root of their own, with the servers they need.
final class TestCluster: Sendable {
    let redis: RedisServer
    let zookeepers: [ZooKeeperServer]
    let root: String
    private let folder: ServerDirectory
    private let options: [String]
    private let started = Mutex<[ProductProcess]>([])
    private let starts = Atomic(0)

    /// A directory that ends with the cluster, for the files of tasks.
    var directory: String { folder.path }

    private init(zookeepers: [ZooKeeperServer], redis: RedisServer, options: [String]) throws {
        self.zookeepers = zookeepers
        self.redis = redis
        self.options = options
        folder = try ServerDirectory(name: "skyfire-cluster")
        root = "/test-\(UUID().uuidString.prefix(8).lowercased())"
    }

    /// Starts a cluster and ends it after the body.
    ///
    /// `redis` and `zookeepers` are servers that the body may stop; without them all clusters share theirs.
    static func with(
        nodes: Int = 3,
        redis: RedisServer? = nil,
        zookeepers: [ZooKeeperServer]? = nil,
        options: [String] = [],
        _ body: (TestCluster, [ProductProcess]) async throws -> Void
    ) async throws {
        let cluster = try await start(redis, zookeepers, options)
        defer { cluster.end() }
        do {
            try await body(cluster, try await cluster.addNodes(nodes))
        } catch {
            cluster.tellLogs()
            throw error
        }
    }

    private static func start(
        _ redis: RedisServer?,
        _ zookeepers: [ZooKeeperServer]?,
        _ options: [String]
    ) async throws -> TestCluster {
        let redis = if let redis { redis } else { try await SharedRedis.instance.server() }
        let zookeepers = if let zookeepers { zookeepers } else { [try await ZooKeeperServer.shared()] }
        return try TestCluster(zookeepers: zookeepers, redis: redis, options: options)
    }

    private static let sharedCluster = SharedCluster()

    /// Three nodes for all tests that neither kill nor stop them, ended with the process.
    static func shared() async throws -> (TestCluster, [ProductProcess]) { try await sharedCluster.get() }

    private actor SharedCluster {
        private var starting: Task<(TestCluster, [ProductProcess]), any Error>?
        private static let directory = Mutex("/nowhere")

        func get() async throws -> (TestCluster, [ProductProcess]) {
            let task =
                starting
                ?? Task {
                    let cluster = try await TestCluster.start(nil, nil, [])
                    // Nodes end with this process; their runners are told to.
                    Self.directory.withLock { $0 = cluster.directory }
                    atexit { SharedCluster.directory.withLock { RunProcesses.end(below: $0) } }
                    return (cluster, try await cluster.addNodes(3))
                }
            starting = task
            return try await task.value
        }
    }

    /// Starts nodes one after the other, so that they are numbered in order.
    func addNodes(_ count: Int) async throws -> [ProductProcess] {
        var nodes: [ProductProcess] = []
        for _ in 0..<count { nodes.append(try await addNode()) }
        return nodes
    }

    /// Starts a node: a new one, or one again with the data of a node that has ended.
    func addNode(data: String? = nil, options more: [String] = []) async throws -> ProductProcess {
        let number = starts.add(1, ordering: .relaxed).newValue
        let data = data ?? "\(directory)/node-\(number)"
        let node = try await ProductProcess.start(
            nodeArguments(data: data) + more,
            name: "start-\(number)",
            directory: directory,
            dataDirectory: data
        )
        started.withLock { $0.append(node) }
        return node
    }

    func nodeArguments(data: String) -> [String] {
        [
            "node", "--zookeeper", zookeepers.map(\.connectString).joined(separator: ","), "--redis",
            "127.0.0.1:\(redis.port)", "--root", root, "--http", "127.0.0.1:0", "--data", data,
            "--session-timeout",
            "3s",
        ] + options
    }

    /// Every path below the root, without the root's own, and the empty one for itself.
    func paths() async throws -> [String] { try await znodes().keys.sorted() }

    /// The same, and whether each is ephemeral; read by a client of its own.
    func znodes() async throws -> [String: Bool] {
        try await withSession { session in
            let top = try ZnodePath(self.root)
            var found: [String: Bool] = [:]
            var open = [top]
            while let path = open.popLast() {
                do {
                    guard let stat = try await session.exists(path) else { continue }
                    open += try await session.children(path).map { path.child($0) }
                    let below = path == top ? "" : String(path.description.dropFirst(self.root.count + 1))
                    found[below] = stat.ephemeralOwner != 0
                } catch let error as StoreError {
                    // Gone since its parent was listed.
                    guard error.code == .noNode else { throw error }
                }
            }
            return found
        }
    }

    /// The names below one directory of the root.
    func names(_ path: String) async throws -> [String] {
        try await withSession { try await $0.children(try ZnodePath("\(self.root)/\(path)")) }
    }

    /// A client of the test's own, in the tree.
    func withSession<Value>(_ body: (any ZnodeSession) async throws -> Value) async throws -> Value {
        let connect = zookeepers.map(\.connectString).joined(separator: ",")
        var configuration = ZooKeeperConfiguration(connectString: connect, sessionTimeout: .seconds(4))
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try await ZooKeeperEnsemble(configuration).withSession(body)
    }

    private func end() {
        for node in started.withLock({ $0 }) { node.kill() }
        RunProcesses.end(below: directory)
        folder.remove()
    }

    /// The logs of a test that failed go to its output, since the directory does not outlive it.
    private func tellLogs() {
        for node in started.withLock({ $0 }) {
            print("--- \(node.worker) pid \(node.pid) \(node.url)\n\(Files.read(node.logFile).suffix(4000))")
        }
    }
}

/// One Redis server for all tests that do not stop it.
private actor SharedRedis {
    static let instance = SharedRedis()
    private var starting: Task<RedisServer, any Error>?

    func server() async throws -> RedisServer {
        let task = starting ?? Task { try await RedisServer.start() }
        starting = task
        return try await task.value
    }
}
