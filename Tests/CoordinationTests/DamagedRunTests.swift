import Coordination
import Cron
import Foundation
import Scheduling
import Testing
import ZnodeStore

@Suite struct DamagedRunTests {
    /// A leader that leaves a run out would not know what runs of it, and what is exclusive could run twice.
    @Test func damagedRunIsNamedAndNotLeftOut() async throws {
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
        _ = try await session.create(layout.run(run(0)), data: header)
        let reader = LeaderSnapshotReader(
            session: session,
            layout: layout,
            jobs: JobReader(session: session, layout: layout, zones: TimeZoneDatabase())
        )
        let (snapshot, unreadable) = try await reader.read()
        #expect(snapshot.runs.map(\.id) == [run(0)] && unreadable.isEmpty)
        let whole = String(decoding: header, as: UTF8.self)
        let units = whole.replacingOccurrences(of: "\"units\":\"w\"", with: "\"units\":\"w;w\"")
        #expect(units != whole)
        for damage in ["", "{", units] {
            _ = try await session.create(layout.run(run(1)), data: Array(damage.utf8))
            let error = await #expect(throws: RecordError.self, "\(damage)") { _ = try await reader.read() }
            #expect(error?.description.contains("\(run(1))") == true, "\(String(describing: error))")
            try await session.delete(layout.run(run(1)))
        }
        _ = try await session.create(layout.run(run(1)), data: header)
        _ = try await session.create(layout.run(run(1)).child("out.t"), data: Array("{".utf8))
        await #expect(throws: RecordError.self) { _ = try await reader.read() }
    }
}
