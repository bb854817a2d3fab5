import ArgumentParser
import HistoryChecking

struct JudgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "judge",
        abstract: "Judges invariants I1 to I20.",
        discussion: """
            Prints a line for each invariant, how many facts were looked at, and for each violation the records that \
            contradict. What cannot be judged from what is given is said to be "not judged", never green. Exit codes: 0 nothing \
            is violated; 1 something is, or what --require names is not judged; 65 input that cannot be read.
            """
    )

    @Option(name: .long, parsing: .upToNextOption, help: "A ZooKeeper server's dataDir, one for each server.")
    var txn: [String]
    @Option(name: .long, parsing: .upToNextOption, help: "Files that probes wrote.")
    var probes: [String] = []
    @Option(name: .long, parsing: .upToNextOption, help: "The client's log.")
    var client: [String] = []
    @Option(name: .long, help: "The log of faults and marks.")
    var faults: String?
    @Option(name: .long, help: "A dump of the mirror.")
    var mirror: String?
    @Option(name: .long, help: "Samples of memory, descriptors, threads …")
    var samples: String?
    @Option(name: .long, help: "Bounds and what cannot be seen (a JSON object).")
    var settings: String?
    @Option(name: .long, help: "The root of the cluster's tree.")
    var root = "/root"
    @Option(name: .long, help: "Invariants that must be judged, as I1,I3; \"not judged\" is exit 1 for them.")
    var require: String?
    @Flag(name: .long, help: "JSON instead of a table.")
    var json = false

    func run() throws {
        try SkyfireHistory.reading {
            let log = try TransactionLog.read(directories: txn)
            var evidence = try Evidence(
                history: try History(log.transactions, root: root),
                probes: try lines(probes),
                client: try lines(client),
                faults: try faults.map { try Lines.read($0) },
                mirror: try mirror.map { try Lines.read($0) },
                samples: try samples.map { try Lines.read($0) },
                settings: try settings.map { try JudgeSettings(file: $0) } ?? JudgeSettings()
            )
            evidence.oddities += log.notes
            let verdicts = Judge.verdicts(evidence)
            let required = Set((require ?? "").split(separator: ",").map(String.init))
            print(
                json
                    ? Judge.json(verdicts, required: required)
                    : Judge.table(verdicts, evidence: evidence, required: required)
            )
            let code = Judge.exitCode(verdicts, required: required)
            if code != 0 { throw ExitCode(code) }
        }
    }

    func validate() throws {
        let known = Set(Invariant.all.map(\.id))
        for id in (require ?? "").split(separator: ",") where !known.contains(String(id)) {
            throw ValidationError("--require: there is no invariant \(id)")
        }
    }

    private func lines(_ files: [String]) throws -> [Line]? {
        files.isEmpty ? nil : try files.flatMap { try Lines.read($0) }
    }
}
