import Cron
import Node
import Scheduling
import Synchronization

/// A node that keeps everything in memory, notes what it was asked, and fails on demand.
final class RecordedOperations: ClusterOperations {
    struct State {
        var jobs: [JobName: JobView] = [:]
        var runs: [RunID: MirroredRun] = [:]
        var attempts: [RunID: [AttemptView]] = [:]
        var locations: [AttemptID: LogLocation] = [:]
        var requests: [RunRequest] = []
        /// Trace ids of repetitions by request id.
        var repeats: [String: String?] = [:]
        var queries: [RunQuery] = []
        var calls: [String] = []
        var failure: OperationError?
        var missing: [String] = []
        var bounds: [BoundFigure] = []
        var heldTimers: Int?
        var isPaused = false
        var draining: Set<WorkerID> = []
    }

    let state = Mutex(State())
    let worker: WorkerID?
    let events: AsyncStream<MirrorEvent>
    let eventEntry: AsyncStream<MirrorEvent>.Continuation
    static let time = WallTime(milliseconds: 1_795_000_000_000)

    init(worker: Int = 1) {
        self.worker = WorkerID(number: worker)
        (events, eventEntry) = AsyncStream<MirrorEvent>.makeStream()
    }

    var heldTimers: Int? { state.withLock { $0.heldTimers } }
    var calls: [String] { state.withLock { $0.calls } }

    /// Notes a call, and fails where that was asked for.
    private func note<Value>(
        _ call: String,
        _ work: (inout State) throws(OperationError) -> Value
    ) throws(OperationError) -> Value {
        let result = state.withLock { state -> Result<Value, OperationError> in
            state.calls.append(call)
            if let failure = state.failure { return .failure(failure) }
            do throws(OperationError) { return .success(try work(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func createJob(_ definition: JobDefinition) async throws(OperationError) -> JobView {
        try note("createJob \(definition.name)") { state throws(OperationError) in
            guard state.jobs[definition.name] == nil else {
                throw OperationError(.conflict, code: "E2004", "the name is taken")
            }
            let job = JobView(
                name: definition.name,
                version: 1,
                worker: WorkerID(number: 1),
                createdAt: Self.time,
                definition: definition
            )
            state.jobs[job.name] = job
            return job
        }
    }

    func replaceJob(
        _ definition: JobDefinition,
        ifVersion: Int?
    ) async throws(OperationError) -> (JobView, isNew: Bool) {
        try note("replaceJob \(definition.name) \(ifVersion ?? 0)") { state throws(OperationError) in
            let old = state.jobs[definition.name]
            if let ifVersion, old?.version != ifVersion {
                throw OperationError(
                    .staleVersion,
                    code: "E2005",
                    "the job is at version \(old?.version ?? 0)"
                )
            }
            let job = JobView(
                name: definition.name,
                version: (old?.version ?? 0) + 1,
                worker: WorkerID(number: 1),
                createdAt: Self.time,
                definition: definition
            )
            state.jobs[job.name] = job
            return (job, old == nil)
        }
    }

    func deleteJob(_ name: JobName, ifVersion: Int?) async throws(OperationError) {
        try note("deleteJob \(name) \(ifVersion ?? 0)") { state throws(OperationError) in
            guard state.jobs.removeValue(forKey: name) != nil else {
                throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
            }
        }
    }

    func job(_ name: JobName) async throws(OperationError) -> JobView {
        try note("job \(name)") { state throws(OperationError) in
            guard let job = state.jobs[name] else {
                throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
            }
            return job
        }
    }

    func jobs(prefix: String?, cursor: String?, limit: Int) async throws(OperationError) -> Page<JobView> {
        try note("jobs \(prefix ?? "-") \(cursor ?? "-") \(limit)") { state throws(OperationError) in
            Page(items: state.jobs.values.sorted { $0.name < $1.name }, nextCursor: nil)
        }
    }

    func createRun(_ request: RunRequest) async throws(OperationError) -> (RunView, isNew: Bool) {
        try note("createRun \(request.job)") { state throws(OperationError) in
            if let known = state.requests.firstIndex(where: {
                $0.requestID != nil && $0.requestID == request.requestID
            }) {
                let id = RunID(
                    job: request.job,
                    logicalTime: request.at ?? Self.time.second,
                    suffix: "m\(known + 1)"
                )
                return (Self.run(id, state: .running), isNew: false)
            }
            state.requests.append(request)
            let id = RunID(
                job: request.job,
                logicalTime: request.at ?? Self.time.second,
                suffix: "m\(state.requests.count)"
            )
            let run = Self.run(id, state: .queued)
            state.runs[id] = MirroredRun(run: run, tasks: [])
            return (run, isNew: true)
        }
    }

    func run(_ id: RunID) async throws(OperationError) -> MirroredRun {
        try note("run \(id)") { state throws(OperationError) in
            guard let run = state.runs[id] else {
                throw OperationError(.notFound, code: "E2003", "there is no run \(id)")
            }
            return run
        }
    }

    func attempts(of run: RunID) async throws(OperationError) -> [AttemptView] {
        try note("attempts \(run)") { state throws(OperationError) in state.attempts[run] ?? [] }
    }

    func runs(_ query: RunQuery) async throws(OperationError) -> Page<RunView> {
        try note("runs") { state throws(OperationError) in
            state.queries.append(query)
            return Page(items: state.runs.values.map(\.run).sorted { $0.id < $1.id }, nextCursor: "next")
        }
    }

    func act(_ action: RunAction, on run: RunID, reason: String?) async throws(OperationError) -> RunView {
        try note("act \(action) \(run) \(reason ?? "-")") { state throws(OperationError) in
            Self.run(run, state: .killing)
        }
    }

    func repeatRun(
        _ id: RunID,
        onlyFailed: Bool,
        requestID: String?,
        traceID: String?
    ) async throws(OperationError) -> (RunView, isNew: Bool) {
        try note("repeat \(id) \(onlyFailed)") { state throws(OperationError) in
            let isNew = requestID.map { state.repeats.updateValue(traceID, forKey: $0) == nil } ?? true
            let repeated = RunID(job: id.job, logicalTime: id.logicalTime, suffix: "r1")
            return (Self.run(repeated, state: .queued), isNew: isNew)
        }
    }

    func explain(
        _ run: RunID,
        task: TaskID?,
        isForwarded: Bool
    ) async throws(OperationError) -> Explanation {
        let sender = isForwarded ? "node" : "client"
        return try note("explain \(run) \(task?.description ?? "-") for \(sender)") {
            state throws(OperationError) in
            Explanation(
                run: run,
                state: "queued",
                blockers: [Blocker(kind: "slots", message: "no slot is free")]
            )
        }
    }

    func logLocation(
        run: RunID,
        task: TaskID,
        partition: Int,
        attempt: Int
    ) async throws(OperationError) -> LogLocation {
        try note("logLocation \(run) \(task) \(partition) \(attempt)") { state throws(OperationError) in
            let id = AttemptID(run: run, task: task, partition: partition, number: attempt)
            guard let location = state.locations[id] else {
                throw OperationError(.notFound, code: "E2003", "there is no such attempt")
            }
            return location
        }
    }

    func workers() async throws(OperationError) -> [WorkerView] {
        try note("workers") { state throws(OperationError) in
            [
                WorkerView(
                    id: WorkerID(number: 1),
                    state: state.draining.isEmpty ? "ready" : "draining",
                    address: "127.0.0.1:8080",
                    version: "1.0",
                    tzdata: "2026a",
                    pool: "default",
                    labels: [:],
                    startedAt: Self.time,
                    slots: 8,
                    running: 3,
                    jobs: 2,
                    cpuCount: 2,
                    isLeader: true
                )
            ]
        }
    }

    func setDraining(_ worker: WorkerID, _ isDraining: Bool) async throws(OperationError) {
        try note("draining \(worker) \(isDraining)") { state throws(OperationError) in
            if isDraining { state.draining.insert(worker) } else { state.draining.remove(worker) }
        }
    }

    func cluster() async throws(OperationError) -> ClusterView {
        try note("cluster") { state throws(OperationError) in
            ClusterView(
                id: "c1",
                mode: "cluster",
                isPaused: state.isPaused,
                leader: WorkerID(number: 1),
                leaderAddress: "127.0.0.1:8080",
                term: 3,
                workers: 1,
                queued: 5,
                oldestQueuedAt: nil,
                mirror: "ok",
                version: "1.0"
            )
        }
    }

    func setPaused(_ isPaused: Bool, reason: String?) async throws(OperationError) {
        try note("paused \(isPaused) \(reason ?? "-")") { state throws(OperationError) in
            state.isPaused = isPaused
        }
    }

    func giveUpAbsent(reason: String?) async throws(OperationError) {
        try note("gave up absent \(reason ?? "-")") { _ throws(OperationError) in }
    }

    func upcoming(
        from: WallTime,
        through: WallTime,
        limit: Int
    ) async throws(OperationError) -> [UpcomingRun] {
        try note("upcoming \(from) \(through) \(limit)") { state throws(OperationError) in [] }
    }

    func events(after id: String?) async -> AsyncStream<MirrorEvent> {
        state.withLock { $0.calls.append("events \(id ?? "-")") }
        return events
    }

    func setMaximumQueueLength(_ length: Int) async throws(OperationError) {
        try note("maximum queue length \(length)") { (_: inout State) throws(OperationError) in }
    }

    func bounds() async -> [BoundFigure] { state.withLock { $0.bounds } }

    func missingForReady() async -> [String] { state.withLock { $0.missing } }

    static func run(_ id: RunID, state: RunState) -> RunView {
        RunView(
            id: id,
            jobVersion: 1,
            cause: .manual,
            state: state,
            priority: 50,
            queuedAt: time,
            tasks: .init(total: 1, byState: ["queued": 1]),
            traceID: String(repeating: "a", count: 32)
        )
    }
}
