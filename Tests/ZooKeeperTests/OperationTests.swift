import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct OperationTests {
    @Test func dataComesBackAsItWasWritten() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let data = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(try await session.create(a, data: data) == a)
            let read = try await session.get(a)
            #expect(read.data == data)
            #expect(read.stat.version == 0)
            #expect(read.stat.dataLength == 400_000)
            #expect(try await session.create(b) == b)
            #expect(try await session.get(b).data == [])
            await session.close()
        }
    }

    @Test func setCountsVersions() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a, data: [1])
            #expect(try await session.set(a, data: [2], version: 0).version == 1)
            #expect(try await session.set(a, data: [3]).version == 2)
            #expect(await code { _ = try await session.set(a, data: [4], version: 1) } == .badVersion)
            #expect(try await session.get(a).data == [3])
            await session.close()
        }
    }

    @Test func sequentialNamesGrow() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let first = try await session.create(a, data: [], mode: .persistentSequential)
            let second = try await session.create(a, data: [], mode: .ephemeralSequential)
            #expect(first.name == "a0000000000")
            #expect(second.name == "a0000000001")
            #expect(try await session.exists(second)?.ephemeralOwner == session.id)
            #expect(try await session.exists(first)?.ephemeralOwner == 0)
            await session.close()
        }
    }

    @Test func nameWithoutRoomForItsCounterIsRefused() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let long = ZnodePath.root.child(String(repeating: "x", count: ZnodePath.maximumSegmentLength))
            let refusal = await code {
                _ = try await session.create(long, data: [], mode: .persistentSequential)
            }
            #expect(refusal == .badArguments)
            #expect(try await session.create(long) == long)
            await session.close()
        }
    }

    @Test func errorsKeepTheirMeaning() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a)
            _ = try await session.create(a.child("below"))
            _ = try await session.create(b, data: [], mode: .ephemeral)
            #expect(await code { _ = try await session.create(a) } == .nodeExists)
            #expect(await code { _ = try await session.create(c.child("x")) } == .noNode)
            #expect(await code { _ = try await session.create(b.child("x")) } == .noChildrenForEphemerals)
            #expect(await code { _ = try await session.get(c) } == .noNode)
            #expect(await code { _ = try await session.children(c) } == .noNode)
            #expect(await code { _ = try await session.set(c, data: []) } == .noNode)
            #expect(await code { try await session.delete(c) } == .noNode)
            #expect(await code { try await session.delete(a) } == .notEmpty)
            #expect(await code { try await session.delete(a.child("below"), version: 7) } == .badVersion)
            #expect(try await session.exists(c) == nil)
            try await session.delete(a.child("below"), version: 0)
            try await session.delete(a)
            await session.close()
        }
    }

    @Test func childrenAreListedAndSyncAnswers() async throws {
        try await withRoot { root in
            let session = try await root.session()
            for name in ["x", "y", "z"] { _ = try await session.create(ZnodePath.root.child(name)) }
            try await session.sync(.root)
            #expect(try await session.children(.root).sorted() == ["x", "y", "z"])
            await session.close()
        }
    }

    @Test func multiAppliesAllAndReturnsWhatEachDid() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a, data: [1])
            _ = try await session.create(b)
            let results = try await session.multi([
                .check(a, version: 0), .set(a, data: [2], version: 0), .delete(b),
                .create(c, data: [], mode: .ephemeralSequential), .create(c, data: [9]), .check(c),
            ])
            #expect(results.count == 6)
            #expect(results[0] == .checked)
            guard case .set(let stat) = results[1] else {
                Issue.record("not a set: \(results[1])")
                return
            }
            #expect(stat.version == 1)
            #expect(results[2] == .deleted)
            #expect(results[3] == .created(ZnodePath.root.child("c0000000002")))
            #expect(results[4] == .created(c))
            #expect(results[5] == .checked)
            #expect(try await session.get(c).data == [9])
            #expect(try await session.multi([]) == [])
            await session.close()
        }
    }

    @Test func multiNamesTheFirstOperationThatFailed() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a)
            for index in 0..<3 {
                var operations: [StoreOperation] = [.create(b, data: []), .set(a, data: [1]), .check(a)]
                operations[index] = .check(a, version: 40)
                do throws(StoreError) {
                    _ = try await session.multi(operations)
                    Issue.record("the multi succeeded")
                } catch {
                    #expect(error.code == .badVersion)
                    #expect(error.failedIndex == index)
                    #expect(error.path == a)
                }
            }
            #expect(try await session.exists(b) == nil)
            #expect(try await session.get(a).data == [])
            await session.close()
        }
    }

    @Test func tooLargeIsRefusedBeforeTheCall() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a)
            let half = [UInt8](repeating: 1, count: StoreLimits.maximumDataLength)
            let before = session.lastConfirmedWrite
            #expect(await code { _ = try await session.create(b, data: half + [1]) } == .tooLarge)
            #expect(await code { _ = try await session.set(a, data: half + [1]) } == .tooLarge)
            #expect(
                await code { _ = try await session.multi([.set(a, data: half), .create(b, data: half)]) }
                    == .tooLarge
            )
            let many = [StoreOperation](repeating: .check(a), count: StoreLimits.maximumMultiCount + 1)
            #expect(await code { _ = try await session.multi(many) } == .tooLarge)
            #expect(session.lastConfirmedWrite == before)
            #expect(session.state == .connected)
            let limit = StoreLimits.maximumMultiLength
            #expect(session.figures?.transactionBytes == .init(value: 0, limit: limit, refused: 2))
            _ = try await session.multi([.set(a, data: half)])
            let largest = try #require(session.figures?.transactionBytes.value)
            #expect((half.count...half.count + 100).contains(largest))
            #expect(try await session.set(a, data: half).dataLength == Int32(half.count))
            #expect(session.lastConfirmedWrite > before)
            await session.close()
        }
    }

    @Test func failedWriteConfirmsContactAndReadDoesNot() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let opened = session.lastConfirmedWrite
            _ = try await session.exists(a)
            #expect(session.lastConfirmedWrite == opened)
            let sent = ContinuousClock.now
            #expect(await code { try await session.delete(a) } == .noNode)
            #expect(session.lastConfirmedWrite >= sent)
            #expect(session.lastConfirmedWrite <= .now)
            await session.close()
        }
    }

    @Test func anotherIdentityHasNoAccess() async throws {
        try await withRoot { root in
            let owner = try await root.session(credentials: .init(user: "owner", password: "s3cret"))
            let twin = try await root.session(credentials: .init(user: "owner", password: "s3cret"))
            let other = try await root.session(credentials: .init(user: "other", password: "s3cret"))
            let nobody = try await root.session()
            _ = try await owner.create(a, data: [1])
            _ = try await owner.multi([.create(b, data: [2])])
            for stranger in [other, nobody] {
                #expect(await code { _ = try await stranger.get(a) } == .noAuth)
                #expect(await code { _ = try await stranger.set(b, data: []) } == .noAuth)
                #expect(await code { _ = try await stranger.create(a.child("x")) } == .noAuth)
                #expect(await code { _ = try await stranger.multi([.set(a, data: [])]) } == .noAuth)
            }
            #expect(try await twin.get(b).data == [2])
            for session in [owner, twin, other, nobody] { await session.close() }
        }
    }

    @Test func requestsBeyondTheWindowKeepTheirOrder() async throws {
        try await withRoot { root in
            let session = try await root.session(window: 3)
            _ = try await session.create(a)
            // Children of one group start in any order, so each caller's own order is what is checked: reads
            // see its writes.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<40 {
                    group.addTask {
                        let path = a.child("\(caller)")
                        _ = try await session.create(path, data: [0])
                        for step in 1..<20 {
                            _ = try await session.set(path, data: [UInt8(step)], version: Int32(step - 1))
                            #expect(try await session.get(path).data == [UInt8(step)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await session.children(a).count == 40)
            await session.close()
        }
    }

    @Test func requestsBeyondThoseThatMayWaitAreRefused() async throws {
        let server = try await ZooKeeperServer.start()
        defer { server.stop() }
        try await withRoot(on: server) { root in
            let session = try await root.session(timeout: .seconds(20), window: 3, waiting: 5)
            server.suspend()
            try await withThrowingTaskGroup(of: StoreError.Code?.self) { group in
                for number in 0..<20 {
                    group.addTask { await code { _ = try await session.create(a.child("\(number)")) } }
                }
                // Refusals come while nothing is answered; what was taken is answered when the server goes on.
                var refused = 0
                while refused < 12, let code = try await group.next() {
                    #expect(code == .throttled)
                    refused += 1
                }
                let figures = try #require(session.figures)
                #expect(figures.requests == .init(value: 3, limit: 3))
                #expect(figures.waiting == .init(value: 5, limit: 5, refused: 12))
                server.resume()
                for try await code in group { #expect(code == .noNode) }
            }
            #expect(session.figures?.waiting == .init(value: 0, limit: 5, refused: 12))
            #expect(try await session.exists(a) == nil)
            await session.close()
        }
    }

    @Test func configurationThatCannotWorkIsRefused() async throws {
        let hosts = ["", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:2181/chroot"]
        for host in hosts {
            let ensemble = ZooKeeperEnsemble(ZooKeeperConfiguration(connectString: host))
            let failure = await code { _ = try await ensemble.openSession() }
            #expect(failure == .badArguments, "\"\(host)\"")
        }
    }
}
