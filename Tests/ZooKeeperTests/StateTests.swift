import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct StateTests {
    /// A server that answers nobody is the client's side of a partition: it never hears that it expired.
    @Test func silentServerMeansSuspendedThenLostByTheLocalClock() async throws {
        let server = try await ZooKeeperServer.start()
        try await withRoot(on: server) { root in
            let session = try await root.session(timeout: .seconds(2))
            #expect(session.timeout == .seconds(2))
            let token = session.makeWatch()
            _ = try await session.exists(b, watch: token)
            _ = try await session.create(a)
            let contact = session.lastConfirmedWrite
            let transitions = session.transitions()
            server.suspend()
            let unanswered = await code { _ = try await session.set(a, data: [1]) }
            #expect(unanswered == .operationTimeout || unanswered == .connectionLoss)
            var seen: [SessionState] = []
            for await state in transitions {
                seen.append(state)
                if state == .lost { break }
            }
            let silence = ContinuousClock.now - contact
            #expect(seen == [.connected, .suspended, .lost])
            #expect(silence >= .seconds(2))
            // Wide, for a loaded machine: the timer itself is exact.
            #expect(silence < .seconds(8))
            #expect(await session.fired(token) == nil)
            #expect(await code { _ = try await session.get(a) } == .sessionExpired)
            #expect(session.lastConfirmedWrite == contact)
            server.resume()
            await session.close()
            #expect(session.state == .closed)
        }
        server.stop()
    }

    @Test func serverThatReturnsInTimeResumesTheSession() async throws {
        let server = try await ZooKeeperServer.start()
        try await withRoot(on: server) { root in
            let session = try await root.session(timeout: .seconds(10))
            let id = session.id
            var transitions = session.transitions().makeAsyncIterator()
            #expect(await transitions.next() == .connected)
            server.kill()
            #expect(await transitions.next() == .suspended)
            #expect(await code { _ = try await session.exists(a) } == .notConnected)
            try await server.restart()
            #expect(await transitions.next() == .connected)
            #expect(session.id == id)
            _ = try await session.create(a)
            await session.close()
            #expect(await transitions.next() == .closed)
            #expect(await transitions.next() == nil)
        }
        server.stop()
    }

    @Test func expiryEndsEverything() async throws {
        try await withRoot { root in
            let victim = try await root.session()
            _ = try await victim.create(a, data: [], mode: .ephemeral)
            let token = victim.makeWatch()
            _ = try await victim.exists(b, watch: token)
            async let fired = victim.fired(token)
            try await root.expire(victim)
            try await victim.reaches(.expired)
            #expect(await fired == nil)
            #expect(await code { _ = try await victim.exists(a) } == .sessionExpired)
            #expect(await code { _ = try await victim.multi([.check(a)]) } == .sessionExpired)
            await victim.close()
        }
    }

    /// libzookeeper aborts the process when a `multi` of two operations meets an expired handle.
    @Test func multisThatRaceExpiryNeverAbort() async throws {
        try await withRoot { root in
            _ = try await root.session().create(a)
            for _ in 0..<10 {
                let victim = try await root.session()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            while true {
                                let failure = await code {
                                    _ = try await victim.multi([.check(a), .set(a, data: [1]), .check(a)])
                                }
                                if failure == .sessionExpired { return }
                                // While it is suspended every call returns at once; the others must come to
                                // run.
                                if failure == .notConnected { try await victim.reachesContactOrEnd() }
                            }
                        }
                    }
                    group.addTask { try await root.expire(victim) }
                    try await group.waitForAll()
                }
                #expect(victim.state == .expired)
                await victim.close()
            }
        }
    }

    @Test func twoSubscribersHearTheSame() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let streams = [session.transitions(), session.transitions()]
            await session.close()
            for stream in streams {
                var seen: [SessionState] = []
                for await state in stream { seen.append(state) }
                #expect(seen == [.connected, .closed])
            }
        }
    }

    @Test func withSessionClosesBehindItself() async throws {
        struct Failure: Error {}
        try await withRoot { root in
            let ensemble = ZooKeeperEnsemble(root.configuration())
            let session = try await ensemble.withSession { session in
                _ = try await session.create(a, data: [], mode: .ephemeral)
                return session
            }
            #expect(session.state == .closed)
            await #expect(throws: Failure.self) {
                try await ensemble.withSession { session in
                    #expect(try await session.exists(a) == nil)
                    throw Failure()
                }
            }
        }
    }
}

extension ZnodeSession {
    fileprivate func reachesContactOrEnd() async throws {
        for await state in transitions() where state == .connected || state.isOver { return }
    }
}
