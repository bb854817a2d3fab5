import Foundation
import Glibc
import ServerFixtures
import Testing

/// A running `skyfire dev` or `skyfire node`.
final class ProductProcess: Sendable {
    /// The executable under test: `SKYFIRE_BIN`, or the one that was built beside the tests.
    static var executable: String {
        get throws {
            if let path = ProcessInfo.processInfo.environment["SKYFIRE_BIN"] { return path }
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let path = "\((own as NSString).deletingLastPathComponent)/skyfire"
            guard access(path, X_OK) == 0 else {
                throw FixtureError("\(path) is missing: build the product skyfire")
            }
            return path
        }
    }

    let child: ChildProcess
    /// What it printed on stdout until it was ready.
    let readyLine: String
    let url: String
    let worker: String
    let dataDirectory: String
    let logFile: String

    var api: APIClient { APIClient(base: url) }
    var pid: pid_t { child.pid }

    /// Starts it and waits for the ready line. `name` is of its files in the directory, another one for each start.
    static func start(
        _ arguments: [String],
        name: String,
        directory: String,
        dataDirectory: String
    ) async throws -> ProductProcess {
        let (output, log) = ("\(directory)/\(name).out", "\(directory)/\(name).log")
        let child = try launch(arguments, directory: directory, output: output, log: log)
        do {
            let line = try await eventually("the ready line of \(name)", within: .seconds(60)) {
                guard child.isAlive else {
                    throw FixtureError("\(name) ended: \(Files.read(log).suffix(3000))")
                }
                let text = Files.read(output)
                return text.hasSuffix("\n") ? text : nil
            }
            return try ProductProcess(child, line, dataDirectory: dataDirectory, log: log)
        } catch {
            child.stop()
            throw NotSeen(description: "\(error)\n\(Files.read(log).suffix(3000))")
        }
    }

    /// Starts one that is expected to refuse, and returns its exit code and what it said.
    static func refused(
        _ arguments: [String],
        name: String,
        directory: String,
        before prepare: () throws -> Void = {}
    ) async throws -> (code: CInt, message: String) {
        try prepare()
        let (output, log) = ("\(directory)/\(name).out", "\(directory)/\(name).log")
        let child = try launch(arguments, directory: directory, output: output, log: log)
        defer { child.stop() }
        let code = try await eventually("\(name) refuses to start") { Self.exitCode(of: child.pid) }
        return (code, Files.read(log))
    }

    private static func launch(
        _ arguments: [String],
        directory: String,
        output: String,
        log: String
    ) throws -> ChildProcess {
        let script = "log=$1; cd \"$2\" || exit; shift 2; exec \"$@\" 2>>\"$log\""
        return try ChildProcess(
            ["/bin/sh", "-c", script, "sh", log, directory, executable] + arguments,
            directory: directory,
            output: output
        )
    }

    private init(_ child: ChildProcess, _ line: String, dataDirectory: String, log: String) throws {
        self.child = child
        self.dataDirectory = dataDirectory
        logFile = log
        readyLine = line
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count == 3 else { throw FixtureError("not a ready line: \(line)") }
        url = String(words[1])
        worker = String(words[2])
    }

    /// `kill -9`, and waits until it is gone.
    func kill() { child.stop() }

    /// Asks it to end, as `systemctl stop` would.
    func terminate() { Glibc.kill(child.pid, SIGTERM) }

    /// Waits until it has ended by itself and returns its exit code, negative for a signal.
    func exitCode(within limit: Duration = .seconds(30)) async throws -> CInt {
        try await eventually("the end of \(worker)", within: limit) { Self.exitCode(of: child.pid) }
    }

    /// Leaves the process for its parent's `waitpid`, so that the id stays its own.
    private static func exitCode(of pid: pid_t) -> CInt? {
        var info = siginfo_t()
        guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0, info.si_signo == SIGCHLD
        else {
            return nil
        }
        let status = info._sifields._sigchld.si_status
        return info.si_code == CInt(CLD_EXITED) ? status : -status
    }
}

/// Small files of a test.
enum Files {
    /// The whole file as text; empty where there is none.
    static func read(_ path: String) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    static func lines(_ path: String) -> [String] { read(path).split(separator: "\n").map(String.init) }

    static func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }
}

/// The system's processes that belong to runs.
enum RunProcesses {
    /// The ids of living processes that have a run in their environment. Zombies have none.
    static func of(_ run: String) throws -> [pid_t] { try matching { $0 == "SKYFIRE_RUN=\(run)" } }

    /// The same once there are any: `running` is told when the start is committed, a moment before the process is there.
    static func started(_ run: String) async throws -> [pid_t] {
        try await eventually("a process of \(run)") {
            let pids = try of(run)
            return pids.isEmpty ? nil : pids
        }
    }

    /// Ends what killed nodes left running: their data was below a directory.
    static func end(below directory: String) {
        do {
            for pid in try runners(below: directory) { Glibc.kill(pid, SIGKILL) }
            for pid in try matching({ $0.hasPrefix("SKYFIRE_WORKDIR=\(directory)/") }) {
                Glibc.kill(pid, SIGKILL)
            }
        } catch {
            print("processes below \(directory) may live on: \(error)")
        }
    }

    /// The runners of nodes whose data is in a directory or below, and their guards.
    static func runners(below directory: String) throws -> [pid_t] {
        try processes.filter { pid in
            let arguments = Files.read("/proc/\(pid)/cmdline").split(separator: "\0")
            return arguments.contains("runner") && arguments.contains { $0.hasPrefix(directory) }
        }
    }

    private static var processes: [pid_t] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        }
    }

    private static func matching(_ condition: (Substring) -> Bool) throws -> [pid_t] {
        try processes.filter {
            Files.read("/proc/\($0)/environ").split(separator: "\0").contains(where: condition)
        }
    }
}
