import Coordination
import Cron
import Logging
import Mirror
import Node
import Scheduling
import Synchronization
import Testing
import ZnodeStore

/// A cluster's tree in an embedded store, and what services of a node work with there.
struct Bench: Sendable {
    let session: any ZnodeSession
    let other: any ZnodeSession
    let layout: ZnodeLayout
    let clock: SettableClock
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() async throws {
        let store = EmbeddedStore()
        session = try await store.openSession()
        other = try await store.openSession()
        layout = ZnodeLayout(root: try ZnodePath("/root"))
        clock = SettableClock()
        _ = try await ClusterSetup(session: session, layout: layout).prepare(newID: "bench")
    }

    /// What campaigns and leads with a session, as worker 1.
    func leader(
        _ session: any ZnodeSession,
        time: NodeTime? = nil,
        mirror: (any MirrorStore)? = nil,
        beforeGivingUp: @escaping @Sendable () -> Void = {}
    ) throws -> LeaderService {
        LeaderService(
            identity: MasterRecord(worker: WorkerID(number: 1), address: "127.0.0.1:1", incarnation: "i"),
            clusterID: "bench",
            session: session,
            layout: layout,
            zones: TimeZoneDatabase(),
            mirror: try mirror ?? SQLiteMirror(path: nil, logger: logger),
            time: time ?? clock.time,
            logger: logger,
            beforeGivingUp: beforeGivingUp
        )
    }

    /// A worker is there, and may own jobs.
    func register(_ worker: WorkerID) async throws {
        let registration = WorkerRegistration(
            incarnation: "i",
            address: "127.0.0.1:1",
            startedAt: clock.time.now(),
            version: "0",
            tzdata: "unknown",
            pool: JobDefinition.defaultPool,
            labels: [:],
            slots: 1,
            cpuCount: 1,
            memoryBytes: 1,
            sessionTimeoutMilliseconds: 10_000,
            isDraining: false,
            takesWork: true
        )
        _ = try await other.create(layout.worker(worker), data: RecordCoding.encode(registration))
        _ = try await other.create(layout.jobs(of: worker))
    }

    /// Stores the first version of a job.
    func submit(_ definition: JobDefinition, owner: WorkerID, at now: WallTime) async throws {
        _ = try await other.multi(
            JobOperations.submit(
                StoredJob(version: 1, createdAt: now, storedAt: now, definition: definition),
                owner: owner,
                creationID: "c",
                upstreams: [],
                fired: FiredRecord(mark: now.second),
                firedVersion: nil,
                layout
            )
        )
    }

    /// The first attempt of a task of some run.
    static func attempt(_ task: String) throws -> AttemptID {
        AttemptID(
            run: try #require(RunID("j@20270101T000000Z")),
            task: try TaskID(task),
            partition: 0,
            number: 1
        )
    }

    /// Runs a service beside the body, and ends it with the body.
    func with(
        _ service: @escaping @Sendable () async throws -> Void,
        _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await service()
                } catch is CancellationError {
                    // The body is over.
                }
            }
            try await body()
            group.cancelAll()
        }
        await session.close()
        await other.close()
    }

    /// Looks again and again until a condition holds.
    func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
        let start = ContinuousClock.now
        while try await !holds() {
            try #require(ContinuousClock.now - start < .seconds(20), "\(what)")
            // The interval of looking; the limit above fails the test.
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Names below a directory of the tree, sorted.
    func names(_ directory: ZnodePath) async throws -> [String] {
        try await other.children(directory).sorted()
    }
}

/// The machine's clocks, with the wall clock set forward by as much as the test says, and naps of 20 ms at most.
final class SettableClock: Sendable {
    private let offset = Atomic<Int64>(0)

    func forward(milliseconds: Int64) { offset.add(milliseconds, ordering: .relaxed) }

    var time: NodeTime {
        let system = NodeTime.system
        return NodeTime(
            now: { system.now() + self.offset.load(ordering: .relaxed) },
            instant: { system.instant() + .milliseconds(self.offset.load(ordering: .relaxed)) },
            // Short naps, so that a clock which the test sets is looked at soon.
            sleep: { try await system.sleep(min($0, .milliseconds(20))) },
            draw: system.draw
        )
    }
}
