import ArgumentParser
import Cron
import Scheduling
import SkyfireClient
import Synchronization

/// The client's verbs under a root, as the executable has them.
struct BenchRoot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "skyfire", subcommands: ClientCommands.all)
}

/// What a verb printed and how it ended.
struct Outcome: Sendable {
    var output = ""
    var errors = ""
    var exit = ClientExit.ok
}

/// Runs verbs as the executable does, with the console recorded and the clock stopped at 2026-11-20T13:00:00Z.
enum VerbBench {
    static let now = WallTime(rfc3339: "2026-11-20T13:00:00Z")!  // A constant text that is RFC 3339.

    private final class Record: Sendable {
        let bytes = Mutex<(output: [UInt8], errors: [UInt8])>(([], []))
    }

    /// Parses the arguments and does what they say. Mistakes in the arguments are thrown.
    static func run(_ arguments: String..., server: String = "http://127.0.0.1:1") async throws -> Outcome {
        try await run(arguments, server: server)
    }

    static func run(_ arguments: [String], server: String = "http://127.0.0.1:1") async throws -> Outcome {
        guard let verb = try BenchRoot.parseAsRoot(arguments) as? any ClientVerb else {
            throw ValidationError("no client verb")
        }
        let record = Record()
        var console = Console { stream, bytes in
            record.bytes.withLock {
                switch stream {
                case .output: $0.output += bytes
                case .errors: $0.errors += bytes
                }
            }
        }
        console.isQuiet = verb.globals.quiet
        let session = ClientSession(
            options: verb.globals,
            console: console,
            servers: try ServerList(verb.globals.server ?? server),
            zones: TimeZoneDatabase(),
            zone: .utc,
            now: { now }
        )
        var outcome = Outcome()
        do {
            try await verb.performWithinTimeout(session)
        } catch let error as ClientError {
            outcome.exit = error.exit
            if !error.description.isEmpty { console.error(error.description) }
        }
        (outcome.output, outcome.errors) = record.bytes.withLock {
            (String(decoding: $0.output, as: UTF8.self), String(decoding: $0.errors, as: UTF8.self))
        }
        return outcome
    }
}
