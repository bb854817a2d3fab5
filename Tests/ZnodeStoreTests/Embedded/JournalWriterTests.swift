import Dispatch
import StoreConformance
import Synchronization
import Testing

@testable import ZnodeStore

/// A journal in memory that can be held up and broken.
private final class MemoryJournal: ZnodeJournal {
    struct Failure: Error {}

    private struct State {
        var records: [ZnodePath: ZnodeRecord] = [:]
        var counters = JournalCounters()
        var groupSizes: [Int] = []
        var isBroken = false
    }

    private let state = Mutex(State())
    /// Signalled once for each append that may go on; `nil` lets all go on.
    private let gate: DispatchSemaphore?

    init(gate: DispatchSemaphore? = nil) {
        self.gate = gate
    }

    var groupSizes: [Int] { state.withLock { $0.groupSizes } }

    func breakDown() { state.withLock { $0.isBroken = true } }

    func load() throws -> JournalSnapshot {
        state.withLock { JournalSnapshot(records: Array($0.records.values), counters: $0.counters) }
    }

    func append(_ group: [JournalEntry]) throws {
        gate?.wait()
        try state.withLock { state in
            if state.isBroken { throw Failure() }
            state.groupSizes.append(group.count)
            for entry in group {
                for change in entry.changes {
                    switch change {
                    case .put(let record): state.records[record.path] = record
                    case .delete(let path): state.records[path] = nil
                    case .childCreations(let path, let creations):
                        let empty = ZnodeRecord(
                            path: path,
                            data: [],
                            createdZxid: 0,
                            modifiedZxid: 0,
                            createdMilliseconds: 0,
                            modifiedMilliseconds: 0,
                            version: 0,
                            childCreations: 0
                        )
                        state.records[path, default: empty].childCreations = creations
                    }
                }
                state.counters = entry.counters
            }
        }
    }
}

/// Set when the journal may go on.
private final class Release: Sendable {
    private let state = Mutex(false)

    var isDone: Bool { state.withLock { $0 } }

    func finish() { state.withLock { $0 = true } }
}

@Suite(.timeLimit(.minutes(1)))
struct JournalWriterTests {
    @Test func aJournalledStoreConforms() async throws {
        let store = try await EmbeddedStore.load(from: MemoryJournal())
        for conformanceCase in StoreConformance.cases { try await conformanceCase.run(on: store) }
    }

    @Test func aRestartKeepsEverythingButEphemerals() async throws {
        let seed = SeededGenerator.seedOfRun()
        let journal = MemoryJournal()
        let store = try await EmbeddedStore.load(from: journal)
        let sessions = [try await store.openSession(), try await store.openSession()]
        for (session, step) in StoreScript(seed: seed, count: 1000).steps {
            do {
                switch step {
                case .single(let operation): _ = try await sessions[session].multi([operation])
                case .multi(let operations): _ = try await sessions[session].multi(operations)
                case .get, .exists, .children, .reopen: break
                }
            } catch {
                #expect(!error.isOutcomeUnknown, "seed \(seed)")
            }
        }
        let restarted = try await EmbeddedStore.load(from: journal)
        var expected = store.tree
        for session in sessions { _ = expected.removeEphemerals(of: session.id) }
        let actual = restarted.tree
        #expect(actual.paths == expected.paths, "seed \(seed)")
        for path in expected.paths {
            #expect(actual.znode(at: path) == expected.znode(at: path), "seed \(seed)")
            #expect(actual.record(at: path) == expected.record(at: path), "seed \(seed)")
        }
        // Neither session ids nor zxids are used again.
        let successor = try await restarted.openSession()
        #expect(successor.id > sessions[1].id)
        let created = try await successor.create(.root.child("new"))
        let newest = expected.paths.compactMap { expected.stat(of: $0)?.modifiedZxid }.max() ?? 0
        #expect(try await successor.get(created).stat.createdZxid > newest)
    }

    @Test func whatArrivesDuringACommitFormsTheNextGroup() async throws {
        let gate = DispatchSemaphore(value: 1)
        let journal = MemoryJournal(gate: gate)
        let store = try await EmbeddedStore.load(from: journal)
        let session = try await store.openSession()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask { _ = try await session.create(.root.child("n\(number)")) }
            }
            // Applied, all of them, while the first waits at the gate.
            while store.tree.count < 51 { await Task.yield() }
            #expect(journal.groupSizes.count == 1)
            for _ in 0..<50 { gate.signal() }
            try await group.waitForAll()
        }
        // The session, the first creation (and what came before the writer took it), the others.
        #expect(journal.groupSizes.count <= 3)
        #expect(journal.groupSizes.reduce(0, +) == 51)
    }

    @Test func aCallWaitsUntilWhatItSawIsDurable() async throws {
        let gate = DispatchSemaphore(value: 1)
        let store = try await EmbeddedStore.load(from: MemoryJournal(gate: gate))
        let session = try await store.openSession()
        let path = ZnodePath.root.child("a")
        let release = Release()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await session.create(path) }
            while store.tree.count < 2 { await Task.yield() }
            group.addTask {
                _ = try await session.get(path)
                #expect(release.isDone)
            }
            group.addTask {
                await #expect(throws: StoreError(.nodeExists, operation: "create", path: path)) {
                    try await session.create(path)
                }
                #expect(release.isDone)
            }
            for _ in 0..<100 { await Task.yield() }
            release.finish()
            gate.signal()
            try await group.waitForAll()
        }
    }

    @Test func aBrokenJournalStopsTheStore() async throws {
        let journal = MemoryJournal()
        let store = try await EmbeddedStore.load(from: journal)
        let session = try await store.openSession()
        journal.breakDown()
        do {
            _ = try await session.create(.root.child("a"))
            Issue.record("a write that is not durable succeeded")
        } catch {
            #expect(error.isOutcomeUnknown)
        }
        do {
            _ = try await session.create(.root.child("b"))
            Issue.record("a write succeeded after the journal's end")
        } catch {
            #expect(error.code == .notConnected)
        }
        await #expect(throws: StoreError.self) { try await store.run() }
        await session.close()
    }

    @Test func moreThanTheBoundIsRefusedBeforeItIsApplied() async throws {
        let gate = DispatchSemaphore(value: 1)
        let store = try await EmbeddedStore.load(from: MemoryJournal(gate: gate))
        let session = try await store.openSession()
        let data = [UInt8](repeating: 0, count: StoreLimits.maximumDataLength)
        let fitting = JournalWriter.maximumSize / StoreLimits.maximumDataLength
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<fitting {
                group.addTask { _ = try await session.create(.root.child("n\(number)"), data: data) }
            }
            while store.tree.count < fitting + 1 { await Task.yield() }
            await #expect(throws: StoreError.self) {
                try await session.create(.root.child("more"), data: data)
            }
            #expect(store.tree.count == fitting + 1)
            for _ in 0..<fitting { gate.signal() }
            try await group.waitForAll()
        }
        _ = try await session.create(.root.child("more"))
    }
}
