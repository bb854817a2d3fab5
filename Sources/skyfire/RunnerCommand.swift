import ArgumentParser
import Processes

#if canImport(Glibc)
internal import Glibc
#endif

/// `skyfire runner`: the process beside a worker whose children the attempts are. Started by nodes, not by people.
struct RunnerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Run the processes of one worker. Nodes start it; it outlives them.",
        discussion: """
            It listens on a Unix socket in the data directory, starts, watches, logs and kills what its worker asks for, and
            keeps the lease of exclusive attempts. It ends when it is told to, or when it has held nothing for an hour without a
            worker.
            """,
        shouldDisplay: false
    )

    @Option(help: "The data directory of the worker.") var data: String
    @Option(help: "Seconds without a worker, and with nothing held, after which it ends.") var idle = 3600
    @Flag(help: "Only end what a dead runner left, unless another one lives.") var sweep = false

    func run() throws {
        if sweep { return try RunnerServer.sweep(directory: data) }
        let server = try RunnerServer(
            directory: data,
            guarding: (Self.executable, ["skyfire", "runner", "--data", data, "--sweep"]),
            idle: .seconds(max(idle, 1))
        )
        try server.run()
    }

    /// This program, also when its file was replaced meanwhile.
    static let executable = "/proc/self/exe"

    /// How a node starts its runner.
    static func launch(data: String) -> RunnerLaunch {
        RunnerLaunch(path: executable, arguments: ["skyfire", "runner", "--data", data])
    }

    /// Runs the command where the arguments ask for it, and then ends the process. Before anything is asynchronous, so
    /// that the runner has one thread.
    static func runIfAsked() {
        guard CommandLine.arguments.dropFirst().first == configuration.commandName else { return }
        // A closed connection is told by the calls themselves.
        signal(SIGPIPE, SIG_IGN)
        do {
            let command = try Self.parse(Array(CommandLine.arguments.dropFirst(2)))
            try command.run()
        } catch {
            Self.exit(withError: error)
        }
        Glibc.exit(0)
    }
}
