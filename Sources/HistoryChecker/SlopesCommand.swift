import ArgumentParser
import HistoryChecking

struct SlopesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slopes",
        abstract: "Fits slopes to samples of memory, descriptors, threads, znodes.",
        discussion: """
            Theil-Sen for each source and key, by hour, against "slopes" and "slopes_by_role" of the settings. Exit 1 where a \
            slope, or a step at the end, is above its bound, or most samples are missing; 65 where a bound has no series.
            """
    )

    @Option(name: .long, help: "The samples.")
    var samples: String
    @Option(name: .long, help: "Bounds (a JSON object).")
    var settings: String?
    @Option(name: .long, help: "Seconds at the beginning of each series that are left out.")
    var warmUp = 0.0

    func run() throws {
        try SkyfireHistory.reading {
            let series = try Slopes.fit(
                try Lines.read(samples),
                settings: try settings.map { try JudgeSettings(file: $0) } ?? JudgeSettings(),
                warmUp: warmUp
            )
            guard series.contains(where: \.isLongEnough) else {
                throw UnreadableInput(samples, "there is no series of five points in it")
            }
            print(Slopes.table(series))
            if series.contains(where: \.isViolated) { throw ExitCode(1) }
        }
    }
}
