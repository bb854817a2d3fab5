import ServerFixtures
import StoreConformance
import Testing
import ZnodeStore
import ZooKeeper

/// Holds the suite against a real server, and the embedded store against it by random scripts: what the simulation
/// proves on the model is true of ZooKeeper.
@Suite(.timeLimit(.minutes(3)))
struct ZooKeeperConformanceTests {
    @Test(arguments: StoreConformance.cases)
    func zooKeeperConforms(_ conformanceCase: ConformanceCase) async throws {
        try await conformanceCase.run(on: try await ensemble())
    }

    @Test func randomScriptsMatchTheModel() async throws {
        let seed = SeededGenerator.seedOfRun()
        for round in 0..<12 {
            try await ScriptComparison.run(on: try await ensemble(), seed: seed &+ UInt64(round), count: 250)
        }
    }

    private func ensemble() async throws -> ZooKeeperEnsemble {
        ZooKeeperEnsemble(
            ZooKeeperConfiguration(connectString: try await ZooKeeperServer.shared().connectString)
        )
    }
}
