import Testing
import ZnodeStore

extension StoreConformance {
    static let updateCases: [ConformanceCase] = [
        ConformanceCase("updates follow a znode through its life") { store in
            let path = store.path("a")
            var updates = store.session.updates(of: path).makeAsyncIterator()
            #expect(try await updates.next() == .some(nil))
            try await store.create("a", data: "1")
            #expect(try await updates.next()??.data == [UInt8(ascii: "1")])
            _ = try await store.session.set(path, data: [2])
            #expect(try await updates.next()??.data == [2])
            try await store.session.delete(path)
            #expect(try await updates.next() == .some(nil))
            try await store.create("a")
            #expect(try await updates.next()??.data == [])
        },
        ConformanceCase("a slow consumer of updates sees the newest only") { store in
            let path = try await store.create("a")
            var updates = store.session.updates(of: path).makeAsyncIterator()
            #expect(try await updates.next()??.stat.version == 0)
            for value in UInt8(1)...5 { _ = try await store.session.set(path, data: [value]) }
            #expect(try await updates.next()??.data == [5])
        },
        ConformanceCase("childrenUpdates follow a list") { store in
            var updates = store.session.childrenUpdates(of: store.root).makeAsyncIterator()
            #expect(try await updates.next() == [])
            try await store.create("a")
            #expect(try await updates.next() == ["a"])
            _ = try await store.session.multi([
                .create(store.path("b"), data: []), .delete(store.path("a")),
            ])
            #expect(try await updates.next() == ["b"])
        },
        ConformanceCase("childrenUpdates fail when the znode is gone") { store in
            let path = try await store.create("a")
            var updates = store.session.childrenUpdates(of: path).makeAsyncIterator()
            #expect(try await updates.next() == [])
            try await store.session.delete(path)
            do {
                let names = try await updates.next()
                Issue.record("children of a missing znode: \(String(describing: names))")
            } catch let error as StoreError {
                #expect(error.code == .noNode)
            }
        },
        ConformanceCase("updates end with the session") { store in
            let path = try await store.create("a")
            let other = try await store.source.openConnectedSession()
            var updates = other.updates(of: path).makeAsyncIterator()
            _ = try await updates.next()
            await other.close()
            #expect(try await updates.next() == nil)
        },
        ConformanceCase("updates end with the task") { store in
            let path = try await store.create("a")
            let session = store.session
            let count = try await withThrowingTaskGroup(of: Int.self) { group in
                let (seen, continuation) = AsyncStream.makeStream(of: Void.self)
                group.addTask {
                    var count = 0
                    for try await _ in session.updates(of: path) {
                        count += 1
                        continuation.yield()
                    }
                    return count
                }
                for await _ in seen { break }
                group.cancelAll()
                return try await group.next()
            }
            #expect(count == 1)
        },
    ]

    static let sessionCases: [ConformanceCase] = [
        ConformanceCase("a connected session has an id and a timeout") { store in
            #expect(store.session.state == .connected)
            #expect(store.session.id != 0)
            #expect(store.session.timeout > .zero)
        },
        ConformanceCase("closing finishes watches with nil") { store in
            let session = try await store.source.openConnectedSession()
            let (waited, idle, unarmed) = (session.makeWatch(), session.makeWatch(), session.makeWatch())
            _ = try await session.get(store.root, watch: waited)
            _ = try await session.children(store.root, watch: idle)
            async let event = session.fired(waited)
            await Task.yield()
            await session.close()
            #expect(await event == nil)
            #expect(await session.fired(idle) == nil)
            #expect(await session.fired(unarmed) == nil)
            #expect(await session.fired(session.makeWatch()) == nil)
        },
        ConformanceCase("a closed session refuses every call") { store in
            let session = try await store.source.openConnectedSession()
            await session.close()
            #expect(session.state == .closed)
            let (root, path) = (store.root, store.path("a"))
            let calls: [@Sendable () async throws -> Void] = [
                { _ = try await session.create(path) },
                { _ = try await session.get(root) },
                { _ = try await session.exists(root) },
                { _ = try await session.children(root) },
                { _ = try await session.set(root, data: []) },
                { try await session.delete(root) },
                { _ = try await session.multi([.check(root)]) },
                { try await session.sync(root) },
            ]
            for (number, call) in calls.enumerated() {
                do {
                    try await call()
                    Issue.record("call \(number) succeeded")
                } catch let error as StoreError {
                    #expect(error.isSessionOver, "call \(number): \(error)")
                }
            }
            #expect(try await store.session.exists(path) == nil)
        },
        ConformanceCase("close may be called again") { store in
            let session = try await store.source.openConnectedSession()
            await session.close()
            await session.close()
            #expect(session.state == .closed)
        },
        ConformanceCase("transitions begin with the state and end after closed") { store in
            let session = try await store.source.openConnectedSession()
            let transitions = session.transitions()
            await session.close()
            var states: [SessionState] = []
            for await state in transitions { states.append(state) }
            #expect(states == [.connected, .closed])
            var late: [SessionState] = []
            for await state in session.transitions() { late.append(state) }
            #expect(late == [.closed])
        },
        ConformanceCase("an abandoned session's ephemeral znodes stay at first") { store in
            let session = try await store.source.openConnectedSession()
            let path = store.path("e")
            _ = try await session.create(path, data: [], mode: .ephemeral)
            let id = session.id
            await session.abandon()
            #expect(session.state == .closed)
            try await store.session.sync(store.root)
            #expect(try await store.session.exists(path)?.ephemeralOwner == id)
            try await store.session.delete(path)
        },
        ConformanceCase("an answered write moves the confirmed instant, a read does not") { store in
            let before = store.session.lastConfirmedWrite
            _ = try await store.session.get(store.root)
            #expect(store.session.lastConfirmedWrite == before)
            let sending = ContinuousClock.now
            try await store.create("a")
            #expect(store.session.lastConfirmedWrite >= sending)
            #expect(store.session.lastConfirmedWrite <= ContinuousClock.now)
        },
        ConformanceCase("operations of one session are applied in the order of the calls") { store in
            let path = try await store.create("a")
            for value in UInt8(1)...50 { _ = try await store.session.set(path, data: [value]) }
            let znode = try await store.session.get(path)
            #expect(znode.data == [50])
            #expect(znode.stat.version == 50)
        },
        ConformanceCase("concurrent callers of one session all get their answers") { store in
            let session = store.session
            let root = store.root
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let path = try await session.create(root.child("n\(number)"), data: [1])
                        _ = try await session.get(path)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await session.children(root).count == 200)
            #expect(try await store.rootStat().childCount == 200)
        },
    ]
}
