import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct EnsembleTests {
    @Test func sessionMovesToAnotherServerOfTheEnsemble() async throws {
        let servers = try await ZooKeeperServer.ensemble(of: 3)
        let connectString = servers.map(\.connectString).joined(separator: ",")
        let ensemble = ZooKeeperEnsemble(
            ZooKeeperConfiguration(connectString: connectString, sessionTimeout: .seconds(10))
        )
        let session = try await ensemble.openSession()
        try await session.reaches(.connected)
        let id = session.id
        _ = try await session.create(a, data: [], mode: .ephemeral)
        let host = try #require(
            servers.first { ($0.ask("cons") ?? "").contains("sid=0x\(String(id, radix: 16))") }
        )
        host.kill()
        try await session.reaches(.suspended)
        try await session.reaches(.connected)
        #expect(session.id == id)
        try await session.sync(.root)
        #expect(try await session.exists(a)?.ephemeralOwner == id)
        await session.close()
        for server in servers { server.stop() }
    }
}
