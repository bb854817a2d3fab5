import Testing
import ZnodeStore

extension StoreConformance {
    static let watchCases: [ConformanceCase] = [
        ConformanceCase("an exists watch on a missing znode sees its creation") { store in
            let watch = store.session.makeWatch()
            #expect(try await store.session.exists(store.path("a"), watch: watch) == nil)
            try await store.create("a")
            #expect(await store.session.fired(watch) == .created)
        },
        ConformanceCase("watches armed by get and exists see a set") { store in
            let path = try await store.create("a")
            let (data, existence) = (store.session.makeWatch(), store.session.makeWatch())
            _ = try await store.session.get(path, watch: data)
            _ = try await store.session.exists(path, watch: existence)
            _ = try await store.session.set(path, data: [1])
            #expect(await store.session.fired(data) == .dataChanged)
            #expect(await store.session.fired(existence) == .dataChanged)
        },
        ConformanceCase("watches of every kind see the deletion of their znode") { store in
            let path = try await store.create("a")
            let (data, existence, children) = (
                store.session.makeWatch(), store.session.makeWatch(), store.session.makeWatch()
            )
            _ = try await store.session.get(path, watch: data)
            _ = try await store.session.exists(path, watch: existence)
            _ = try await store.session.children(path, watch: children)
            try await store.session.delete(path)
            #expect(await store.session.fired(data) == .deleted)
            #expect(await store.session.fired(existence) == .deleted)
            #expect(await store.session.fired(children) == .deleted)
        },
        ConformanceCase("a child watch sees a creation and a deletion below, each once armed") { store in
            let (creation, deletion) = (store.session.makeWatch(), store.session.makeWatch())
            #expect(try await store.session.children(store.root, watch: creation) == [])
            try await store.create("a")
            #expect(await store.session.fired(creation) == .childrenChanged)
            #expect(try await store.session.children(store.root, watch: deletion) == ["a"])
            try await store.session.delete(store.path("a"))
            #expect(await store.session.fired(deletion) == .childrenChanged)
        },
        ConformanceCase("a child watch sees neither data nor grandchildren") { store in
            let path = try await store.create("a")
            let watch = store.session.makeWatch()
            _ = try await store.session.children(store.root, watch: watch)
            _ = try await store.session.set(path, data: [1])
            _ = try await store.session.set(store.root, data: [1])
            _ = try await store.session.create(path.child("below"))
            #expect(try await store.session.children(store.root) == ["a"])
            #expect(await store.session.settled(watch) == nil)
        },
        ConformanceCase("a data watch does not see children") { store in
            let path = try await store.create("a")
            let watch = store.session.makeWatch()
            _ = try await store.session.get(path, watch: watch)
            _ = try await store.session.create(path.child("below"))
            try await store.session.delete(path.child("below"))
            #expect(try await store.session.exists(path)?.childVersion == 2)
            #expect(await store.session.settled(watch) == nil)
        },
        ConformanceCase("a watch fires once, and a second one must be armed") { store in
            let path = try await store.create("a")
            let (first, second) = (store.session.makeWatch(), store.session.makeWatch())
            #expect(first != second)
            _ = try await store.session.get(path, watch: first)
            _ = try await store.session.set(path, data: [1])
            _ = try await store.session.set(path, data: [2])
            #expect(await store.session.fired(first) == .dataChanged)
            #expect(await store.session.settled(first) == nil)
            _ = try await store.session.get(path, watch: second)
            #expect(try await store.session.get(path).data == [2])
            try await store.session.delete(path)
            #expect(await store.session.fired(second) == .deleted)
        },
        ConformanceCase("many watches of one session on one znode all fire") { store in
            let path = try await store.create("a")
            let watches = (0..<20).map { _ in store.session.makeWatch() }
            for watch in watches { _ = try await store.session.get(path, watch: watch) }
            _ = try await store.session.set(path, data: [1])
            for watch in watches { #expect(await store.session.fired(watch) == .dataChanged) }
        },
        ConformanceCase("a read that fails arms nothing") { store in
            let (data, children) = (store.session.makeWatch(), store.session.makeWatch())
            let path = store.path("a")
            await expectRefusal(.noNode) { try await store.session.get(path, watch: data) }
            await expectRefusal(.noNode) { try await store.session.children(path, watch: children) }
            try await store.create("a")
            _ = try await store.session.create(path.child("below"))
            _ = try await store.session.set(path, data: [1])
            #expect(try await store.session.get(path).data == [1])
            #expect(await store.session.settled(data) == nil)
            #expect(await store.session.settled(children) == nil)
        },
        ConformanceCase("another session's write sets a watch off") { store in
            let path = try await store.create("a")
            let watch = store.session.makeWatch()
            _ = try await store.session.get(path, watch: watch)
            try await store.withOtherSession { other in
                _ = try await other.set(path, data: [1])
            }
            #expect(await store.session.fired(watch) == .dataChanged)
        },
        ConformanceCase("an event is there before a read can show the change") { store in
            let path = try await store.create("a", data: "0")
            try await store.withOtherSession { other in
                for round in 1...20 {
                    let watch = store.session.makeWatch()
                    let before = try await store.session.get(path, watch: watch).stat.version
                    async let write = other.set(path, data: [UInt8(round)])
                    while try await store.session.get(path).stat.version == before { await Task.yield() }
                    #expect(await store.session.fired(watch) == .dataChanged)
                    _ = try await write
                }
            }
        },
        ConformanceCase("a failed multi sets no watch off") { store in
            let path = try await store.create("a")
            let (data, children, creation) = (
                store.session.makeWatch(), store.session.makeWatch(), store.session.makeWatch()
            )
            _ = try await store.session.get(path, watch: data)
            _ = try await store.session.children(store.root, watch: children)
            _ = try await store.session.exists(store.path("b"), watch: creation)
            await expectRefusal(.noNode, at: 2) {
                try await store.session.multi([
                    .set(path, data: [1]), .create(store.path("b"), data: []), .check(store.path("none")),
                ])
            }
            #expect(try await store.session.get(path).data == [])
            for watch in [data, children, creation] {
                #expect(await store.session.settled(watch) == nil)
            }
        },
        ConformanceCase("a multi sets watches off by the first change that concerns them") { store in
            let path = try await store.create("a")
            let missing = store.path("b")
            let (data, own, creation, children) = (
                store.session.makeWatch(), store.session.makeWatch(), store.session.makeWatch(),
                store.session.makeWatch()
            )
            _ = try await store.session.get(path, watch: data)
            _ = try await store.session.children(path, watch: own)
            _ = try await store.session.exists(missing, watch: creation)
            _ = try await store.session.children(store.root, watch: children)
            _ = try await store.session.multi([
                .delete(path), .create(path, data: []), .set(path, data: [1]), .create(missing, data: []),
                .set(missing, data: [1]), .delete(missing),
            ])
            #expect(await store.session.fired(data) == .deleted)
            #expect(await store.session.fired(own) == .deleted)
            #expect(await store.session.fired(creation) == .created)
            #expect(await store.session.fired(children) == .childrenChanged)
        },
        ConformanceCase("a disarmed watch gives nil to whoever waits, and sees nothing") { store in
            let path = try await store.create("a")
            let watch = store.session.makeWatch()
            _ = try await store.session.get(path, watch: watch)
            let session = store.session
            async let event = session.fired(watch)
            await Task.yield()
            session.disarm(watch)
            #expect(await event == nil)
            _ = try await session.set(path, data: [1])
            #expect(await session.fired(watch) == nil)
        },
        ConformanceCase("a cancelled wait gives nil") { store in
            let watch = store.session.makeWatch()
            _ = try await store.session.exists(store.path("a"), watch: watch)
            let session = store.session
            let event = await withTaskGroup(of: WatchEvent?.self) { group in
                group.addTask { await session.fired(watch) }
                await Task.yield()
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(event == nil)
            session.disarm(watch)
        },
    ]
}
