import Testing
import ZnodeStore

extension StoreConformance {
    static let multiCases: [ConformanceCase] = [
        ConformanceCase("multi returns a result for each operation") { store in
            let path = store.path("a")
            let results = try await store.session.multi([
                .create(path, data: [1]), .set(path, data: [1, 2], version: 0), .check(path, version: 1),
                .delete(path, version: 1),
            ])
            try #require(results.count == 4)
            #expect(results[0] == .created(path))
            #expect(results[2] == .checked)
            #expect(results[3] == .deleted)
            guard case .set(let stat) = results[1] else {
                Issue.record("not a set: \(results[1])")
                return
            }
            #expect(stat.version == 1)
            #expect(stat.dataLength == 2)
            #expect(stat.createdZxid == stat.modifiedZxid)
        },
        ConformanceCase("multi applies all or nothing") { store in
            let kept = try await store.create("kept", data: "kept")
            let before = try await store.rootStat()
            let keptBefore = try await store.session.get(kept)
            await expectRefusal(.nodeExists, at: 3) {
                try await store.session.multi([
                    .create(store.path("new"), data: []), .create(store.path("new", "below"), data: []),
                    .set(kept, data: [9]), .create(store.path("new"), data: []), .delete(kept),
                ])
            }
            #expect(try await store.session.exists(store.path("new")) == nil)
            #expect(try await store.session.get(kept) == keptBefore)
            #expect(try await store.rootStat() == before)
        },
        ConformanceCase("multi restores what it had deleted before it failed") { store in
            let path = try await store.create("a", data: "data")
            _ = try await store.session.create(path.child("b"), data: [7])
            let before = try await store.session.get(path)
            let below = try await store.session.get(path.child("b"))
            await expectRefusal(.noNode, at: 4) {
                try await store.session.multi([
                    .set(path, data: [1]), .delete(path.child("b")), .delete(path), .create(path, data: []),
                    .check(store.path("none")),
                ])
            }
            #expect(try await store.session.get(path) == before)
            #expect(try await store.session.get(path.child("b")) == below)
        },
        ConformanceCase("multi fails with the code and the index of the first failure") { store in
            let path = try await store.create("a")
            _ = try await store.session.create(path.child("below"))
            let ephemeral = try await store.create("e", mode: .ephemeral)
            let none = store.path("none")
            let failures: [(StoreOperation, StoreError.Code)] = [
                (.create(path, data: []), .nodeExists), (.create(none.child("x"), data: []), .noNode),
                (.create(ephemeral.child("x"), data: []), .noChildrenForEphemerals),
                (.set(none, data: []), .noNode), (.set(path, data: [], version: 4), .badVersion),
                (.delete(none), .noNode), (.delete(path), .notEmpty),
                (.delete(path, version: 4), .badVersion),
                (.check(none), .noNode), (.check(none, version: 0), .noNode),
                (.check(path, version: 4), .badVersion),
            ]
            for (operation, code) in failures {
                await expectRefusal(code, at: 0) { try await store.session.multi([operation]) }
                await expectRefusal(code, at: 2) {
                    try await store.session.multi([
                        .check(path, version: 0), .create(store.path("t"), data: []), operation,
                        .delete(none),
                    ])
                }
            }
            #expect(try await store.session.exists(store.path("t")) == nil)
        },
        ConformanceCase("later operations of a multi see earlier ones") { store in
            let path = store.path("a")
            _ = try await store.session.multi([
                .create(path, data: []), .create(path.child("b"), data: []),
                .create(path.child("b").child("c"), data: [5]),
            ])
            #expect(try await store.session.get(path.child("b").child("c")).data == [5])
            _ = try await store.session.multi([
                .delete(path.child("b").child("c")), .delete(path.child("b")), .delete(path),
            ])
            #expect(try await store.session.exists(path) == nil)
            await expectRefusal(.noNode, at: 2) {
                try await store.session.multi([
                    .create(path, data: []), .delete(path), .set(path, data: []),
                ])
            }
            await expectRefusal(.noChildrenForEphemerals, at: 1) {
                try await store.session.multi([
                    .create(path, data: [], mode: .ephemeral), .create(path.child("x"), data: []),
                ])
            }
        },
        ConformanceCase("multi may set a znode twice, each at the version that the other left") { store in
            let path = try await store.create("a")
            let results = try await store.session.multi([
                .set(path, data: [1], version: 0), .set(path, data: [1, 2], version: 1),
            ])
            let versions = results.map { result -> Int32? in
                guard case .set(let stat) = result else { return nil }
                return stat.version
            }
            #expect(versions == [1, 2])
            let znode = try await store.session.get(path)
            #expect(znode.data == [1, 2])
            #expect(znode.stat.version == 2)
            await expectRefusal(.badVersion, at: 1) {
                try await store.session.multi([
                    .set(path, data: [], version: 2), .set(path, data: [], version: 2),
                ])
            }
        },
        ConformanceCase("multi may delete a znode and create it again") { store in
            let path = try await store.create("a", data: "old")
            let before = try await store.session.set(path, data: [1])
            _ = try await store.session.multi([.delete(path, version: 1), .create(path, data: [2, 3])])
            let after = try await store.session.get(path)
            #expect(after.data == [2, 3])
            #expect(after.stat.version == 0)
            #expect(after.stat.createdZxid > before.modifiedZxid)
            #expect(try await store.rootStat().childVersion == 3)
        },
        ConformanceCase("all changes of a multi carry one zxid") { store in
            let path = try await store.create("a")
            _ = try await store.session.multi([
                .create(store.path("b"), data: []), .set(path, data: [1]), .create(store.path("c"), data: []),
            ])
            let zxid = try await store.session.get(path).stat.modifiedZxid
            #expect(try await store.session.get(store.path("b")).stat.createdZxid == zxid)
            #expect(try await store.session.get(store.path("c")).stat.createdZxid == zxid)
        },
        ConformanceCase("a multi of checks alone succeeds and changes nothing") { store in
            let before = try await store.rootStat()
            let results = try await store.session.multi([.check(store.root), .check(store.root, version: 0)])
            #expect(results == [.checked, .checked])
            #expect(try await store.rootStat() == before)
        },
        ConformanceCase("check with version -1 asks for existence only") { store in
            let path = try await store.create("a")
            _ = try await store.session.set(path, data: [])
            #expect(try await store.session.multi([.check(path, version: -1)]) == [.checked])
        },
        ConformanceCase("a set inside a multi reports the children as they were at that moment") { store in
            let results = try await store.session.multi([
                .create(store.path("a"), data: []), .set(store.root, data: []),
                .create(store.path("b"), data: []),
            ])
            guard case .set(let stat) = results[1] else {
                Issue.record("not a set: \(results[1])")
                return
            }
            #expect(stat.childCount == 1)
            #expect(stat.childVersion == 1)
        },
        ConformanceCase("of two racing multis on one version one wins") { store in
            let path = try await store.create("lane")
            let session = store.session
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            _ = try await session.multi([
                                .set(path, data: [UInt8(number)], version: 0),
                                .create(path.child("won-"), data: [], mode: .persistentSequential),
                            ])
                            return true
                        } catch let error as StoreError where error.code == .badVersion {
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
            #expect(try await session.children(path) == ["won-0000000000"])
        },
    ]

    static let limitCases: [ConformanceCase] = [
        ConformanceCase("data at the bound is taken, beyond it refused as too large") { store in
            let full = [UInt8](repeating: 7, count: StoreLimits.maximumDataLength)
            let path = store.path("a")
            _ = try await store.session.create(path, data: full)
            #expect(try await store.session.get(path).data == full)
            #expect(try await store.session.set(path, data: full).version == 1)
            do {
                _ = try await store.session.set(path, data: full + [7])
                Issue.record("too much data was taken")
            } catch let error as StoreError {
                #expect(error.code == .tooLarge)
            }
            #expect(try await store.session.get(path).stat.version == 1)
        },
        ConformanceCase("a multi of too many operations or bytes is refused as too large") { store in
            let checks = [StoreOperation](
                repeating: .check(store.root),
                count: StoreLimits.maximumMultiCount + 1
            )
            let half = [UInt8](repeating: 7, count: StoreLimits.maximumMultiLength / 2)
            let sets = [StoreOperation](repeating: .set(store.root, data: half), count: 2)
            for operations in [checks, sets] {
                do {
                    _ = try await store.session.multi(operations)
                    Issue.record("too large a multi was taken")
                } catch let error as StoreError {
                    #expect(error.code == .tooLarge)
                }
            }
            let results = try await store.session.multi(Array(checks.dropLast()))
            #expect(results.count == StoreLimits.maximumMultiCount)
            #expect(try await store.rootStat().version == 0)
        },
    ]
}
