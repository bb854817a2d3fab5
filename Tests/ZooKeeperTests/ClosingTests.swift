import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct ClosingTests {
    @Test func everyCallReturnsWhenCloseRacesThousands() async throws {
        try await withRoot { root in
            for round in 0..<8 {
                let session = try await root.session(window: round % 2 == 0 ? 500 : 5000)
                let answered = await withTaskGroup(of: StoreError.Code?.self) { group in
                    for index in 0..<3000 {
                        group.addTask {
                            await code {
                                switch index % 4 {
                                case 0: _ = try await session.create(a, data: [], mode: .ephemeralSequential)
                                case 1: _ = try await session.exists(b)
                                case 2: try await session.sync(.root)
                                case _: _ = try await session.multi([.create(b, data: []), .delete(b)])
                                }
                            }
                        }
                    }
                    group.addTask {
                        await session.close()
                        return nil
                    }
                    var codes: [StoreError.Code?: Int] = [:]
                    for await code in group { codes[code, default: 0] += 1 }
                    return codes
                }
                #expect(answered.values.reduce(0, +) == 3001)
                for code in answered.keys {
                    #expect(code == nil || code == .closing || code == .nodeExists, "round \(round)")
                }
                #expect(session.state == .closed)
            }
        }
    }

    @Test func closeTakesEphemeralsAlongAndIsIdempotent() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let other = try await root.session()
            _ = try await session.create(a, data: [], mode: .ephemeral)
            async let first: Void = session.close()
            async let second: Void = session.close()
            _ = await (first, second)
            await session.close()
            try await other.sync(.root)
            #expect(try await other.exists(a) == nil)
            #expect(await code { _ = try await session.exists(a) } == .closing)
            #expect(session.state == .closed)
            await other.close()
        }
    }

    @Test func abandonedSessionKeepsItsEphemerals() async throws {
        let server = try await ZooKeeperServer.start()
        try await withRoot(on: server) { root in
            let session = try await root.session()
            let token = session.makeWatch()
            _ = try await session.exists(b, watch: token)
            _ = try await session.create(a, data: [], mode: .ephemeral)
            await session.abandon()
            #expect(session.state == .closed)
            #expect(await session.fired(token) == nil)
            #expect(await code { _ = try await session.get(a) } == .closing)
            let other = try await root.session()
            #expect(try await other.exists(a)?.ephemeralOwner == session.id)
            // An event for a session that is let go finds nobody.
            _ = try await other.create(b)
            try await other.sync(.root)
            await other.close()
        }
        server.stop()
    }

    @Test func sessionWithoutServerIsClosedAtOnce() async throws {
        let port = try Loopback.freePort()
        let ensemble = ZooKeeperEnsemble(ZooKeeperConfiguration(connectString: "127.0.0.1:\(port)"))
        let session = try await ensemble.openSession()
        #expect(session.state == .connecting)
        #expect(session.id == 0)
        #expect(await code { _ = try await session.exists(a) } == .notConnected)
        #expect(await code { _ = try await session.multi([.check(a), .check(b)]) } == .notConnected)
        await session.close()
        var seen: [SessionState] = []
        for await state in session.transitions() { seen.append(state) }
        #expect(seen == [.closed])
    }
}
