import Foundation
import StoreConformance
import Testing
import ZnodeStore
import ZnodeStoreSQLite

@Suite(.timeLimit(.minutes(2)))
struct SQLiteJournalTests {
    private func withDirectory(_ body: (URL) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("skyfire-journal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(directory))
        } catch {
            outcome = .failure(error)
        }
        try FileManager.default.removeItem(at: directory)
        try outcome.get()
    }

    /// What a process leaves that is killed now: the file and its log, without a closing checkpoint.
    private func copyAsKilled(_ directory: URL, to name: String) throws -> String {
        let copy = directory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        for file in ["store.sqlite", "store.sqlite-wal"] {
            try FileManager.default.copyItem(
                at: directory.appendingPathComponent(file),
                to: copy.appendingPathComponent(file)
            )
        }
        return copy.appendingPathComponent("store.sqlite").path
    }

    private func record(_ name: String, version: Int32 = 0, childCreations: Int32 = 0) -> ZnodeRecord {
        ZnodeRecord(
            path: .root.child(name),
            data: Array(name.utf8),
            createdZxid: 1,
            modifiedZxid: 2,
            createdMilliseconds: 3,
            modifiedMilliseconds: 4,
            version: version,
            childCreations: childCreations
        )
    }

    @Test func aStoreOnSQLiteConforms() async throws {
        try await withDirectory { directory in
            let journal = try SQLiteJournal(
                path: directory.appendingPathComponent("store.sqlite").path,
                durability: .processKill
            )
            let store = try await EmbeddedStore.load(from: journal)
            for conformanceCase in StoreConformance.cases { try await conformanceCase.run(on: store) }
            try journal.close()
        }
    }

    @Test func aKilledProcessLosesNothingThatWasAnswered() async throws {
        let seed = SeededGenerator.seedOfRun()
        try await withDirectory { directory in
            let journal = try SQLiteJournal(
                path: directory.appendingPathComponent("store.sqlite").path,
                durability: .processKill
            )
            let store = try await EmbeddedStore.load(from: journal)
            let session = try await store.openSession()
            for (number, (_, step)) in StoreScript(seed: seed, count: 600).steps.enumerated() {
                do {
                    switch step {
                    case .single(let operation): _ = try await session.multi([operation])
                    case .multi(let operations): _ = try await session.multi(operations)
                    case .get, .exists, .children, .reopen: continue
                    }
                } catch let error as StoreError {
                    #expect(!error.isOutcomeUnknown, "seed \(seed)")
                }
                guard number % 100 == 0 else { continue }
                let copy = try SQLiteJournal(path: try copyAsKilled(directory, to: "copy-\(number)"))
                let restored = try await EmbeddedStore.load(from: copy).tree
                var expected = store.tree
                _ = expected.removeEphemerals(of: session.id)
                #expect(restored.paths == expected.paths, "seed \(seed), step \(number)")
                for path in expected.paths {
                    #expect(
                        restored.znode(at: path) == expected.znode(at: path),
                        "seed \(seed), step \(number)"
                    )
                }
                try copy.close()
            }
            try journal.close()
        }
    }

    @Test func loadReturnsWhatWasAppended() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            var journal = try SQLiteJournal(path: path)
            #expect(try journal.load() == JournalSnapshot())
            try journal.append([
                JournalEntry(
                    changes: [.put(record("a")), .childCreations(.root, 1)],
                    counters: JournalCounters(zxid: 1, sessionID: 1)
                ),
                JournalEntry(
                    changes: [.put(record("b")), .put(record("a", version: 1)), .childCreations(.root, 2)],
                    counters: JournalCounters(zxid: 2, sessionID: 1)
                ),
            ])
            try journal.append([
                JournalEntry(
                    changes: [.delete(.root.child("b")), .childCreations(.root.child("a"), 5)],
                    counters: JournalCounters(zxid: 3, sessionID: 4)
                )
            ])
            try journal.append([])
            try journal.close()
            journal = try SQLiteJournal(path: path, durability: .processKill)
            let snapshot = try journal.load()
            #expect(snapshot.counters == JournalCounters(zxid: 3, sessionID: 4))
            #expect(snapshot.records.map(\.path) == [.root, .root.child("a")])
            #expect(snapshot.records.first?.childCreations == 2)
            #expect(snapshot.records.last == record("a", version: 1, childCreations: 5))
            try journal.close()
        }
    }

    @Test func aFileIsOpenedOnceAtATime() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            let journal = try SQLiteJournal(path: path)
            #expect(throws: (any Error).self) { try SQLiteJournal(path: path) }
            try journal.close()
            try SQLiteJournal(path: path).close()
        }
    }

    @Test func anotherFileIsRefused() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            try Data("not a database, but long enough to be taken for a file with a header".utf8)
                .write(to: URL(fileURLWithPath: path))
            #expect(throws: (any Error).self) { try SQLiteJournal(path: path) }
        }
    }
}
