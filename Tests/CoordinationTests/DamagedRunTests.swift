import Coordination
import Cron
import Scheduling
import Testing
import ZnodeStore

@Suite struct DamagedRunTests {
    /// Else every node would win the election, fail to read, and resign, for ever.
    @Test func damagedRunsDoNotStopTheOthers() async throws {
        let session = try await EmbeddedStore().openSession()
        let layout = ZnodeLayout(root: try ZnodePath("/root"))
        _ = try await ClusterSetup(session: session, layout: layout).prepare(newID: "test")
        let (worker, name) = (WorkerID(number: 1), try JobName("hello"))
        let definition = JobDefinition(
            name: name,
            tasks: [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        )
        let now = WallTime(milliseconds: 1_800_000_000_000)
        _ = try await session.create(layout.worker(worker))
        _ = try await session.create(layout.jobs(of: worker))
        _ = try await session.multi(
            JobOperations.submit(
                StoredJob(version: 1, createdAt: now, storedAt: now, definition: definition),
                owner: worker,
                creationID: "c",
                upstreams: [],
                fired: FiredRecord(mark: now.second),
                firedVersion: nil,
                layout
            )
        )
        func run(_ number: Int64) -> RunID {
            RunID(job: name, logicalTime: now.second.adding(seconds: number))
        }
        let live = LiveRun(
            id: run(0),
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
        let header = RunRecordCoding.header(live)
        for (id, data) in [(run(0), header), (run(1), Array("{".utf8)), (run(2), header), (run(3), [])] {
            _ = try await session.create(layout.run(id), data: data)
        }
        _ = try await session.create(layout.run(run(2)).child("out.-x"), data: Array("{}".utf8))
        _ = try await session.create(layout.runs.child("nobody-knows"))
        let zones = TimeZoneDatabase()
        let reader = LeaderSnapshotReader(
            session: session,
            layout: layout,
            jobs: JobReader(session: session, layout: layout, zones: zones)
        )
        let (snapshot, unreadable) = try await reader.read()
        #expect(snapshot.runs.map(\.id) == [run(0)])
        #expect(unreadable.count == 4, "\(unreadable)")
        for each in ["/root/runs/\(run(1))", "/root/runs/\(run(2))", "/root/runs/\(run(3))", "nobody-knows"] {
            #expect(unreadable.contains { $0.contains(each) }, "\(each) in \(unreadable)")
        }
    }
}
