package import ArgumentParser
internal import Glibc

/// The client's verbs, for the executable's root command to list.
package enum ClientCommands {
    /// What `skyfire version` prints.
    package static let version = "0.1.0"

    /// All verbs, in the order in which `--help` tells of them.
    package static let all: [any ParsableCommand.Type] = [
        InitCommand.self, ValidateCommand.self, ApplyCommand.self, RunCommand.self, PsCommand.self,
        ListCommand.self,
        GetCommand.self, DescribeCommand.self, ExportCommand.self, DeleteCommand.self, LogsCommand.self,
        WatchCommand.self, WhyCommand.self, CancelCommand.self, KillCommand.self, PauseCommand.self,
        ResumeCommand.self, RetryCommand.self, RerunCommand.self, SchedulesCommand.self, UpcomingCommand.self,
        CronCommand.self, WorkersCommand.self, ClusterCommand.self, ExplainCommand.self, APICommand.self,
        CompletionCommand.self, VersionCommand.self,
    ]

    /// Parses the process's arguments, runs the verb they name, and ends the process with an exit code of `ClientExit`.
    ///
    /// Errors of the arguments end with 64, `--help` and `--version` with 0, `ClientError` with its own code; any
    /// other error is printed and ends with 1. Works for verbs of others too.
    package static func main(
        _ root: any AsyncParsableCommand.Type,
        _ arguments: [String]? = nil
    ) async -> Never {
        do {
            let arguments = GlobalArguments.moved(arguments ?? Array(CommandLine.arguments.dropFirst()))
            var command = try await root.asyncParseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ClientError {
            if !error.description.isEmpty { Console.standard().error(error.description) }
            exit(error.exit.rawValue)
        } catch let request as CompletionRequest {
            Console.standard().line(root.completionScript(for: request.shell))
            exit(0)
        } catch {
            root.exit(withError: error)
        }
        exit(0)
    }
}

/// Options of every verb that stand before the verb, where people write them too: `skyfire -o json ps`.
package enum GlobalArguments {
    private static let flags: Set<String> = ["--no-headers", "-q", "--quiet", "-v", "--verbose"]
    private static let options: Set<String> = [
        "--server", "-o", "--output", "--color", "--timeout", "--request-id",
    ]

    /// The arguments with such options behind those of the verb, where the parser takes them.
    package static func moved(_ arguments: [String]) -> [String] {
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            if flags.contains(argument) {
                index += 1
            } else if options.contains(argument) {
                index += 2
            } else if let equals = argument.firstIndex(of: "="), options.contains(String(argument[..<equals]))
            {
                index += 1
            } else {
                break
            }
        }
        guard index > 0, index < arguments.count else { return arguments }
        var rest = Array(arguments[index...])
        rest.insert(contentsOf: arguments[..<index], at: rest.firstIndex(of: "--") ?? rest.endIndex)
        return rest
    }
}

/// The wish for a completion script, which only the root command can make.
struct CompletionRequest: Error {
    let shell: CompletionShell
}

/// What Ctrl-C does to a verb.
enum Interruption {
    /// Ends the process with 130 and a word that nothing on the cluster was stopped.
    static func install() {
        signal(SIGINT) { _ in
            // Only calls that are safe in a signal handler.
            let text: StaticString = "\ninterrupted; what runs on the cluster goes on\n"
            write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
            _exit(ClientExit.interrupted.rawValue)
        }
    }
}
