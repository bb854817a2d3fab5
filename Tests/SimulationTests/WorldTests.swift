import Testing

/// What the simulation stands on: a seed decides everything, a world without misfortune is well, and bugs are found.
struct WorldTests {
    @Test func oneSeedIsOneHistoryInTwoProcesses() throws {
        let first = try Simulator.run("--seed", "5", "--trace")
        let second = try Simulator.run("--seed", "5", "--trace")
        let histories = [first, second].map { $0.output.split(separator: "\n").dropLast() }
        #expect(histories[0].count > 100)
        #expect(histories[0] == histories[1])
    }

    @Test func oneSeedIsOneHistoryWithinAProcess() throws {
        let outcome = try Simulator.run("--from", "1", "--seeds", "4", "--twice")
        #expect(outcome.isContent, "\(outcome.output)")
    }

    @Test func otherSeedsAreOtherHistories() throws {
        func hash(_ seed: String) throws -> Substring? {
            try Simulator.run("--seed", seed).output.firstMatch(of: /hash ([0-9a-f]+)/)?.1
        }
        let (one, other) = (try hash("6"), try hash("7"))
        #expect(one != nil)
        #expect(one != other)
    }

    @Test func whereNothingGoesWrongEverythingHolds() throws {
        let outcome = try Simulator.run("--faultless", "--from", "1", "--seeds", "25")
        #expect(outcome.isContent, "\(outcome.output)")
    }
}
