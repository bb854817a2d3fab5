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

    @Option(help: "How many seeds; 100 where neither --seed nor --seconds is given.")
    var seeds: UInt64?

    @Option(help: "The first seed; by default drawn from the clock, and printed.")
    var from: UInt64?

    @Option(help: "Goes on with fresh seeds for so many seconds instead of --seeds.")
    var seconds: Int?

    @Option(help: "How many processes work side by side; 1 by default.")
    var jobs: Int?

    @Option(help: "How many seeds are a batch, at most; 500 by default.")
    var batch: UInt64?

    @Flag(help: "Lives through each seed twice; one with two histories counts as broken.")
    var twice = false

    @Flag(help: "Nothing goes wrong in the worlds.")
    var faultless = false

    @Option(help: "Plants a bug, which is to be found; --list-bugs names them.")
    var bug: String?

    @Flag(help: "Lists the bugs that can be planted.")
    var listBugs = false

    @Option(
        help: """
            Appends each batch to this file as it is over. Seeds that this build has recorded there are not lived through \
            again, and at the end the whole file is summed up.
            """
    )
    var record: String?

    /// For a process that works for another one: lives through the seeds as one batch, whose record is the last line printed.
    @Flag(help: .hidden)
    var report = false

    private var options: WorldOptions { WorldOptions(bug: bug, isFaultless: faultless, isTwice: twice) }

    func validate() throws {
        guard jobs.map({ (1...64).contains($0) }) ?? true else { throw ValidationError("--jobs is 1 to 64") }
        guard !trace || seed != nil else { throw ValidationError("--trace goes with --seed") }
        guard seeds != 0 else { throw ValidationError("--seeds is 1 or more") }
        guard batch != 0 else { throw ValidationError("--batch is 1 or more") }
        if let seed {
            guard seed < .max else { throw ValidationError("the last seed is \(UInt64.max - 1)") }
            guard seeds == nil, from == nil, seconds == nil, jobs == nil, batch == nil else {
                throw ValidationError(
                    "--seed is one seed: it does not go with --seeds, --from, --seconds, --jobs, --batch"
                )
            }
        }
        // A process that works for another one has so many seeds and so much time.
        guard report || seeds == nil || seconds == nil else {
            throw ValidationError("--seconds is instead of --seeds")
        }
        guard seconds.map({ $0 > 0 }) ?? true else { throw ValidationError("--seconds is 1 or more") }
        guard !twice || bug == nil else { throw ValidationError("--twice does not go with --bug") }
        if let bug, Bug.named(bug) == nil {
            throw ValidationError("there is no bug \"\(bug)\"; see --list-bugs")
        }
    }

    func run() throws {
        if listBugs {
            for bug in Bug.catalogue { print("\(bug.name): \(bug.summary)") }
            return
        }
        SimulationProcess.insistOnDeterministicHashing()
        let first = seed ?? from ?? UInt64(Date().timeIntervalSince1970) * 1000
        let (end, overflows) = first.addingReportingOverflow(seed == nil ? seeds ?? 100 : 1)
        guard !overflows else {
            throw ValidationError("--from and --seeds go beyond the last seed, \(UInt64.max - 1)")
        }
        if seed == nil, from == nil { print("seeds from \(first)") }
        let deadline = seconds.map { ContinuousClock.now + .seconds($0) }
        if report {
            print(try lived(first..<end, until: deadline).encoded(), terminator: "")
            if SimulationProcess.signal != 0 { throw ExitCode(128 + SimulationProcess.signal) }
            return
        }
        let campaign = Campaign(
            seeds: first..<(seconds != nil ? .max : end),
            batch: batch ?? 500,
            deadline: deadline,
            options: options,
            record: try record.map { try SeedRecord($0) },
            isResumed: seed == nil
        )
        if let jobs, jobs > 1 {
            campaign.goOn(jobs: jobs) { try SimulationProcess.live($0, until: deadline, options) }
        } else {
            campaign.goOn(jobs: 1) { try lived($0, until: deadline) }
        }
        try campaign.conclude()
    }

    /// Lives through seeds in this process, as far as time allows and nobody asks for the end.
    private func lived(_ seeds: Range<UInt64>, until deadline: ContinuousClock.Instant?) throws -> Batch {
        let parent = report ? getppid() : nil
        SimulationProcess.heedSignals()
        let scratch = try Scratch()
        defer { scratch.remove() }
        var batch = Batch(first: seeds.lowerBound, options: options)
        for seed in seeds {
            guard deadline.map({ ContinuousClock.now < $0 }) ?? true else { break }
            // One that works for another one does not outlive it.
            guard SimulationProcess.signal == 0, parent.map({ $0 == getppid() }) ?? true else { break }
            let verdict = try lived(seed, scratch)
            var isBroken = !verdict.violations.isEmpty
            if isBroken { tell(verdict) }
            if twice, try lived(seed, scratch).hash != verdict.hash {
                isBroken = true
                print("seed \(seed) has two histories; again: \(options.command(seed))")
            }
            batch.add(isBroken: isBroken)
            if isBroken, bug != nil { break }
        }
        return batch
    }

    private func lived(_ seed: UInt64, _ scratch: Scratch) throws -> Verdict {
        let world = try World(
            seed: seed,
            bug: bug.flatMap { Bug.named($0) } ?? .none,
            hasFaults: !faultless,
            directory: "\(scratch.path)/\(seed)",
            print: trace ? { print($0) } : nil
        )
        let verdict = try world.run()
        if self.seed != nil {
            print(
                "seed \(seed): hash \(String(verdict.hash, radix: 16)), \(verdict.virtualSeconds) s of virtual time, "
                    + "\(verdict.steps) steps, \(verdict.transactions) transactions, \(verdict.runs) runs"
            )
        }
        return verdict
    }

    private func tell(_ verdict: Verdict) {
        var once = options
        once.isTwice = false
        print("seed \(verdict.seed) breaks what must hold; again: \(once.command(verdict.seed)) --trace")
        for violation in verdict.violations.prefix(5) { print("  \(violation)") }
    }
}
