import HistoryChecking
import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

/// The reader against the log of a real server, written through the product's own client.
struct RealServerTests {
    private static func session(_ connectString: String) async throws -> ZooKeeperSession {
        let session = try await ZooKeeperEnsemble(
            ZooKeeperConfiguration(connectString: connectString, sessionTimeout: .seconds(4))
        ).open(resuming: nil)
        for await state in session.transitions() where state == .connected || state.isOver { break }
        return session
    }

    /// Creates a znode, however often the connection is lost meanwhile.
    private static func createOnce(_ path: ZnodePath, _ session: ZooKeeperSession) async throws {
        var isThere = false
        while !isThere {
            do throws(StoreError) {
                _ = try await session.create(path, data: [2])
                isThere = true
            } catch {
                isThere = error.code == .nodeExists  // the answer of an earlier try was lost
                guard isThere || error.isRetriable || error.isOutcomeUnknown else { throw error }
            }
            if !isThere {
                for await state in session.transitions() where state == .connected || state.isOver { break }
            }
        }
    }

    @Test func whatAServerWroteIsRead() async throws {
        let server = try await ZooKeeperServer.start()
        defer { server.stop() }
        let session = try await Self.session(server.connectString)
        let root = try ZnodePath("/root")
        let child = root.child("a")
        let data = Array(#"{"term":1,"commit":2}"#.utf8)
        _ = try await session.create(root, data: [])
        _ = try await session.multi([
            .create(child, data: data), .check(root, version: 0),
            .create(root.child("e"), data: [], mode: .ephemeral),
        ])
        await #expect(throws: StoreError.self) {
            try await session.multi([.delete(child), .create(root, data: [])])
        }
        _ = try await session.set(child, data: [UInt8](repeating: 7, count: 100_000))
        try await session.delete(child)
        let id = session.id
        await session.close()
        // What is left in the log is found also when the server is killed.
        server.kill()

        let log = try TransactionLog.read(directories: [server.dataDirectory])
        #expect(log.notes.isEmpty)
        let own = log.transactions.filter { $0.session == id }
        #expect(
            own.map(\.operations) == [
                [.createSession(timeoutMilliseconds: 4000)],
                [.create(path: "/root", data: [], isEphemeral: false)],
                [
                    .create(path: "/root/a", data: data, isEphemeral: false),
                    .check(path: "/root", version: 1),
                    .create(path: "/root/e", data: [], isEphemeral: true),
                ],
                [.delete(path: "/root/a"), .failed(code: -110)],
                [.set(path: "/root/a", data: [UInt8](repeating: 7, count: 100_000), version: 1)],
                [.delete(path: "/root/a")],
                [.closeSession(paths: ["/root/e"])],
            ]
        )
        #expect(own.map(\.isApplied) == [true, true, true, false, true, true, true])
        #expect(own.last?.cxid != 0, "the client said goodbye")
        #expect(zip(own, own.dropFirst()).allSatisfy { $0.zxid < $1.zxid && $0.time <= $1.time })

        let history = try History(log.transactions)
        #expect(history.sessions.map(\.isExpired) == [false])
        #expect(history.sizePeak.value == 100_000)
    }

    @Test func theLogsOfAnEnsembleAgree() async throws {
        let servers = try await ZooKeeperServer.ensemble(of: 3)
        defer { for server in servers { server.stop() } }
        let session = try await Self.session(servers.map(\.connectString).joined(separator: ","))
        let root = try ZnodePath("/root")
        _ = try await session.create(root, data: [])
        for number in 0..<50 { _ = try await session.create(root.child("n\(number)"), data: [1]) }
        // One is lost and comes back: it is told what it missed.
        servers[0].kill()
        for number in 50..<80 {
            try await Self.createOnce(root.child("n\(number)"), session)
        }
        try await servers[0].restart()
        await session.close()
        for server in servers { server.kill() }
        let log = try TransactionLog.read(directories: servers.map(\.dataDirectory))
        let history = try History(log.transactions)
        #expect(history.znodePeak.value == 81)
        #expect(
            log.transactions.filter { $0.isApplied }.count { transaction in
                transaction.operations.contains { if case .create = $0 { true } else { false } }
            } == 81
        )
    }
}
