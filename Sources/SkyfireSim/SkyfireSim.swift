internal import ArgumentParser
internal import Glibc
internal import Simulation

/// `skyfire-sim`: lives through clusters in virtual time, one for each seed, and says what must never be and was.
@main
struct SkyfireSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skyfire-sim",
        abstract: "Simulates whole clusters in virtual time, one for each seed."
    )

    @Option(help: "Lives through this seed alone.")
    var seed: UInt64?

    @Flag(help: "Prints what happens, with --seed.")
    var trace = false

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 100

    @Option(help: "The first seed.")
    var from: UInt64 = 1

    @Flag(help: "Nothing goes wrong.")
    var faultless = false

    mutating func run() throws {
        SimulationProcess.insistOnDeterministicHashing()
        let list = seed.map { [$0] } ?? Array(from..<from + seeds)
        let began = ContinuousClock.now
        var failed = 0
        for number in list {
            let print: ((String) -> Void)? = trace ? { Swift.print($0) } : nil
            let world = try World(
                seed: number,
                hasFaults: !faultless,
                directory: "/dev/shm/skyfire-sim-\(getpid())/\(number)",
                print: print
            )
            let verdict = try world.run()
            if list.count == 1 {
                Swift.print(
                    "hash \(String(verdict.hash, radix: 16)), \(verdict.virtualSeconds) s, \(verdict.steps) steps, "
                        + "\(verdict.transactions) transactions, \(verdict.runs) runs"
                )
            }
            if !verdict.violations.isEmpty {
                failed += 1
                Swift.print("seed \(number)")
                for violation in verdict.violations.prefix(4) { Swift.print("  \(violation)") }
            }
        }
        Swift.print("\(list.count) seeds, \(failed) failed, \(began.duration(to: .now))")
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
