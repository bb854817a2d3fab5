import Coordination
import Cron
import Mirror
import Node
import Scheduling
import Testing
import ZnodeStore

@Suite(.timeLimit(.minutes(1))) struct LeaderMailboxTests {
    /// An entry of a job that does not exist: the leader makes a record of it and consumes it, without any worker.
    private static func entry(_ bench: Bench) throws -> (path: ZnodePath, data: [UInt8]) {
        let run = RunID(job: try JobName("nobody"), logicalTime: UnixTime(seconds: 1_800_000_000))
        let entry = QueueEntry(
            run: run,
            jobVersion: 1,
            cause: .schedule,
            priority: 50,
            queuedAt: WallTime(milliseconds: 1_800_000_000_000),
            traceID: "t"
        )
        return (bench.layout.queueEntry(run), RecordCoding.encode(entry))
    }

    @Test func entryCreatedAgainBetweenTwoListsIsSeen() async throws {
        let bench = try await Bench()
        let (path, data) = try Self.entry(bench)
        let session = HeldListSession(
            bench.session,
            holding: bench.layout.jobQueue,
            afterSeeing: String(path.name)
        )
        let leader = try bench.leader(session)
        try await bench.with({ try await leader.run() }) {
            _ = try await bench.other.create(path, data: data)
            // The leader consumes it, and is kept from looking at the queue again.
            try await bench.eventually("the entry is consumed") {
                try await bench.other.exists(path) == nil && session.isHolding
            }
            _ = try await bench.other.create(path, data: data)
            session.open()
            try await bench.eventually("its successor is consumed") {
                try await bench.other.exists(path) == nil
            }
            // And once more, without anything held back.
            _ = try await bench.other.create(path, data: data)
            try await bench.eventually("the third is consumed") { try await bench.other.exists(path) == nil }
        }
    }

    /// A worker whose answer was lost tells of a late result again, while the leader consumes what it told first.
    @Test func lateReportCreatedAgainBetweenTwoListsIsSeen() async throws {
        let bench = try await Bench()
        let run = RunID(job: try JobName("nobody"), logicalTime: UnixTime(seconds: 1_800_000_000))
        let attempt = AttemptID(run: run, task: try TaskID("t"), partition: 0, number: 1)
        let (name, data) = ReportCoding.late(
            attempt,
            AttemptEnd(outcome: .succeeded, endedAt: WallTime(milliseconds: 1_800_000_000_000)),
            nil,
            isCertain: false,
            worker: WorkerID(number: 2)
        )
        let directory = bench.layout.status(bucket: 1)
        let session = HeldListSession(bench.session, holding: directory, afterSeeing: name)
        let leader = try bench.leader(session)
        try await bench.with({ try await leader.run() }) {
            _ = try await bench.other.create(directory.child(name), data: data)
            try await bench.eventually("the report is consumed") {
                try await bench.other.exists(directory.child(name)) == nil && session.isHolding
            }
            _ = try await bench.other.create(directory.child(name), data: data)
            session.open()
            try await bench.eventually("its successor is consumed") {
                try await bench.other.exists(directory.child(name)) == nil
            }
        }
    }

    /// It has got a job while nobody looked, and has gone: twice, the second time after it was taken over.
    @Test func jobsOfAWorkerThatNobodySawAreMoved() async throws {
        let bench = try await Bench()
        let (layout, other) = (bench.layout, bench.other)
        let (stays, passes) = (WorkerID(number: 2), WorkerID(number: 9))
        let session = HeldListSession(bench.session, holding: layout.workers, afterSeeing: "\(stays)")
        let leader = try bench.leader(session)
        func join(_ worker: WorkerID) async throws {
            try await bench.register(worker)
            _ = try await other.create(layout.assign(worker))
        }
        func passThrough(_ job: String) async throws {
            try await join(passes)
            let task = TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))
            let definition = JobDefinition(name: try JobName(job), tasks: [task])
            try await bench.submit(definition, owner: passes, at: bench.clock.time.now())
            try await other.delete(layout.worker(passes))
            session.open()
            try await bench.eventually("\(job) has another owner") {
                try await bench.names(layout.jobs(of: stays)).contains("\(job)@1")
            }
            try await bench.eventually("nothing is left of it") {
                try await other.exists(layout.assign(passes)) == nil
            }
        }
        try await bench.with({ try await leader.run() }) {
            try await join(stays)
            try await bench.eventually("the leader knows the other") { session.hasSeen }
            try await passThrough("first")
            try await passThrough("second")
        }
    }

    @Test func commandThatNobodyWaitsForIsSweptByAge() async throws {
        let bench = try await Bench()
        let path = bench.layout.command("left")
        let verdict = Verdict(isAccepted: true, message: "done")
        let leader = try bench.leader(bench.session)
        try await bench.with({ try await leader.run() }) {
            try await bench.eventually("a leader") { leader.isLeading }
            _ = try await bench.other.create(
                path,
                data: RecordCoding.encode(CommandRecord(request: nil, verdict: verdict))
            )
            bench.clock.forward(milliseconds: 9 * 60_000)
            // Two beats of the leader later it has been looked at.
            let start = try await bench.other.get(bench.layout.clusterStatus).stat.version
            try await bench.eventually("beats") {
                try await bench.other.get(bench.layout.clusterStatus).stat.version >= start + 3
            }
            #expect(try await bench.other.exists(path) != nil)
            bench.clock.forward(milliseconds: 2 * 60_000)
            try await bench.eventually("it is swept") { try await bench.other.exists(path) == nil }
        }
    }
}
