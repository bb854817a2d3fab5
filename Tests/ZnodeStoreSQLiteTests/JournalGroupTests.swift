import Testing
import ZnodeStore
import ZnodeStoreSQLite

struct JournalGroupTests {
    private let path = ZnodePath.root.child("a")

    private func record(childCreations: Int32) -> ZnodeRecord {
        ZnodeRecord(
            path: path,
            data: [],
            createdZxid: 1,
            modifiedZxid: 1,
            createdMilliseconds: 1,
            modifiedMilliseconds: 1,
            version: 0,
            childCreations: childCreations
        )
    }

    private func group(_ changes: [JournalEntry.Change]) -> JournalGroup {
        JournalGroup(changes.map { JournalEntry(changes: [$0], counters: JournalCounters()) })
    }

    @Test func theLastChangeOfAPathCounts() {
        #expect(group([.put(record(childCreations: 0)), .delete(path)]).deleted == [path])
        #expect(group([.put(record(childCreations: 0)), .delete(path)]).records == [])
        let recreated = group([.delete(path), .put(record(childCreations: 0))])
        #expect(recreated.deleted == [])
        #expect(recreated.records == [record(childCreations: 0)])
    }

    @Test func aCounterJoinsTheRecordBeforeIt() {
        #expect(
            group([.put(record(childCreations: 0)), .childCreations(path, 3)]).records
                == [record(childCreations: 3)]
        )
        let alone = group([.childCreations(path, 2), .childCreations(path, 3)])
        #expect(alone.records == [])
        #expect(alone.childCreations.map(\.creations) == [3])
    }
}
