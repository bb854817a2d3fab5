internal import ArgumentParser
internal import Foundation
internal import Simulation

/// `skyfire-sim`: lives through clusters in virtual time, one for each seed, and says what must never be and was.
@main
struct SkyfireSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skyfire-sim",
        abstract: "Simulates whole clusters in virtual time, one for each seed.",
        discussion: """
            A seed decides everything: the same seed and the same build give the same history.
            Exits with 1 when an invariant was broken, or when a bug that was planted was not found.
            """
    )

    @Option(help: "Lives through this seed alone.")
    var seed: UInt64?

    @Flag(help: "Prints all that happens; with --seed.")
    var trace = false

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 100

    @Option(help: "The first seed; by default drawn from the clock, and printed.")
    var from: UInt64?

    @Option(help: "Goes on with fresh seeds for so many seconds instead of --seeds.")
    var seconds: Int?

    @Option(help: "How many processes work side by side.")
    var jobs = 1

    @Flag(help: "Lives through each seed twice, and says so when the two differ.")
    var twice = false

    @Flag(help: "Nothing goes wrong in the worlds.")
    var faultless = false

    @Option(help: "Plants a bug, which is to be found; --list-bugs names them.")
    var bug: String?

    @Flag(help: "Lists the bugs that can be planted.")
    var listBugs = false

    @Option(help: "Appends what was done to this file, one line for each range of seeds.")
    var record: String?

    func validate() throws {
        guard jobs > 0, jobs <= 64 else { throw ValidationError("--jobs is 1 to 64") }
        guard !trace || seed != nil else { throw ValidationError("--trace goes with --seed") }
        if let bug, Bug.named(bug) == nil {
            throw ValidationError("there is no bug \"\(bug)\"; see --list-bugs")
        }
    }

    mutating func run() throws {
        if listBugs {
            for bug in Bug.catalogue { print("\(bug.name): \(bug.summary)") }
            return
        }
        SimulationProcess.insistOnDeterministicHashing()
        let first = seed ?? from ?? UInt64(Date().timeIntervalSince1970) * 1000
        if seed == nil, from == nil { print("seeds from \(first)") }
        if jobs > 1, seed == nil { throw try runSideBySide(first) ? ExitCode.success : ExitCode.failure }
        let planted = bug.flatMap { Bug.named($0) } ?? .none
        let began = ContinuousClock.now
        var done: UInt64 = 0
        var broken: [UInt64] = []
        while isWanted(done, since: began) {
            let number = first + done
            done += 1
            let verdict = try live(number, planted)
            if twice, try live(number, planted).hash != verdict.hash {
                print("seed \(number) has two histories")
                throw ExitCode.failure
            }
            if seed != nil {
                print(
                    "seed \(number): hash \(String(verdict.hash, radix: 16)), \(verdict.virtualSeconds) s of virtual time, "
                        + "\(verdict.steps) steps, \(verdict.transactions) transactions, \(verdict.runs) runs"
                )
            }
            guard !verdict.violations.isEmpty else { continue }
            broken.append(number)
            tell(verdict)
            if bug != nil { break }
        }
        rmdir("/dev/shm/skyfire-sim-\(getpid())")
        let elapsed = began.duration(to: .now) / .seconds(1)
        print(
            "\(done) seeds from \(first), \(broken.count) broken, in \(Int(elapsed)) s: "
                + "\(Int(Double(done) / max(elapsed, 0.001) * 60)) seeds a minute"
        )
        try note(first, done, broken)
        let isGood = bug == nil ? broken.isEmpty : !broken.isEmpty
        if !isGood { throw ExitCode.failure }
    }

    private func live(_ seed: UInt64, _ bug: Bug) throws -> Verdict {
        let world = try World(
            seed: seed,
            bug: bug,
            hasFaults: !faultless,
            directory: "/dev/shm/skyfire-sim-\(getpid())/\(seed)",
            print: trace ? { print($0) } : nil
        )
        return try world.run()
    }

    private func isWanted(_ done: UInt64, since began: ContinuousClock.Instant) -> Bool {
        if seed != nil { return done == 0 }
        if let seconds { return began.duration(to: .now) < .seconds(seconds) }
        return done < seeds
    }

    private func tell(_ verdict: Verdict) {
        let planted = bug.map { " --bug \($0)" } ?? ""
        print(
            "seed \(verdict.seed) breaks what must hold; again: skyfire-sim --seed \(verdict.seed)\(planted) --trace"
        )
        for violation in verdict.violations.prefix(5) { print("  \(violation)") }
    }

    private func note(_ first: UInt64, _ done: UInt64, _ broken: [UInt64]) throws {
        guard let record, done > 0 else { return }
        let list = broken.map(String.init).joined(separator: ",")
        let line =
            "\(first) \(first + done - 1) \(broken.isEmpty ? "ok" : "broken \(list)")\(bug.map { " bug \($0)" } ?? "")\n"
        let descriptor = open(record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ValidationError("cannot write \(record)") }
        defer { close(descriptor) }
        let bytes = Array(line.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw ValidationError("cannot write \(record)")
        }
    }

    /// Shares the seeds out over processes of this program. Returns whether all of them were content.
    private func runSideBySide(_ first: UInt64) throws -> Bool {
        var processes: [Process] = []
        let share = (seeds + UInt64(jobs) - 1) / UInt64(jobs)
        for job in 0..<UInt64(jobs) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            // With a time instead of a number, each has a range of its own that it cannot leave.
            let start = first + job * (seconds == nil ? share : 1_000_000)
            var arguments = ["--from", String(start)]
            if let seconds {
                arguments += ["--seconds", String(seconds)]
            } else {
                arguments += ["--seeds", String(min(share, seeds - min(seeds, job * share)))]
            }
            if faultless { arguments.append("--faultless") }
            if let bug { arguments += ["--bug", bug] }
            if let record { arguments += ["--record", record] }
            process.arguments = arguments
            try process.run()
            processes.append(process)
        }
        var isGood = bug == nil
        for process in processes {
            process.waitUntilExit()
            let isContent = process.terminationStatus == 0
            // A planted bug is found when one of them finds it.
            isGood = bug == nil ? isGood && isContent : isGood || isContent
        }
        return isGood
    }
}

enum SimulationProcess {
    /// Runs the program anew with an order of hashing that is the same in all processes.
    static func insistOnDeterministicHashing() {
        guard getenv("SWIFT_DETERMINISTIC_HASHING") == nil else { return }
        setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
        perror("the program cannot be run anew")
        exit(71)
    }
}
