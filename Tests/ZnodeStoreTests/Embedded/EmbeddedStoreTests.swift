import Synchronization
import Testing

@testable import ZnodeStore

@Suite(.timeLimit(.minutes(1)))
struct EmbeddedStoreTests {
    private let path = ZnodePath.root.child("e")

    @Test func expiryTakesEphemeralsWatchesAndCalls() async throws {
        let store = EmbeddedStore()
        let (victim, witness) = (try await store.openSession(), try await store.openSession())
        let transitions = victim.transitions()
        _ = try await victim.create(path, data: [], mode: .ephemeral)
        let (deletion, waited) = (witness.makeWatch(), victim.makeWatch())
        _ = try await witness.get(path, watch: deletion)
        _ = try await victim.get(path, watch: waited)
        async let event = victim.fired(waited)
        store.expire(victim.id)
        #expect(victim.state == .expired)
        #expect(await event == nil)
        #expect(await witness.fired(deletion) == .deleted)
        await #expect(throws: StoreError(.sessionExpired, operation: "get")) { try await victim.get(.root) }
        await #expect(throws: StoreError(.sessionExpired, operation: "set")) {
            try await victim.set(.root, data: [])
        }
        await victim.close()
        store.expire(victim.id)
        #expect(victim.state == .closed)
        var states: [SessionState] = []
        for await state in transitions { states.append(state) }
        #expect(states == [.connected, .expired, .closed])
        #expect(store.watchCount == 0)
    }

    @Test func aDisconnectedSessionKeepsItsZnodesAndRefusesCalls() async throws {
        let store = EmbeddedStore()
        let session = try await store.openSession()
        _ = try await session.create(path, data: [], mode: .ephemeral)
        let watch = session.makeWatch()
        _ = try await session.get(path, watch: watch)
        store.disconnect(session.id)
        #expect(session.state == .suspended)
        await #expect(throws: StoreError(.notConnected, operation: "get")) { try await session.get(path) }
        store.reconnect(session.id)
        #expect(session.state == .connected)
        _ = try await session.set(path, data: [1])
        #expect(await session.fired(watch) == .dataChanged)
    }

    @Test func anAbandonedSessionEndsAfterItsTimeout() async throws {
        let (sleeps, slept) = AsyncStream.makeStream(of: Duration.self)
        let (alarms, alarm) = AsyncStream.makeStream(of: Void.self)
        let time = EmbeddedStore.Time(
            milliseconds: { 0 },
            instant: { .now },
            sleep: { duration in
                slept.yield(duration)
                for await _ in alarms { return }
            }
        )
        let store = EmbeddedStore(timeout: .seconds(7), time: time)
        let (owner, witness) = (try await store.openSession(), try await store.openSession())
        _ = try await owner.create(path, data: [], mode: .ephemeral)
        let watch = witness.makeWatch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            await owner.abandon()
            for await duration in sleeps {
                #expect(duration == .seconds(7))
                break
            }
            let stat = try await witness.exists(path, watch: watch)
            #expect(stat?.ephemeralOwner == owner.id)
            alarm.yield()
            #expect(await witness.fired(watch) == .deleted)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test func sessionIDsAreNeverUsedAgain() async throws {
        let store = EmbeddedStore()
        let first = try await store.openSession()
        await first.close()
        let second = try await store.openSession()
        #expect(second.id > first.id)
    }

    @Test func timesComeFromTheInjectedClock() async throws {
        let now = Mutex<Int64>(1000)
        let time = EmbeddedStore.Time(
            milliseconds: { now.withLock { $0 } },
            instant: { .now },
            sleep: { _ in }
        )
        let session = try await EmbeddedStore(time: time).openSession()
        _ = try await session.create(path)
        now.withLock { $0 = 2000 }
        let stat = try await session.set(path, data: [])
        #expect(stat.createdMilliseconds == 1000)
        #expect(stat.modifiedMilliseconds == 2000)
    }
}
