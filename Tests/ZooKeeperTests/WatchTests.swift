import ServerFixtures
import Testing
import ZnodeStore
import ZooKeeper

@Suite struct WatchTests {
    @Test func watchFiresOnce() async throws {
        try await withRoot { root in
            let session = try await root.session()
            _ = try await session.create(a)
            let token = session.makeWatch()
            _ = try await session.get(a, watch: token)
            _ = try await session.set(a, data: [1])
            _ = try await session.set(a, data: [2])
            #expect(await session.fired(token) == .dataChanged)
            // Its event is taken, so nobody knows the token any more.
            #expect(await session.fired(token) == nil)
            await session.close()
        }
    }

    @Test func eventComesBeforeTheAnswerToTheWriteThatCausedIt() async throws {
        try await withRoot { root in
            let session = try await root.session()
            for _ in 0..<200 {
                let token = session.makeWatch()
                #expect(try await session.exists(a, watch: token) == nil)
                _ = try await session.create(a)
                #expect(await session.fired(token) == .created)
                let gone = session.makeWatch()
                _ = try await session.children(a, watch: gone)
                try await session.delete(a)
                #expect(await session.fired(gone) == .deleted)
            }
            await session.close()
        }
    }

    @Test func watchersOfOnePathAllFire() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let tokens = (0..<5).map { _ in session.makeWatch() }
            for token in tokens { _ = try await session.children(.root, watch: token) }
            session.disarm(tokens[0])
            async let waiting = session.fired(tokens[1])
            _ = try await session.create(a)
            #expect(await waiting == .childrenChanged)
            for token in tokens[2...] { #expect(await session.fired(token) == .childrenChanged) }
            #expect(await session.fired(tokens[0]) == nil)
            await session.close()
        }
    }

    @Test func failedReadArmsNothing() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let token = session.makeWatch()
            #expect(await code { _ = try await session.get(a, watch: token) } == .noNode)
            #expect(await code { _ = try await session.children(a, watch: token) } == .noNode)
            _ = try await session.create(a)
            // Armed only now, so what it sees is the set and not the creation.
            _ = try await session.get(a, watch: token)
            _ = try await session.set(a, data: [1])
            #expect(await session.fired(token) == .dataChanged)
            await session.close()
        }
    }

    @Test func cancelledWaitEnds() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let token = session.makeWatch()
            _ = try await session.exists(a, watch: token)
            await withTaskGroup(of: WatchEvent?.self) { group in
                group.addTask { await session.fired(token) }
                group.cancelAll()
                for await event in group { #expect(event == nil) }
            }
            await session.close()
        }
    }

    @Test func closeEndsWatchesAndUpdates() async throws {
        try await withRoot { root in
            let session = try await root.session()
            let token = session.makeWatch()
            _ = try await session.exists(a, watch: token)
            async let fired = session.fired(token)
            var updates = session.childrenUpdates(of: .root).makeAsyncIterator()
            #expect(try await updates.next() == [])
            await session.close()
            #expect(await fired == nil)
            #expect(try await updates.next() == nil)
            #expect(await session.fired(session.makeWatch()) == nil)
        }
    }

    @Test func updatesShowTheNewest() async throws {
        try await withRoot { root in
            let session = try await root.session()
            var updates = session.updates(of: a).makeAsyncIterator()
            #expect(try await updates.next() == .some(nil))
            _ = try await session.create(a, data: [1])
            #expect(try await updates.next()??.data == [1])
            for value in 2...9 { _ = try await session.set(a, data: [UInt8(value)]) }
            #expect(try await updates.next()??.data == [9])
            try await session.delete(a)
            #expect(try await updates.next() == .some(nil))
            await session.close()
        }
    }

    @Test func watchesSurviveAReconnect() async throws {
        let server = try await ZooKeeperServer.start()
        try await withRoot(on: server) { root in
            let session = try await root.session(timeout: .seconds(10))
            _ = try await session.create(a)
            let token = session.makeWatch()
            _ = try await session.get(a, watch: token)
            try await server.restart()
            try await session.reaches(.connected)
            let other = try await root.session()
            _ = try await other.set(a, data: [1])
            #expect(await session.fired(token) == .dataChanged)
            await other.close()
            await session.close()
        }
        server.stop()
    }

    @Test func watchedPathsHaveABudget() async throws {
        try await withRoot { root in
            let session = try await root.session()
            var refused: StoreError?
            var armed = 0
            let tail = String(repeating: "x", count: 190)
            while refused == nil, armed < 2000 {
                do throws(StoreError) {
                    let path = ZnodePath.root.child("\(armed)-\(tail)")
                    _ = try await session.exists(path, watch: session.makeWatch())
                    armed += 1
                } catch {
                    refused = error
                }
            }
            #expect(refused?.code == .tooLarge)
            #expect(armed > 1000)
            let watched = try #require(session.figures?.watchedBytes)
            #expect(watched.refused == 1)
            #expect(watched.limit == 256 * 1024)
            #expect(watched.value <= watched.limit && watched.value > watched.limit - 300)
            // What is watched already can be watched again, and reads without a watch go on.
            _ = try await session.exists(ZnodePath.root.child("0-\(tail)"), watch: session.makeWatch())
            _ = try await session.exists(a)
            await session.close()
        }
    }
}
