import ArgumentParser
import SkyfireClient

/// The one executable: server and client.
@main
struct Skyfire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skyfire",
        abstract: "A distributed job and workflow scheduler that survives the loss of machines.",
        subcommands: [DevCommand.self, NodeCommand.self, RunnerCommand.self] + ClientCommands.all
    )

    static func main() async {
        RunnerCommand.runIfAsked()
        await ClientCommands.main(Skyfire.self)
    }
}
