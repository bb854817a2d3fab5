import ArgumentParser
import HistoryChecking

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Prints the transactions as lines of JSON."
    )

    @Option(name: .long, parsing: .upToNextOption, help: "A ZooKeeper server's dataDir, one for each server.")
    var txn: [String]

    func run() throws {
        try SkyfireHistory.reading {
            let log = try TransactionLog.read(directories: txn)
            for transaction in log.transactions { print(Dump.line(transaction)) }
            for note in log.notes { StandardError.write("skyfire-history: \(note)\n") }
        }
    }
}
