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

    /// Whoever got no answer to a submit sends it again, and may be the first to be answered.
    @Test func leaderIsToldOfADependentThatIsSubmittedAgain() async throws {
        let bench = try await Bench()
        let worker = WorkerID(number: 1)
        try await bench.register(worker)
        let now = bench.clock.time.now()
        let tasks = [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        let up = JobDefinition(name: try JobName("up"), tasks: tasks)
        var down = JobDefinition(name: try JobName("down"), tasks: tasks)
        down.after = [Upstream(job: up.name)]
        for each in [up, down] { try await bench.submit(each, owner: worker, at: now) }
        let operations = try operations(bench, bench.session, worker)
        let asked = Mutex<[CommandRequest.Kind]>([])
        try await bench.with {
            // The leader, as far as it is asked.
            for try await names in bench.other.childrenUpdates(of: bench.layout.commandQueue) {
                for name in names {
                    let path = bench.layout.commandQueue.child(name)
                    let data = try await bench.other.get(path).data
                    var record = try RecordCoding.decode(CommandRecord.self, from: data, path: path)
                    guard record.verdict == nil, let request = record.request else { continue }
                    asked.withLock { $0.append(request.kind) }
                    record = CommandRecord(request: nil, verdict: Verdict(isAccepted: true, message: "known"))
                    _ = try await bench.other.set(path, data: RecordCoding.encode(record))
                }
            }
        } _: {
            for each in [down, up] {
                let isNew = try await operations.replaceJob(each, ifVersion: nil).isNew
                #expect(!isNew)
            }
            #expect(asked.withLock { $0 } == [.learnJob(down.name)])
        }
    }

    /// It is stored: that the leader is not told at once is no refusal.
    @Test func submitIsAcceptedWhereNoMoreCommandsMayWait() async throws {
        let bench = try await Bench()
        let worker = WorkerID(number: 1)
        try await bench.register(worker)
        let tasks = [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        var down = JobDefinition(name: try JobName("down"), tasks: tasks)
        down.after = [Upstream(job: try JobName("up"))]
        try await bench.submit(down, owner: worker, at: bench.clock.time.now())
        for number in 0..<NodeOperations.maximumCommands {
            _ = try await bench.other.create(bench.layout.command("c\(number)"), data: [])
        }
        let operations = try operations(bench, bench.session, worker)
        #expect(try await operations.replaceJob(down, ifVersion: nil).isNew == false)
        let figure = await operations.bounds().first { $0.name == "commands" }
        #expect(figure?.value == NodeOperations.maximumCommands && figure?.refused == 0)
        await bench.session.close()
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
