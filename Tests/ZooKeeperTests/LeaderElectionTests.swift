import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct LeaderElectionTests {
    private static let master = ZnodePath.root.child("master")
    private static let term = ZnodePath.root.child("term")

    /// The term's data is its number and the candidate's name.
    private func candidate(_ name: UInt8, in session: any ZnodeSession) -> LeaderElection {
        LeaderElection(session: session, master: Self.master, term: Self.term, masterData: [name]) { before in
            [(before.data.first ?? 0) + 1, name]
        }
    }

    private func campaign(_ name: UInt8, in session: any ZnodeSession) async throws -> Election.Won? {
        var random = SystemRandomNumberGenerator()
        return try await candidate(name, in: session).campaign(using: &random)
    }

    @Test func oneWinsAndTheOtherFollowsWhenItCloses() async throws {
        try await withRoot { root in
            let first = try await root.session()
            let second = try await root.session()
            _ = try await first.create(Self.term, data: [0])
            #expect(try await campaign(1, in: first) == .init(termVersion: 1, termData: [1, 1]))
            async let later = campaign(2, in: second)
            #expect(try await second.get(Self.master).data == [1])
            // A commit of the leader moves the term's version on, and its successor starts from there.
            _ = try await first.multi([.set(Self.term, data: [1, 1, 7], version: 1), .create(a, data: [])])
            await first.close()
            #expect(try await later == .init(termVersion: 3, termData: [2, 2]))
            #expect(try await second.get(Self.master).stat.ephemeralOwner == second.id)
            await second.close()
        }
    }

    /// The master znode's version is 0 for every leader, so a check of it lets an old one through. The term's
    /// version does not.
    @Test func deposedLeaderIsFencedByTheTermAlone() async throws {
        try await withRoot { root in
            let old = try await root.session()
            let new = try await root.session()
            _ = try await old.create(Self.term, data: [0])
            let oldTerm = try #require(await campaign(1, in: old))
            // The old leader's master vanishes while it does not look, as it would with its session.
            async let next = campaign(2, in: new)
            try await new.delete(Self.master)
            let newTerm = try #require(await next)
            #expect(newTerm.termVersion > oldTerm.termVersion)
            let fenced = await code {
                _ = try await old.multi([
                    .set(Self.term, data: oldTerm.termData, version: oldTerm.termVersion),
                    .create(b, data: []),
                ])
            }
            #expect(fenced == .badVersion)
            #expect(try await new.exists(b) == nil)
            _ = try await old.multi([.check(Self.master, version: 0), .create(c, data: [])])
            #expect(try await new.exists(c) != nil)
            await old.close()
            await new.close()
        }
    }

    @Test func manyCandidatesWinOneAfterTheOther() async throws {
        try await withRoot { root in
            let observer = try await root.session()
            _ = try await observer.create(Self.term, data: [0])
            let terms = try await withThrowingTaskGroup(of: UInt8.self) { group in
                for name in 1...6 {
                    group.addTask {
                        let session = try await root.session()
                        let won = try #require(await campaign(UInt8(name), in: session))
                        await session.close()
                        return won.termData[0]
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(terms.sorted() == [1, 2, 3, 4, 5, 6])
            await observer.close()
        }
    }

    @Test func masterOfAnEarlierSessionIsNotAdopted() async throws {
        try await withRoot { root in
            let earlier = try await root.session()
            let session = try await root.session()
            _ = try await earlier.create(Self.term, data: [0])
            _ = try await campaign(1, in: earlier)
            async let waiting = campaign(1, in: session)
            try await root.expire(earlier)
            let won = try #require(await waiting)
            #expect(won.termData == [2, 1])
            #expect(try await session.get(Self.master).stat.ephemeralOwner == session.id)
            await earlier.close()
            await session.close()
        }
    }

    @Test func secondCampaignOfTheLeaderIsRefused() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(Self.term, data: [0])
            _ = try await campaign(1, in: session)
            await #expect(throws: StoreError.self) { _ = try await campaign(1, in: session) }
            await session.close()
        }
    }

    @Test func campaignEndsWithItsSessionOrItsTask() async throws {
        try await withRoot { root in
            let leader = try await root.session()
            let ending = try await root.session()
            let other = try await root.session()
            _ = try await leader.create(Self.term, data: [0])
            _ = try await campaign(1, in: leader)
            let failure = await code {
                async let closing: Void = ending.close()
                var random = SystemRandomNumberGenerator()
                _ = try await candidate(2, in: ending).campaign(using: &random)
                await closing
            }
            #expect(failure == .sessionExpired || failure == .closing)
            try await withThrowingTaskGroup(of: Election.Won?.self) { group in
                group.addTask { try await campaign(3, in: other) }
                group.cancelAll()
                for try await won in group { #expect(won == nil) }
            }
            await leader.close()
            await other.close()
        }
    }

    /// The server stops with the answer under way: the candidate finds out by reading whether it leads.
    @Test func lostAnswerIsSettledByReading() async throws {
        let server = try await ZooKeeperServer.start()
        try await withRoot(on: server) { root in
            let session = try await root.session(timeout: .seconds(10))
            _ = try await session.create(Self.term, data: [0])
            let interrupted = AnswerLosingSession(session, afterMulti: { try await server.restart() })
            let won = try #require(await campaign(1, in: interrupted))
            #expect(won.termData == [1, 1])
            #expect(won.termVersion == 1)
            #expect(try await session.get(Self.master).stat.ephemeralOwner == session.id)
            await session.close()
        }
        server.stop()
    }
}
