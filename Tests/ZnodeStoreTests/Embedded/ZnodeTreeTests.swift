import StoreConformance
import Testing

@testable import ZnodeStore

struct ZnodeTreeTests {
    private func path(_ text: String) -> ZnodePath {
        text.split(separator: "/").reduce(.root) { $0.child(String($1)) }
    }

    private func stamp(_ zxid: Int64, session: Int64 = 1) -> ZnodeTree.Stamp {
        ZnodeTree.Stamp(zxid: zxid, milliseconds: zxid * 10, session: session)
    }

    /// `/a` with child `/a/b`, and the ephemeral `/e` of session 1.
    private func sampleTree() throws -> ZnodeTree {
        var tree = ZnodeTree()
        _ = try tree.apply(
            [
                .create(path("/a"), data: [1]), .create(path("/a/b"), data: []),
                .create(path("/e"), data: [], mode: .ephemeral),
            ],
            stamp: stamp(1)
        )
        return tree
    }

    @Test func changesNameWhatWasDoneInOrder() throws {
        var tree = try sampleTree()
        let commit = try tree.apply(
            [
                .check(path("/a")), .set(path("/a"), data: [2]), .delete(path("/a/b")),
                .create(path("/a/s"), data: [], mode: .persistentSequential),
            ],
            stamp: stamp(2)
        )
        #expect(
            commit.changes == [
                ZnodeChange(.dataChanged, path("/a")), ZnodeChange(.deleted, path("/a/b")),
                ZnodeChange(.created, path("/a/s0000000001")),
            ]
        )
        let stat = try #require(tree.stat(of: path("/a")))
        #expect(
            stat
                == ZnodeStat(
                    createdZxid: 1,
                    modifiedZxid: 2,
                    createdMilliseconds: 10,
                    modifiedMilliseconds: 20,
                    version: 1,
                    childVersion: 3,
                    ephemeralOwner: 0,
                    dataLength: 1,
                    childCount: 1
                )
        )
    }

    @Test func refusalNamesCodeAndIndexAndLeavesEverything() throws {
        var tree = try sampleTree()
        let before = tree
        let operations: [StoreOperation] = [
            .set(path("/a"), data: [9, 9]), .delete(path("/a/b")), .delete(path("/a")), .delete(path("/e")),
            .create(path("/e"), data: [], mode: .ephemeral), .create(path("/x"), data: []),
            .create(path("/x/y"), data: [], mode: .persistentSequential), .check(path("/none")),
        ]
        #expect(throws: ZnodeTree.Refusal(code: .noNode, index: 7)) {
            try tree.apply(operations, stamp: stamp(2, session: 2))
        }
        #expect(tree.paths == before.paths)
        for path in before.paths {
            #expect(tree.znode(at: path) == before.znode(at: path))
            #expect(tree.record(at: path) == before.record(at: path))
        }
        #expect(tree.ephemerals(of: 1) == [path("/e")])
        #expect(tree.ephemerals(of: 2) == [])
    }

    @Test func theRootCanBeSetAndNeitherCreatedNorDeleted() throws {
        var tree = ZnodeTree()
        #expect(throws: ZnodeTree.Refusal(code: .nodeExists, index: 0)) {
            try tree.apply([.create(.root, data: [])], stamp: stamp(1))
        }
        #expect(throws: ZnodeTree.Refusal(code: .badArguments, index: 0)) {
            try tree.apply([.delete(.root)], stamp: stamp(1))
        }
        _ = try tree.apply([.set(.root, data: [1])], stamp: stamp(1))
        #expect(tree.znode(at: .root)?.data == [1])
    }

    @Test func removingEphemeralsTakesThoseOfOneSession() throws {
        var tree = try sampleTree()
        _ = try tree.apply([.create(path("/a/f"), data: [], mode: .ephemeral)], stamp: stamp(2, session: 2))
        _ = try tree.apply([.create(path("/a/g"), data: [], mode: .ephemeral)], stamp: stamp(3, session: 1))
        #expect(
            tree.removeEphemerals(of: 1) == [
                ZnodeChange(.deleted, path("/e")), ZnodeChange(.deleted, path("/a/g")),
            ]
        )
        #expect(tree.paths == [.root, path("/a"), path("/a/b"), path("/a/f")])
        #expect(tree.removeEphemerals(of: 1) == [])
    }

    @Test func aTreeOfRecordsIsTheTreeWithoutItsEphemerals() throws {
        let tree = try sampleTree()
        var expected = tree
        _ = expected.removeEphemerals(of: 1)
        let restored = try ZnodeTree(records: tree.paths.reversed().compactMap(tree.record(at:)))
        #expect(restored.paths == expected.paths)
        for path in expected.paths { #expect(restored.znode(at: path) == expected.znode(at: path)) }
    }

    @Test func recordsWithoutTheirParentAreRefused() throws {
        let record = try #require(try sampleTree().record(at: path("/a/b")))
        #expect(throws: StoreError.self) { try ZnodeTree(records: [record]) }
    }

    @Test func directoriesOfManyChildrenStayCheap() throws {
        var tree = ZnodeTree()
        let count = 100_000
        _ = try tree.apply([.create(path("/d"), data: [])], stamp: stamp(1))
        let elapsed = try ContinuousClock().measure {
            for number in 0..<count {
                let child = path("/d").child("n\(number)")
                // With a set of the directory in between: the undo step must not hold a copy of its children.
                _ = try tree.apply(
                    [.set(path("/d"), data: []), .create(child, data: []), .check(path("/d"))],
                    stamp: stamp(Int64(number))
                )
                _ = tree.stat(of: path("/d"))
            }
            for number in stride(from: 0, to: count, by: 2) {
                _ = try tree.apply([.delete(path("/d").child("n\(number)"))], stamp: stamp(1))
            }
        }
        #expect(tree.stat(of: path("/d"))?.childCount == Int32(count / 2))
        #expect(tree.children(of: path("/d"))?.count == count / 2)
        // Copying the children even once per operation takes minutes.
        #expect(elapsed < .seconds(30))
    }
}
