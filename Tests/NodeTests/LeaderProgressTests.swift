import Coordination
import Cron
import Mirror
import Node
import Scheduling
import Synchronization
import Testing
import ZnodeStore

/// Another session whose transactions are never answered from some moment on, until it is closed.
///
/// `@unchecked` as its base: it adds a `Mutex`.
private final class StuckSession: ForwardingSession, @unchecked Sendable {
    private struct Commits {
        var isStuck = false
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let commits = Mutex(Commits())

    /// Whether a transaction waits for an answer that does not come.
    var holdsCommits: Bool { commits.withLock { !$0.waiting.isEmpty } }

    func stick() { commits.withLock { $0.isStuck = true } }

    override func multi(
        _ operations: [StoreOperation]
    ) async throws(StoreError) -> [StoreOperationResult] {
        await withCheckedContinuation { continuation in
            let isFree = commits.withLock { commits in
                guard commits.isStuck, !commits.isClosed else { return true }
                commits.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        return try await super.multi(operations)
    }

    override func close() async {
        await super.close()
        let waiting = commits.withLock { commits in
            commits.isClosed = true
            defer { commits.waiting = [] }
            return commits.waiting
        }
        for each in waiting { each.resume() }
    }
}

/// Another session that refuses, as many times as it is told, to delete the name of a job.
///
/// `@unchecked` as its base: it adds an atomic.
private final class RefusingSession: ForwardingSession, @unchecked Sendable {
    let refusals: Atomic<Int>

    init(_ session: any ZnodeSession, refusals: Int) {
        self.refusals = Atomic(refusals)
        super.init(session)
    }

    override func multi(
        _ operations: [StoreOperation]
    ) async throws(StoreError) -> [StoreOperationResult] {
        for (index, operation) in operations.enumerated() {
            guard case .delete(let path, _) = operation, path.description.contains("/jobname/"),
                refusals.load(ordering: .relaxed) > 0
            else { continue }
            refusals.subtract(1, ordering: .relaxed)
            throw StoreError(.badVersion, operation: "multi", path: path, failedIndex: index)
        }
        return try await super.multi(operations)
    }
}

@Suite(.timeLimit(.minutes(1))) struct LeaderProgressTests {
    /// A leader that decides nothing any more gives its session up, so that others can lead: after a session timeout,
    /// and no more than a quarter of it later.
    @Test func leaderWithoutProgressEndsItsSession() async throws {
        let bench = try await Bench()
        let session = StuckSession(bench.session)
        let system = bench.clock.time
        let quarter = session.timeout / 4
        let quartersSinceStuck = Atomic(0)
        let time = NodeTime(
            now: system.now,
            instant: system.instant,
            sleep: { duration in
                guard duration == quarter else { return try await system.sleep(duration) }
                // Long beside the other naps, which are short here: between two looks at the loop it was due to wake.
                try await Task.sleep(for: .milliseconds(200))
                if session.holdsCommits { quartersSinceStuck.add(1, ordering: .relaxed) }
            },
            draw: system.draw
        )
        let stateBefore = Mutex<SessionState?>(nil)
        let leader = try bench.leader(session, time: time) {
            stateBefore.withLock { $0 = session.state }
        }
        try await bench.with({ try await leader.run() }) {
            try await bench.eventually("it leads") { leader.isLeading }
            session.stick()
            let run = RunID(job: try JobName("nobody"), logicalTime: UnixTime(seconds: 1_800_000_000))
            let entry = QueueEntry(
                run: run,
                jobVersion: 1,
                cause: .schedule,
                priority: 50,
                queuedAt: WallTime(milliseconds: 1_800_000_000_000),
                traceID: "t"
            )
            _ = try await bench.other.create(
                bench.layout.queueEntry(run),
                data: RecordCoding.encode(entry)
            )
            // Time goes on, and what waits for the loop is not looked at.
            try await bench.eventually("it gives up") {
                try await bench.other.exists(bench.layout.master) == nil
            }
            #expect(session.state.isOver)
            #expect(
                stateBefore.withLock { $0 } == .connected,
                "what it runs of exclusive tasks is ended before"
            )
            let waited = quarter * quartersSinceStuck.load(ordering: .relaxed)
            #expect(waited >= session.timeout)
            #expect(waited <= session.timeout + quarter)
        }
    }

    /// A leader whose commits are refused again and again believes what is not so: it ends its term, and the next one
    /// reads everything anew.
    @Test func leaderWhoseCommitsAreRefusedBeginsAnotherTerm() async throws {
        let bench = try await Bench()
        let session = RefusingSession(bench.session, refusals: 150)
        let leader = try bench.leader(session)
        let name = try JobName("old")
        let worker = WorkerID(number: 1)
        let now = WallTime(milliseconds: 1_800_000_000_000)
        let definition = JobDefinition(
            name: name,
            tasks: [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        )
        try await bench.register(worker)
        try await bench.submit(definition, owner: worker, at: now)
        let command = CommandRequest(id: "c", kind: .deleteJob(name, ifVersion: nil), reason: nil, at: now)
        _ = try await bench.other.create(
            bench.layout.command(command.id),
            data: RecordCoding.encode(CommandRecord(request: command))
        )
        try await bench.with({ try await leader.run() }) {
            try await bench.eventually("the job is deleted") {
                try await bench.other.exists(bench.layout.jobName(name)) == nil
            }
            #expect(session.refusals.load(ordering: .relaxed) == 0)
            let term = try await bench.other.get(bench.layout.term)
            #expect(
                try RecordCoding.decode(TermRecord.self, from: term.data, path: bench.layout.term).term == 2
            )
        }
    }

    /// What is counted for people is counted by the commits, and goes on with the next leader.
    @Test func incidentsAreCountedOverTerms() async throws {
        let bench = try await Bench()
        let path = bench.layout.term
        func term() async throws -> TermRecord {
            try RecordCoding.decode(TermRecord.self, from: try await bench.other.get(path).data, path: path)
        }
        let before = TermRecord(term: 4, worker: WorkerID(number: 7), commit: 9, incidents: 3)
        _ = try await bench.other.set(path, data: RecordCoding.encode(before))
        let leader = try bench.leader(bench.session)
        try await bench.with({ try await leader.run() }) {
            try await bench.eventually("the new leader has a term") { try await term().term == 5 }
            #expect(try await term().incidents == 3)
            let late = ReportCoding.late(
                try Bench.attempt("t"),
                AttemptEnd(outcome: .succeeded, endedAt: bench.clock.time.now()),
                nil,
                isCertain: true,
                worker: WorkerID(number: 2)
            )
            let mailbox = bench.layout.status(bucket: ZnodeLayout.bucket(of: WorkerID(number: 2)))
            _ = try await bench.other.create(mailbox.child(late.name), data: late.data)
            try await bench.eventually("the report is taken in") {
                try await bench.names(mailbox).isEmpty
            }
            let after = try await term()
            #expect(after.incidents == 4 && after.term == 5 && after.commit > 0, "in the same commit")
        }
    }
}
