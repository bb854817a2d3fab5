import Coordination
import Cron
import Logging
import Scheduling
import Synchronization
import Testing
import ZnodeStore

@testable import Node

@Suite(.timeLimit(.minutes(1))) struct NodeSessionTests {
    /// It has registered, which the store takes back at once where the session is closed: exclusive attempts may be placed
    /// elsewhere long before their lease is over.
    @Test func sessionThatCannotBeUsedTakesItsLeaseAlong() async throws {
        let scratch = try ScratchDirectory()
        let host = IdleHost()
        var configuration = NodeConfiguration(
            mode: "cluster",
            source: EmbeddedStore(),
            layout: ZnodeLayout(root: try ZnodePath("/root")),
            openMirror: { _ in throw StoreError(.connectionLoss, operation: "get") },
            dataDirectory: scratch.path,
            openHost: { _, _ in host },
            version: "0",
            zones: TimeZoneDatabase(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        configuration.roles = [.api]
        let node = try Node(configuration)
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
