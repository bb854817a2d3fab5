import Glibc
import Synchronization

/// A real ZooKeeper server on 127.0.0.1: alone, or a member of an ensemble.
///
/// Needs `java` and Debian's `libzookeeper-java`; without them starting fails, and so do the tests.
package final class ZooKeeperServer: Sendable {
    /// What a server is started with.
    package struct Options: Sendable {
        /// Sessions live between two and twenty ticks; the shortest is bounded below by
        /// `minimumSessionMilliseconds`.
        package var tickMilliseconds = 500
        package var minimumSessionMilliseconds = 1000

        package init() {}
    }

    fileprivate struct Member: Sendable {
        let id: Int
        let clientPort: Int
        let peerPort: Int
        let electionPort: Int
    }

    package let port: Int
    /// `127.0.0.1:port`.
    package var connectString: String { "127.0.0.1:\(port)" }
    /// Where it keeps its logs and snapshots.
    package var dataDirectory: String { "\(directory.path)/data" }
    private let directory: ServerDirectory
    private let child: Mutex<ChildProcess?>

    /// Starts a server alone and waits until it serves.
    package static func start(_ options: Options = Options()) async throws -> ZooKeeperServer {
        var failure = FixtureError("never tried")
        // Somebody else may take a free port before the server binds it.
        for _ in 0..<3 {
            let server = try ZooKeeperServer(
                port: Loopback.freePort(),
                options: options,
                member: nil,
                peers: []
            )
            do {
                try await server.ready()
                return server
            } catch let error as FixtureError {
                failure = error
                server.stop()
            }
        }
        throw failure
    }

    /// Starts an ensemble and waits until each member serves, that is, until there is a quorum.
    package static func ensemble(
        of count: Int,
        _ options: Options = Options()
    ) async throws -> [ZooKeeperServer] {
        var failure = FixtureError("never tried")
        for _ in 0..<3 {
            let members = try (1...count).map { id in
                try Member(
                    id: id,
                    clientPort: Loopback.freePort(),
                    peerPort: Loopback.freePort(),
                    electionPort: Loopback.freePort()
                )
            }
            let servers = try members.map {
                try ZooKeeperServer(port: $0.clientPort, options: options, member: $0, peers: members)
            }
            do {
                for server in servers { try await server.ready() }
                return servers
            } catch let error as FixtureError {
                failure = error
                for server in servers { server.stop() }
            }
        }
        throw failure
    }

    private init(port: Int, options: Options, member: Member?, peers: [Member]) throws(FixtureError) {
        self.port = port
        directory = try ServerDirectory(name: "zookeeper")
        child = Mutex(nil)
        try directory.makeDirectory("data")
        var lines = [
            "tickTime=\(options.tickMilliseconds)",
            "minSessionTimeout=\(options.minimumSessionMilliseconds)",
            "initLimit=20",
            "syncLimit=10",
            "dataDir=\(directory.path)/data",
            "clientPort=\(port)",
            "clientPortAddress=127.0.0.1",
            "maxClientCnxns=0",
            "admin.enableServer=false",
            "4lw.commands.whitelist=*",
        ]
        if let member {
            try directory.write("\(member.id)\n", to: "data/myid")
            lines += peers.map { "server.\($0.id)=127.0.0.1:\($0.peerPort):\($0.electionPort)" }
        }
        try directory.write(lines.joined(separator: "\n") + "\n", to: "zoo.cfg")
        try launch()
    }

    deinit { stop() }

    /// Stops the process as a debugger would: its sockets stay open and nothing answers. Returns when it
    /// stands.
    package func suspend() { child.withLock { $0?.suspend() } }

    package func resume() { child.withLock { $0?.resume() } }

    /// Kills the server; its data stays for `restart`.
    package func kill() {
        let victim = child.withLock { $0.take() }
        victim?.stop()
    }

    /// Starts it again on the same port with the same data, killing it first if it runs.
    package func restart() async throws {
        kill()
        try launch()
        try await ready()
    }

    /// Kills the server and removes its data. Idempotent.
    package func stop() {
        kill()
        directory.remove()
    }

    /// A four-letter command's answer (`srvr`, `cons`, `mntr` …).
    package func ask(_ command: String) -> String? { Loopback.ask(command, port: port) }

    private func launch() throws(FixtureError) {
        let jar = "/usr/share/java/zookeeper.jar"
        guard access(jar, R_OK) == 0 else {
            throw FixtureError("\(jar) is missing: install libzookeeper-java")
        }
        // The jar's manifest names all that it needs; a binding of slf4j is left out, so that nothing is
        // logged.
        let started = try ChildProcess(
            [
                "java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024", "-cp", jar,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", "\(directory.path)/zoo.cfg",
            ],
            directory: directory.path,
            output: "\(directory.path)/output"
        )
        child.withLock { $0 = started }
    }

    private func ready() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let answer = ask("srvr"), answer.contains("Mode:") { return }
            guard child.withLock({ $0?.isAlive }) == true else { break }
            // The interval of asking another process; the deadline above fails the test.
            try await Task.sleep(for: .milliseconds(50))
        }
        throw FixtureError("ZooKeeper does not serve on port \(port): \(directory.tail(of: "output"))")
    }
}

extension ZooKeeperServer {
    private actor Shared {
        private var starting: Task<ZooKeeperServer, any Error>?

        func server() async throws -> ZooKeeperServer {
            // One start however many suites ask at once; a task of its own, so that a cancelled test stops it
            // for nobody.
            let task = starting ?? Task { try await ZooKeeperServer.start() }
            starting = task
            return try await task.value
        }
    }

    private static let sharedServer = Shared()

    /// A server for all suites of this process, started by the first that asks, and ended with the process.
    ///
    /// Whoever uses it stays below a root or a chroot of its own, and neither suspends nor kills it.
    package static func shared() async throws -> ZooKeeperServer {
        try await sharedServer.server()
    }
}
