import Glibc
import Redis
import Synchronization
import Testing

/// A real `redis-server` on a free loopback port with a directory of its own, for the length of a closure.
final class LocalRedisServer: Sendable {
    struct StartFailure: Error {
        let reason: String
    }

    let port: Int
    private let directory: String
    private let password: String?
    private let processID = Mutex<pid_t>(0)

    private init(port: Int, directory: String, password: String?) {
        self.port = port
        self.directory = directory
        self.password = password
    }

    /// Runs the closure with an answering server, then kills the server and removes its directory.
    static func with(
        password: String? = nil,
        _ body: (LocalRedisServer) async throws -> Void
    ) async throws {
        let server = try await started(password: password, attempts: 5)
        do {
            try await body(server)
        } catch {
            server.remove()
            throw error
        }
        server.remove()
    }

    /// Starts a server; another port is tried when somebody else took the first.
    private static func started(password: String?, attempts: Int) async throws -> LocalRedisServer {
        var template = Array("/tmp/redis-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StartFailure(reason: "mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let server = LocalRedisServer(port: try freePort(), directory: directory, password: password)
        do {
            try await server.start()
            return server
        } catch {
            server.remove()
            if attempts == 1 { throw error }
            return try await started(password: password, attempts: attempts - 1)
        }
    }

    /// A configuration for this server with short backoffs.
    func configuration(commandTimeout: Duration = .seconds(20)) -> RedisConfiguration {
        var configuration = RedisConfiguration(port: port)
        configuration.password = password
        configuration.commandTimeout = commandTimeout
        configuration.firstBackoff = .milliseconds(1)
        configuration.longestBackoff = .milliseconds(4)
        return configuration
    }

    /// Starts the server process and waits until it answers.
    func start() async throws {
        var arguments = ["redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory]
        arguments += ["--save", "", "--appendonly", "no", "--logfile", "\(directory)/log"]
        if let password { arguments += ["--requirepass", password] }
        let vector = arguments.map { strdup($0) } + [nil]
        defer { for argument in vector { free(argument) } }
        var id: pid_t = 0
        let status = posix_spawnp(&id, "redis-server", nil, nil, vector, environ)
        guard status == 0 else { throw StartFailure(reason: "redis-server: errno \(status)") }
        processID.withLock { $0 = id }
        let client = RedisClient(configuration(commandTimeout: .seconds(2)))
        var isRunning = true
        let isAnswering = await eventually {
            // 1. The port was taken: the process has ended, and somebody else may answer. 2. It listens: it
            // answers.
            isRunning = waitpid(id, nil, WNOHANG) == 0
            if !isRunning { return true }
            do {
                let text = try await client.send(RedisCommand("INFO", "server")).asString
                return text.split(whereSeparator: \.isNewline).contains("process_id:\(id)")
            } catch {
                return false  // Not listening yet; the deadline judges.
            }
        }
        await client.close()
        if !isRunning { processID.withLock { $0 = 0 } }
        if !isRunning || !isAnswering { throw StartFailure(reason: "redis-server did not answer on \(port)") }
    }

    /// Stops the process where it stands (SIGSTOP).
    func freeze() {
        signal(SIGSTOP)
    }

    /// Lets a frozen process go on (SIGCONT).
    func thaw() {
        signal(SIGCONT)
    }

    /// Kills the process and waits for its end; the port stays reserved for ``start()``.
    func kill() {
        let id = processID.withLock { id in
            defer { id = 0 }
            return id
        }
        guard id > 0 else { return }
        Glibc.kill(id, SIGKILL)
        while waitpid(id, nil, 0) == -1 && errno == EINTR {}
    }

    private func signal(_ number: Int32) {
        let id = processID.withLock(\.self)
        if id > 0 { Glibc.kill(id, number) }
    }

    private func remove() {
        kill()
        unlink("\(directory)/log")
        rmdir(directory)
    }

    /// A port that nobody listens on, below the range of ports that outgoing connections get: those of tests
    /// running beside this one could take it while a server is restarted, or even connect to themselves.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 10_000..<32_000)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            // The address outlives the call, which keeps no pointer.
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if status == 0 { return port }
        }
        throw StartFailure(reason: "no free port")
    }
}

/// Asks until the condition holds, at most 20 s; whether it held.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        do {
            // The interval of looking at another process; the deadline above bounds it.
            try await Task.sleep(for: .milliseconds(2))
        } catch {
            return false  // Cancelled by the test's end.
        }
    }
    return false
}

/// The error of a call that must fail; `nil` when it did not.
func failure(_ body: () async throws(RedisError) -> RedisValue) async -> RedisError? {
    do throws(RedisError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

extension RedisClient {
    /// Sends the command and holds its reply against the expected one.
    nonisolated func expect(
        _ command: RedisCommand,
        replies expected: RedisValue,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reply = try await send(command)
        #expect(reply == expected, sourceLocation: sourceLocation)
    }
}
