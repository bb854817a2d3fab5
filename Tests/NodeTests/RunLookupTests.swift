import Coordination
import Cron
import Mirror
import Scheduling
import Synchronization
import Testing
import ZnodeStore

@testable import Node

@Suite(.timeLimit(.minutes(1))) struct RunLookupTests {
    private func operations(
        _ bench: Bench,
        _ session: any ZnodeSession,
        _ worker: WorkerID
    ) throws -> NodeOperations {
        let context = NodeContext()
        context.set(mirror: try SQLiteMirror(path: nil, logger: bench.logger))
        context.set(
            current: .init(
                session: session,
                worker: worker,
                leader: nil,
                jobs: JobReader(session: session, layout: bench.layout, zones: TimeZoneDatabase())
            )
        )
        return NodeOperations(
            context: context,
            layout: bench.layout,
            mode: "cluster",
            version: "0",
            places: [],
            zones: TimeZoneDatabase(),
            time: bench.clock.time,
            logger: bench.logger
        )
    }

    /// What one node has accepted is there on every node, though the server of a node's session may be behind.
    @Test func whatAnotherNodeHasJustAcceptedIsFound() async throws {
        let bench = try await Bench()
        let name = try JobName("hello")
        let definition = JobDefinition(
            name: name,
            tasks: [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        )
        let worker = WorkerID(number: 1)
        try await bench.register(worker)
        try await bench.submit(definition, owner: worker, at: bench.clock.time.now())
        let session = BehindSession(bench.session)
        let operations = try operations(bench, session, worker)
        #expect(try await operations.job(name).name == name)
        session.fallBehind()
        let (run, _) = try await operations.createRun(RunRequest(job: name))
        session.fallBehind()
        #expect(try await operations.run(run.id).run.state == .queued)
        session.fallBehind()
        #expect(try await operations.replaceJob(definition, ifVersion: 1).isNew == false)
        await session.close()
        await bench.other.close()
    }

    /// The mirror does not know them yet, and whoever looks for what is not over does not see why.
    @Test func queuedRunsAreListed() async throws {
        let bench = try await Bench()
        let (name, other) = (try JobName("hello"), try JobName("other"))
        let operations = try operations(bench, bench.session, WorkerID(number: 1))
        let start = UnixTime(seconds: 1_800_000_000)
        var ids: [RunID] = []
        for number in 0..<5 {
            let id = RunID(job: number == 3 ? other : name, logicalTime: start.adding(seconds: Int64(number)))
            ids.append(id)
            let entry = QueueEntry(
                run: id,
                jobVersion: 1,
                cause: .manual,
                priority: 50,
                queuedAt: WallTime(start),
                traceID: "t"
            )
            _ = try await bench.other.create(bench.layout.queueEntry(id), data: RecordCoding.encode(entry))
        }
        func all(_ query: RunQuery) async throws -> [RunID] {
            var (query, found) = (query, [RunID]())
            repeat {
                let page = try await operations.runs(query)
                #expect(page.items.count <= query.limit)
                found += page.items.map(\.id)
                query.cursor = page.nextCursor
            } while query.cursor != nil
            return found
        }
        for limit in [1, 2, 5, 100] {
            #expect(try await all(RunQuery(states: [.queued, .running], limit: limit)) == ids.sorted())
        }
        #expect(try await all(RunQuery(job: other, states: [.queued])) == [ids[3]])
        let since = WallTime(start.adding(seconds: 4))
        #expect(try await all(RunQuery(states: [.queued], since: since)) == [ids[4]])
        #expect(try await all(RunQuery(states: [.running])).isEmpty)
        #expect(try await all(RunQuery()).isEmpty, "of all there ever were the mirror alone tells")
        await bench.session.close()
        await bench.other.close()
    }

    /// A run goes from the queue to the live ones between the first look for it and the second, whichever they are.
    @Test func runIsFoundWhileItIsAdmitted() async throws {
        let bench = try await Bench()
        let (layout, other) = (bench.layout, bench.other)
        let name = try JobName("hello")
        let definition = JobDefinition(
            name: name,
            tasks: [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        )
        let now = bench.clock.time.now()
        let worker = WorkerID(number: 1)
        try await bench.register(worker)
        try await bench.submit(definition, owner: worker, at: now)
        let id = RunID(job: name, logicalTime: now.second)
        let entry = QueueEntry(
            run: id,
            jobVersion: 1,
            cause: .manual,
            priority: 50,
            queuedAt: now,
            traceID: "t"
        )
        _ = try await other.create(layout.queueEntry(id), data: RecordCoding.encode(entry))
        let run = LiveRun(
            id: id,
            job: CompiledJob(definition, version: 1),
            cause: .manual,
            priority: 50,
            params: [:],
            queuedAt: now,
            startedAt: now,
            traceID: "t",
            triggersDownstream: true,
            age: 1
        )
        let admission =
            [StoreOperation.delete(layout.queueEntry(id))]
            + LeaderOperation.createRun(run).encoded(layout, now: now)
        let places = [layout.queueEntry(id), layout.run(id)]
        let session = SteppingSession(bench.session, after: places) { _ = try await other.multi(admission) }
        let operations = try operations(bench, session, worker)
        let first = try await operations.run(id)
        #expect(session.hasStepped)
        #expect(first.run.id == id)
        let second = try await operations.run(id)
        #expect(second.run.state == .running)
        await session.close()
        await other.close()
    }
}

/// Another session, in which something happens right after the first read of one of some znodes.
private final class SteppingSession: ForwardingSession, @unchecked Sendable {
    private let paths: [ZnodePath]
    private let step: @Sendable () async throws -> Void
    private let isDone = Atomic(false)

    var hasStepped: Bool { isDone.load(ordering: .relaxed) }

    init(
        _ session: any ZnodeSession,
        after paths: [ZnodePath],
        _ step: @escaping @Sendable () async throws -> Void
    ) {
        self.paths = paths
        self.step = step
        super.init(session)
    }

    override func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        let result: Result<Znode, StoreError>
        do throws(StoreError) {
            result = .success(try await super.get(path, watch: watch))
        } catch {
            result = .failure(error)
        }
        if paths.contains(path), !isDone.exchange(true, ordering: .relaxed) {
            do {
                try await step()
            } catch {
                throw StoreError(.other(0), operation: "step", message: "\(error)")
            }
        }
        return try result.get()
    }
}

/// Another session, whose server knows of no job and no run until it has caught up.
///
/// `@unchecked` as its base: it adds an atomic.
private final class BehindSession: ForwardingSession, @unchecked Sendable {
    private let isBehind = Atomic(true)

    func fallBehind() { isBehind.store(true, ordering: .relaxed) }

    override func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        let isNews = ["/jobname/", "/queue/job/"].contains { path.description.contains($0) }
        if isNews, isBehind.load(ordering: .relaxed) {
            throw StoreError(.noNode, operation: "get", path: path)
        }
        return try await super.get(path, watch: watch)
    }

    override func sync(_ path: ZnodePath) async throws(StoreError) {
        isBehind.store(false, ordering: .relaxed)
        try await super.sync(path)
    }
}
