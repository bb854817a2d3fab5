import Testing
import ZnodeStore

extension StoreConformance {
    static let statCases: [ConformanceCase] = [
        ConformanceCase("a new znode's counters are zero and its zxids equal") { store in
            let path = try await store.create("a", data: "four")
            let stat = try await store.session.get(path).stat
            #expect(stat.version == 0)
            #expect(stat.childVersion == 0)
            #expect(stat.childCount == 0)
            #expect(stat.dataLength == 4)
            #expect(stat.ephemeralOwner == 0)
            #expect(stat.createdZxid == stat.modifiedZxid)
            #expect(stat.createdMilliseconds == stat.modifiedMilliseconds)
            #expect(stat.createdZxid > 0)
        },
        ConformanceCase("set counts the version, moves mzxid and leaves czxid") { store in
            let path = try await store.create("a")
            let first = try await store.session.get(path).stat
            for expected in Int32(1)...3 {
                let stat = try await store.session.set(path, data: [1, 2, 3])
                #expect(stat.version == expected)
                #expect(stat.createdZxid == first.createdZxid)
                #expect(stat.createdMilliseconds == first.createdMilliseconds)
                #expect(stat.modifiedZxid > first.modifiedZxid)
                #expect(stat.dataLength == 3)
                #expect(try await store.session.exists(path) == stat)
                #expect(try await store.session.get(path).stat == stat)
            }
        },
        ConformanceCase("set and delete with another version fail with BADVERSION and change nothing") {
            store in
            let path = try await store.create("a", data: "old")
            _ = try await store.session.set(path, data: Array("new".utf8), version: 0)
            for version: Int32 in [0, 2, -2] {
                await expectRefusal(.badVersion) {
                    try await store.session.set(path, data: [], version: version)
                }
                await expectRefusal(.badVersion) { try await store.session.delete(path, version: version) }
            }
            #expect(try await store.text(path) == "new")
            #expect(try await store.session.exists(path)?.version == 1)
            try await store.session.delete(path, version: 1)
        },
        ConformanceCase("version -1 is any version") { store in
            let path = try await store.create("a")
            _ = try await store.session.set(path, data: [], version: -1)
            _ = try await store.session.set(path, data: [], version: -1)
            try await store.session.delete(path, version: -1)
        },
        ConformanceCase("a znode that was deleted and created again starts at version 0") { store in
            let path = try await store.create("a")
            let first = try await store.session.set(path, data: [1])
            try await store.session.delete(path)
            try await store.create("a")
            let second = try await store.session.get(path).stat
            #expect(second.version == 0)
            #expect(second.createdZxid > first.modifiedZxid)
        },
        ConformanceCase("childVersion counts creations and deletions, childCount what is there") { store in
            let path = store.path("a")
            try await store.create("a")
            for name in ["x", "y", "z"] { _ = try await store.session.create(path.child(name)) }
            var stat = try #require(try await store.session.exists(path))
            #expect(stat.childVersion == 3)
            #expect(stat.childCount == 3)
            try await store.session.delete(path.child("y"))
            stat = try #require(try await store.session.exists(path))
            #expect(stat.childVersion == 4)
            #expect(stat.childCount == 2)
            // Neither a grandchild nor a child's data is the parent's business.
            _ = try await store.session.create(path.child("x").child("below"))
            _ = try await store.session.set(path.child("x"), data: [1])
            #expect(try await store.session.exists(path) == stat)
        },
        ConformanceCase("children do not touch the parent's version, mzxid and mtime") { store in
            let before = try await store.rootStat()
            try await store.create("a")
            try await store.session.delete(store.path("a"))
            let after = try await store.rootStat()
            #expect(after.version == before.version)
            #expect(after.modifiedZxid == before.modifiedZxid)
            #expect(after.modifiedMilliseconds == before.modifiedMilliseconds)
            #expect(after.childVersion == before.childVersion + 2)
        },
        ConformanceCase("zxids grow over the whole store, from session to session") { store in
            var last: Int64 = 0
            for name in ["a", "b", "c"] {
                let path = try await store.create(name)
                let stat = try await store.session.get(path).stat
                #expect(stat.createdZxid > last)
                last = stat.createdZxid
            }
            let path = store.path("d")
            try await store.withOtherSession { other in
                _ = try await other.create(path)
                #expect(try await other.get(path).stat.createdZxid > last)
            }
        },
        ConformanceCase("a refused operation leaves the tree as it was") { store in
            try await store.create("a")
            let before = try await store.rootStat()
            await expectRefusal(.nodeExists) { try await store.create("a") }
            await expectRefusal(.noNode) { try await store.session.delete(store.path("b")) }
            #expect(try await store.rootStat() == before)
        },
    ]

    static let sequenceCases: [ConformanceCase] = [
        ConformanceCase("a sequential name ends in a counter of ten digits that starts at 0") { store in
            let modes: [CreateMode] = [.persistentSequential, .ephemeralSequential, .persistentSequential]
            for (number, mode) in modes.enumerated() {
                let path = try await store.create("task-", mode: mode)
                #expect(path == store.path("task-000000000\(number)"))
                #expect(try await store.session.exists(path) != nil)
            }
        },
        ConformanceCase("the counter is the parent's: every creation counts, whatever its name") { store in
            try await store.create("plain")
            #expect(try await store.create("a-", mode: .persistentSequential).name == "a-0000000001")
            #expect(try await store.create("b-", mode: .persistentSequential).name == "b-0000000002")
            try await store.create("other")
            #expect(try await store.create("a-", mode: .persistentSequential).name == "a-0000000004")
        },
        ConformanceCase("the counter goes on after deletions and never back") { store in
            for number in 0..<4 {
                let path = try await store.create("s-", mode: .persistentSequential)
                #expect(path.name == "s-000000000\(number)")
                try await store.session.delete(path)
            }
        },
        ConformanceCase("a refused creation does not count") { store in
            try await store.create("a")
            await expectRefusal(.nodeExists) { try await store.create("a") }
            await expectRefusal(.noNode, at: 1) {
                try await store.session.multi([
                    .create(store.path("s-"), data: [], mode: .persistentSequential),
                    .check(store.path("none")),
                ])
            }
            #expect(try await store.create("s-", mode: .persistentSequential).name == "s-0000000001")
        },
        ConformanceCase("a sequential name that is taken fails with NODEEXISTS") { store in
            try await store.create("s-0000000001")
            await expectRefusal(.nodeExists) { try await store.create("s-", mode: .persistentSequential) }
        },
        ConformanceCase("a sequential name without room for its counter is refused") { store in
            let maximum = ZnodePath.maximumSegmentLength
            let long = String(repeating: "x", count: maximum - 10)
            await expectRefusal(.badArguments) { try await store.create(long, mode: .persistentSequential) }
            do {
                _ = try await store.session.multi([
                    .create(store.path(long), data: [], mode: .ephemeralSequential)
                ])
                Issue.record("a name without room was taken")
            } catch let error as StoreError {
                #expect(error.code == .badArguments)
            }
            let fitting = try await store.create(String(long.dropLast()), mode: .persistentSequential)
            #expect(fitting.name.utf8.count == maximum - 1)
        },
        ConformanceCase("counters go up within a multi") { store in
            let results = try await store.session.multi([
                .create(store.path("s-"), data: [], mode: .persistentSequential),
                .create(store.path("plain"), data: []),
                .delete(store.path("plain")),
                .create(store.path("s-"), data: [], mode: .ephemeralSequential),
            ])
            #expect(
                results == [
                    .created(store.path("s-0000000000")), .created(store.path("plain")), .deleted,
                    .created(store.path("s-0000000002")),
                ]
            )
        },
    ]

    static let ephemeralCases: [ConformanceCase] = [
        ConformanceCase("an ephemeral znode names its session and vanishes when that is closed") { store in
            let owner = try await store.source.openConnectedSession()
            let path = store.path("e")
            _ = try await owner.create(path, data: [], mode: .ephemeral)
            #expect(owner.id != 0)
            #expect(owner.id != store.session.id)
            #expect(try await owner.exists(path)?.ephemeralOwner == owner.id)
            try await store.session.sync(store.root)
            let watch = store.session.makeWatch()
            #expect(try await store.session.exists(path, watch: watch) != nil)
            await owner.close()
            #expect(await store.session.fired(watch) == .deleted)
            #expect(try await store.session.exists(path) == nil)
            let stat = try await store.rootStat()
            #expect(stat.childCount == 0)
            #expect(stat.childVersion == 2)
        },
        ConformanceCase("closing a session leaves others' znodes and its own persistent ones") { store in
            let mine = try await store.create("mine", mode: .ephemeral)
            let theirs = store.path("theirs")
            try await store.withOtherSession { other in
                _ = try await other.create(theirs)
            }
            try await store.session.sync(store.root)
            #expect(try await store.session.exists(mine) != nil)
            #expect(try await store.session.exists(theirs) != nil)
        },
        ConformanceCase("an ephemeral znode can have no children") { store in
            let path = try await store.create("e", mode: .ephemeral)
            for mode in CreateMode.allCases {
                await expectRefusal(.noChildrenForEphemerals) {
                    try await store.session.create(path.child("c"), data: [], mode: mode)
                }
            }
        },
        ConformanceCase("an ephemeral znode can be set and deleted by others") { store in
            let path = try await store.create("e", mode: .ephemeral)
            try await store.withOtherSession { other in
                #expect(try await other.set(path, data: [1]).ephemeralOwner == store.session.id)
                try await other.delete(path)
                // Another's znode in the same place is not the first session's any more.
                _ = try await other.create(path)
            }
            await store.session.close()
            try await store.withOtherSession { other in
                let stat = try await other.exists(path)
                #expect(stat?.ephemeralOwner == 0)
            }
        },
        ConformanceCase("an ephemeral znode taken over in a multi belongs to the new session") { store in
            let path = store.path("e")
            let old = try await store.source.openConnectedSession()
            _ = try await old.create(path, data: [], mode: .ephemeral)
            _ = try await store.session.multi([.delete(path), .create(path, data: [], mode: .ephemeral)])
            await old.close()
            try await store.session.sync(store.root)
            #expect(try await store.session.exists(path)?.ephemeralOwner == store.session.id)
        },
    ]
}
