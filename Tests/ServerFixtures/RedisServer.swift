import Glibc
import Synchronization

/// A real Redis server on 127.0.0.1.
///
/// Needs `redis-server`; without it starting fails, and so do the tests.
package final class RedisServer: Sendable {
    /// What a server is started with.
    package struct Options: Sendable {
        /// Keeps what is written over a kill, with a sync for each write.
        package var keepsData = false
        package var password: String?
        /// More lines for the command line, as `["--maxmemory", "4mb"]`.
        package var arguments: [String] = []

        package init() {}
    }

    package let port: Int
    private let options: Options
    private let directory: ServerDirectory
    private let child: Mutex<ChildProcess?>

    /// Starts a server and waits until it answers.
    package static func start(_ options: Options = Options()) async throws -> RedisServer {
        var failure = FixtureError("never tried")
        // Somebody else may take a free port before the server binds it.
        for _ in 0..<3 {
            let server = try RedisServer(port: Loopback.freePort(), options: options)
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

    private init(port: Int, options: Options) throws(FixtureError) {
        self.port = port
        self.options = options
        directory = try ServerDirectory(name: "redis")
        child = Mutex(nil)
        try launch()
    }

    deinit { stop() }

    /// Stops the process as a debugger would: its sockets stay open and nothing answers. Returns when it
    /// stands.
    package func suspend() { child.withLock { $0?.suspend() } }

    package func resume() { child.withLock { $0?.resume() } }

    /// Kills the server; with `keepsData` its data stays for `restart`.
    package func kill() {
        let victim = child.withLock { $0.take() }
        victim?.stop()
    }

    /// Starts it again on the same port, killing it first if it runs.
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

    private func launch() throws(FixtureError) {
        var arguments = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory.path, "--save", "",
            "--appendonly", options.keepsData ? "yes" : "no", "--appendfsync", "always",
        ]
        if let password = options.password { arguments += ["--requirepass", password] }
        let started = try ChildProcess(
            arguments + options.arguments,
            directory: directory.path,
            output: "\(directory.path)/output"
        )
        child.withLock { $0 = started }
    }

    private func ready() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            // Without the password it answers all the same, with an error.
            let answer = Loopback.ask("PING\r\n", port: port, until: "\r\n")
            if let answer, answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH") { return }
            guard child.withLock({ $0?.isAlive }) == true else { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw FixtureError("Redis does not answer on port \(port): \(directory.tail(of: "output"))")
    }
}
