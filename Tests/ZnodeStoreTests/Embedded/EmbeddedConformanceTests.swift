import StoreConformance
import Testing
import ZnodeStore

@Suite(.timeLimit(.minutes(1)))
struct EmbeddedConformanceTests {
    @Test(arguments: StoreConformance.cases)
    func embeddedStoreConforms(_ conformanceCase: ConformanceCase) async throws {
        try await conformanceCase.run(on: EmbeddedStore())
    }

    /// Holds the script and its comparison; against another store the same scripts hold the model.
    @Test func randomScriptsRepeat() async throws {
        let seed = SeededGenerator.seedOfRun()
        for round in 0..<20 {
            try await ScriptComparison.run(on: EmbeddedStore(), seed: seed &+ UInt64(round))
        }
    }
}
