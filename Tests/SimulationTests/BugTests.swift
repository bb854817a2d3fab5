import Simulation
import Testing

/// The simulation proves itself: what is planted is found, by what it breaks.
struct BugTests {
    /// A seed that finds each. Which one it is changes with what the nodes draw: `scripts` and hands search the whole range
    /// (`skyfire-sim --bug NAME --from 1 --seeds 2000`), and the test a span around it.
    private static let found: [(bug: String, seed: UInt64)] = [
        ("entry-left", 1),
        ("assignment-left", 1),
        ("sequential-entries", 1),
        ("spawn-at-prepare", 1),
        ("name-left-behind", 1),
        ("unguarded-mirror", 1),
        ("unguarded-attempts", 8),
        ("outbox-skipped", 1),
        ("successor-forgotten", 1),
        ("blind-takeover", 17),
        ("no-fence", 2),
        ("unversioned-mark", 2),
        ("no-lease", 11),
        ("no-kill-margin", 11),
        ("unchecked-definition", 9),
        ("unchecked-worker", 2),
        ("deaf-runner", 19),
        ("unversioned-start", 37),
        ("forget-on-reconnect", 50),
        ("unchecked-owner", 613),
        ("unversioned-withdrawal", 61),
    ]

    @Test func everyBugIsHeldByATest() {
        #expect(Set(Self.found.map(\.bug)) == Set(Bug.catalogue.map(\.name)))
        #expect(Set(Bug.catalogue.map(\.name)).count == Bug.catalogue.count)
    }

    @Test(arguments: found)
    func aPlantedBugIsFound(bug: String, seed: UInt64) throws {
        let outcome = try Simulator.run("--bug", bug, "--from", String(seed), "--seeds", "60")
        #expect(outcome.isContent, "\(bug) was not found: \(outcome.output)")
        #expect(outcome.output.contains("breaks what must hold"), "\(outcome.output)")
    }

    /// What finds a bug is the bug and no weakness of the nodes: without it the same seeds hold.
    @Test(arguments: Set(found.map(\.seed)).sorted()) func withoutABugTheSameSeedsHold(_ seed: UInt64) throws
    {
        let outcome = try Simulator.run("--from", String(seed), "--seeds", "3")
        #expect(outcome.isContent, "\(outcome.output)")
    }
}
