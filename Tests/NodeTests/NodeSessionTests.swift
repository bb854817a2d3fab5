import Coordination
import Cron
import Logging
import Mirror
import Scheduling
import Synchronization
import Testing
import ZnodeStore

@testable import Node

@Suite(.timeLimit(.minutes(1))) struct NodeSessionTests {
    private func configuration(
        _ scratch: ScratchDirectory,
        _ host: IdleHost,
        _ store: EmbeddedStore,
        openMirror: @escaping @Sendable (_ clusterID: String) async throws -> any MirrorStore
    ) throws -> NodeConfiguration {
        var configuration = NodeConfiguration(
            mode: "cluster",
            source: store,
            layout: ZnodeLayout(root: try ZnodePath("/root")),
            openMirror: openMirror,
            dataDirectory: scratch.path,
            openHost: { _, _ in host },
            version: "0",
            zones: TimeZoneDatabase(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        configuration.roles = [.api]
        return configuration
    }

    /// A copy of its data directory, or whoever it is, decides by another session what becomes of its attempts.
    @Test(arguments: [true, false]) func nodeWhoseRegistrationIsAnothersComesAgain(
        _ isTaken: Bool
    ) async throws {
        let scratch = try ScratchDirectory()
        let (host, store) = (IdleHost(), EmbeddedStore())
        var configuration = try configuration(scratch, host, store) { _ in
            try SQLiteMirror(path: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        configuration.time = SettableClock().time
        let layout = configuration.layout
        let node = try Node(configuration)
        // Ended by `stop` and awaited below; the suite's time limit bounds it where the test throws before.
        let running = Task { try await node.run(address: "127.0.0.1:1") }
        await node.waitUntilRegistered()
        let other = try await store.openSession()
        let worker = try #require(node.workerID)
        for path in [layout.worker(worker), layout.resources(worker)] {
            let data = try await other.get(path).data
            try await other.delete(path)
            if isTaken { _ = try await other.create(path, data: data, mode: .ephemeral) }
        }
        let mine: Set = [0, other.id]
        while mine.contains(try await other.exists(layout.worker(worker))?.ephemeralOwner ?? 0) {
            // The interval of looking; the suite's time limit bounds it.
            try await Task.sleep(for: .milliseconds(2))
        }
        let leases = host.leases.withLock { $0 }
        #expect(leases.contains { $0 <= ContinuousClock.now }, "what the lease allowed is over")
        node.stop()
        try await running.value
        await other.close()
    }

    /// It has registered, which the store takes back at once where the session is closed: exclusive attempts may be placed
    /// elsewhere long before their lease is over.
    @Test func sessionThatCannotBeUsedTakesItsLeaseAlong() async throws {
        let scratch = try ScratchDirectory()
        let host = IdleHost()
        let configuration = try configuration(scratch, host, EmbeddedStore()) { _ in
            throw StoreError(.connectionLoss, operation: "get")
        }
        let node = try Node(configuration)
        // Ended by `stop` and awaited below; the suite's time limit bounds it where the test throws before.
        let running = Task { try await node.run(address: "127.0.0.1:1") }
        while host.leases.withLock({ $0.count }) < 2 {
            // The interval of looking; the suite's time limit bounds it.
            try await Task.sleep(for: .milliseconds(2))
        }
        let (began, ended) = host.leases.withLock { ($0[0], $0[1]) }
        #expect(began > ended, "the second is the end of the first")
        #expect(ended <= ContinuousClock.now)
        node.stop()
        try await running.value
    }
}
