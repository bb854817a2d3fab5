import ArgumentParser
import HistoryChecking

/// Judges recorded histories of a cluster.
@main
struct SkyfireHistory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skyfire-history",
        abstract: "Judges what a cluster did, by recordings that it cannot have changed.",
        discussion: """
            It shares no code with the scheduler. The formats of its inputs are described in \
            Sources/HistoryChecking/Formats.swift.
            """,
        subcommands: [JudgeCommand.self, DumpCommand.self, SlopesCommand.self]
    )

    /// The exit code for input that cannot be read.
    static let unreadable = ExitCode(65)

    /// Runs a body, and ends with 65 where its input cannot be read.
    static func reading(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as UnreadableInput {
            StandardError.write("skyfire-history: \(error)\n")
            throw unreadable
        }
    }
}
