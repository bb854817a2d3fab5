import Testing
import ZnodeStore

extension StoreConformance {
    static let operationCases: [ConformanceCase] = [
        ConformanceCase("create returns the path, and get returns the data") { store in
            let path = try await store.create("a", data: "hello")
            #expect(path == store.path("a"))
            #expect(try await store.text(path) == "hello")
        },
        ConformanceCase("create of an existing znode fails with NODEEXISTS") { store in
            try await store.create("a", data: "first")
            await expectRefusal(.nodeExists) { try await store.create("a", data: "second") }
            #expect(try await store.text(store.path("a")) == "first")
        },
        ConformanceCase("create of the root fails with NODEEXISTS") { store in
            await expectRefusal(.nodeExists) { try await store.session.create(.root) }
        },
        ConformanceCase("create below a missing znode fails with NONODE") { store in
            await expectRefusal(.noNode) { try await store.session.create(store.path("none", "a")) }
        },
        ConformanceCase("create of an ephemeral or a sequence below a missing znode fails with NONODE") {
            store in
            let path = store.path("none", "a")
            for mode in CreateMode.allCases {
                await expectRefusal(.noNode) { try await store.session.create(path, data: [], mode: mode) }
            }
        },
        ConformanceCase("get, children, set and delete of a missing znode fail with NONODE") { store in
            let path = store.path("none")
            await expectRefusal(.noNode) { try await store.session.get(path) }
            await expectRefusal(.noNode) { try await store.session.children(path) }
            await expectRefusal(.noNode) { try await store.session.set(path, data: []) }
            await expectRefusal(.noNode) { try await store.session.delete(path) }
        },
        ConformanceCase("exists of a missing znode is nil, not an error") { store in
            for path in [store.path("none"), store.path("none", "below")] {
                let stat = try await store.session.exists(path)
                #expect(stat == nil)
            }
        },
        ConformanceCase("children lists names, without grandchildren") { store in
            #expect(try await store.session.children(store.root) == [])
            for name in ["a", "b", "c"] { try await store.create(name) }
            _ = try await store.session.create(store.path("b", "below"))
            #expect(try await store.session.children(store.root).sorted() == ["a", "b", "c"])
            try await store.session.delete(store.path("a"))
            #expect(try await store.session.children(store.root).sorted() == ["b", "c"])
        },
        ConformanceCase("set replaces the data, also by nothing") { store in
            let path = try await store.create("a", data: "first")
            _ = try await store.session.set(path, data: Array("second".utf8))
            #expect(try await store.text(path) == "second")
            let stat = try await store.session.set(path, data: [])
            #expect(stat.dataLength == 0)
            #expect(try await store.session.get(path).data == [])
        },
        ConformanceCase("data is binary") { store in
            let bytes = (0...255).map { UInt8($0) }
            let path = store.path("a")
            _ = try await store.session.create(path, data: bytes)
            #expect(try await store.session.get(path).data == bytes)
        },
        ConformanceCase("delete of a znode with children fails with NOTEMPTY") { store in
            try await store.create("a")
            _ = try await store.session.create(store.path("a", "below"))
            await expectRefusal(.notEmpty) { try await store.session.delete(store.path("a")) }
            try await store.session.delete(store.path("a", "below"))
            try await store.session.delete(store.path("a"))
            #expect(try await store.session.exists(store.path("a")) == nil)
        },
        ConformanceCase("delete looks at the version before the children") { store in
            try await store.create("a")
            _ = try await store.session.create(store.path("a", "below"))
            await expectRefusal(.badVersion) { try await store.session.delete(store.path("a"), version: 7) }
        },
        ConformanceCase("delete of the root is refused") { store in
            await expectRefusal(.badArguments) { try await store.session.delete(.root) }
        },
        ConformanceCase("names may use the whole alphabet of a path") { store in
            let alphabet = "AZaz09._~@%-"
            let name =
                alphabet + String(repeating: "x", count: ZnodePath.maximumSegmentLength - alphabet.count)
            let path = try await store.create(name, data: "here")
            #expect(try await store.text(path) == "here")
            #expect(try await store.session.children(store.root) == [name])
        },
        ConformanceCase("sync succeeds, and then another session's write is seen") { store in
            let path = try await store.create("a", data: "0")
            try await store.withOtherSession { other in
                _ = try await other.set(path, data: [UInt8(ascii: "1")])
            }
            try await store.session.sync(store.root)
            #expect(try await store.text(path) == "1")
        },
    ]
}

extension StoreFixture {
    func text(_ path: ZnodePath) async throws -> String {
        try await session.text(path)
    }
}
