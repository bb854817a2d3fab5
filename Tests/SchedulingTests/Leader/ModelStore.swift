import Cron
@testable import Scheduling

/// What the store holds of a cluster, as far as the leader's operations reach. A plan is applied whole or not at all.
struct ModelStore {
    struct Assigned {
        var worker: WorkerID
        var isStarted = false
        var assignedAt: WallTime
        var token: Int64
        var startedAt: WallTime?
        var isExclusive = false
    }

    /// What runs of an exclusive unit although its worker is gone: until the kill margin is over.
    struct Ghost {
        var worker: WorkerID
        var unit: String
    }

    struct Failure: Error {
        var operation: LeaderOperation
        var reason: LeaderCore.Rejection
    }

    var runs: [RunID: LiveRun] = [:]
    var outputs: [RunID: [TaskID: [String: String]]] = [:]
    var queue: [RunID: QueueEntry] = [:]
    var assignments: [AttemptID: Assigned] = [:]
    var kills: [AttemptID: (worker: WorkerID, mode: KillMode)] = [:]
    var reports: [String: Report] = [:]
    var outcomes: [JobName: OutcomeRecord] = [:]
    var jobs: [JobName: KnownJob] = [:]
    var workers: [WorkerID: (registration: WorkerRegistration, version: Int32)] = [:]
    var directories: Set<WorkerID> = []
    /// Of the directories of assignments: each registration sets it.
    var assignVersions: [WorkerID: Int32] = [:]
    var commands: [String: CommandRequest] = [:]
    var verdicts: [String: Verdict] = [:]
    var zxid: Int64 = 0
    /// The version of the directory of a worker's assignments; `nil` where there is none.
    func assignVersion(_ id: WorkerID) -> Int32? { directories.contains(id) ? assignVersions[id] : nil }

    // What the mirror was told for good.
    var finalRuns: [RunID: RunView] = [:]
    var finalAttempts: [String: AttemptView] = [:]
    var incidents = 0
    /// Broken invariants.
    var violations: [String] = []
    var ghosts: [Ghost] = []
    /// Workers that got assignments by the plan that is being applied.
    private var filled: Set<WorkerID> = []
    private var lastAttempt: [String: Int] = [:]

    mutating func apply(_ plan: LeaderPlan, now: WallTime) throws(Failure) {
        var next = self
        next.zxid += 1
        for transaction in plan.transactions {
            for operation in transaction.operations {
                if let reason = next.apply(operation, now) {
                    throw Failure(operation: operation, reason: reason)
                }
            }
            for record in transaction.finalRecords { next.note(record) }
        }
        // All of a plan happens at once, in whatever order it is written.
        next.checkExclusive()
        next.checkSlots()
        next.incidents += plan.incidents.count
        self = next
    }

    private mutating func note(_ record: MirrorRecord) {
        switch record {
        case .run(let view, _):
            if !view.state.isOver {
                violations.append("\(view.id) has a final record in state \(view.state)")
            }
            if finalRuns.updateValue(view, forKey: view.id) != nil {
                violations.append("\(view.id) has two final records")
            }
        case .attempt(let run, let view):
            let key = "\(run)/\(view.task)/\(view.partition)/\(view.n)"
            if finalAttempts.updateValue(view, forKey: key) != nil {
                violations.append("\(key) has two final records")
            }
        case .job, .jobDeleted: break
        }
    }

    private mutating func apply(_ operation: LeaderOperation, _ now: WallTime) -> LeaderCore.Rejection? {
        switch operation {
        case .checkDefinition(let name, let version, let owner):
            guard let job = jobs[name], job.job.version == version, job.owner == owner else {
                return .missing
            }
        case .checkWorker(let id, let version, let assignVersion):
            guard let worker = workers[id] else { return .missing }
            guard worker.version == version, assignVersions[id] == assignVersion else { return .version }
        case .deleteQueueEntry(let run):
            guard queue.removeValue(forKey: run) != nil else { return .missing }
        case .enqueue(var entry):
            guard queue[entry.run] == nil else { return .exists }
            entry.age = zxid
            queue[entry.run] = entry
        case .createRun(let run):
            guard runs[run.id] == nil else { return .exists }
            runs[run.id] = run
        case .setRunHeader(let run):
            guard let old = runs[run.id] else { return .missing }
            var new = run
            if run.chunkCount > 0 { new.units = old.units }
            runs[run.id] = new
        case .setRunChunk(let run, let chunk):
            guard runs[run.id] != nil else { return .missing }
            let start = chunk * LiveRun.chunkSize
            let range = start..<min(start + LiveRun.chunkSize, run.units.count)
            runs[run.id]?.units.replaceSubrange(range, with: run.units[range])
        case .createOutputs(let run, let task, let values):
            guard runs[run] != nil else { return .missing }
            guard outputs[run]?[task] == nil else { return .exists }
            outputs[run, default: [:]][task] = values
        case .deleteRun(let run, let chunkCount, let tasks):
            guard let old = runs.removeValue(forKey: run) else { return .missing }
            guard old.chunkCount == chunkCount else { return .other }
            guard Set(tasks) == Set((outputs.removeValue(forKey: run) ?? [:]).keys) else { return .other }
        case .createAssignment(let attempt, let worker, let assignment):
            if let reason = assign(attempt, worker, now) { return reason }
            assignments[attempt]?.isExclusive = assignment.isExclusive
        case .deleteAssignment(let attempt, _):
            guard assignments.removeValue(forKey: attempt) != nil else { return .missing }
        case .checkAbsence(let worker, let version):
            guard directories.contains(worker) else { return .missing }
            guard assignVersions[worker] == version else { return .version }
        case .withdrawAssignment(let attempt, _):
            guard let assigned = assignments[attempt] else { return .missing }
            guard !assigned.isStarted else { return .version }
            assignments[attempt] = nil
        case .createKill(let attempt, let worker, let mode):
            guard directories.contains(worker) else { return .missing }
            guard kills[attempt] == nil else { return .exists }
            kills[attempt] = (worker, mode)
        case .deleteKill(let attempt, _):
            guard kills.removeValue(forKey: attempt) != nil else { return .missing }
        case .deleteReport(_, let name):
            guard reports.removeValue(forKey: name) != nil else { return .missing }
        case .setOutcomes(let name, let record, let exists):
            guard exists == (outcomes[name] != nil) else { return exists ? .missing : .exists }
            outcomes[name] = record
        case .setVerdict(let request, let verdict):
            guard verdicts[request] == nil else { return .version }
            guard commands.removeValue(forKey: request) != nil else { return .missing }
            verdicts[request] = verdict
        case .deleteJob(let known):
            let name = known.job.definition.name
            guard jobs[name]?.job.version == known.job.version else { return .missing }
            jobs[name] = nil
        case .replaceJob(let known, let definition):
            let name = definition.name
            guard jobs[name]?.job.version == known.job.version else { return .missing }
            jobs[name]?.job = CompiledJob(definition, version: known.job.version + 1)
        case .moveJob, .deletePinned: break
        case .forgetWorker(let worker, _):
            guard !assignments.values.contains(where: { $0.worker == worker }),
                !kills.values.contains(where: { $0.worker == worker })
            else { return .other }
            directories.remove(worker)
        }
        return nil
    }

    private mutating func assign(
        _ attempt: AttemptID,
        _ id: WorkerID,
        _ now: WallTime
    ) -> LeaderCore.Rejection? {
        guard directories.contains(id) else { return .missing }
        guard assignments[attempt] == nil else { return .exists }
        let unit = "\(attempt.run)/\(attempt.task)/\(attempt.partition)"
        let isLive = assignments.keys.contains {
            $0.run == attempt.run && $0.task == attempt.task && $0.partition == attempt.partition
        }
        if isLive { violations.append("\(unit) has two live attempts") }
        if lastAttempt[unit, default: 0] >= attempt.number {
            violations.append("\(unit) repeats \(attempt.number)")
        }
        lastAttempt[unit] = attempt.number
        if let worker = workers[id] {
            if worker.registration.isDraining { violations.append("\(attempt) goes to \(id), which drains") }
            filled.insert(id)
        } else {
            violations.append("\(attempt) goes to \(id), which is gone")
        }
        assignments[attempt] = Assigned(worker: id, assignedAt: now, token: zxid)
        return nil
    }

    /// An exclusive unit: a task or partition of a job, whatever the run.
    static func exclusiveUnit(_ attempt: AttemptID) -> String {
        "\(attempt.run.job)/\(attempt.task)/\(attempt.partition)"
    }

    private mutating func checkSlots() {
        for id in filled {
            let used = assignments.values.count { $0.worker == id }
            guard let slots = workers[id]?.registration.slots, used > slots else { continue }
            violations.append("\(id) has more attempts than slots")
        }
        filled = []
    }

    private mutating func checkExclusive() {
        var holders: [String: AttemptID] = [:]
        for (attempt, assigned) in assignments where assigned.isExclusive {
            let unit = Self.exclusiveUnit(attempt)
            if let other = holders.updateValue(attempt, forKey: unit) {
                violations.append("\(attempt) is exclusive and so is \(other)")
            }
            if let ghost = ghosts.first(where: { $0.unit == unit && $0.worker != assigned.worker }) {
                violations.append("\(attempt) is exclusive and \(ghost.worker) may still run it")
            }
        }
    }

    var snapshot: LeaderSnapshot {
        LeaderSnapshot(
            runs: runs.values.sorted { $0.id < $1.id }.map { run in
                var stored = LiveRun(
                    id: run.id,
                    job: run.job,
                    cause: run.cause,
                    priority: run.priority,
                    params: run.params,
                    queuedAt: run.queuedAt,
                    startedAt: run.startedAt,
                    traceID: run.traceID,
                    triggersDownstream: run.triggersDownstream,
                    age: run.age
                )
                stored.endedAt = run.endedAt
                stored.state = run.state
                stored.stopAs = run.stopAs
                stored.reason = run.reason
                stored.units = run.units
                stored.outputs = outputs[run.id] ?? [:]
                return stored
            },
            assignments: assignments.sorted { $0.key < $1.key }.map { id, assigned in
                .init(
                    attempt: id,
                    worker: assigned.worker,
                    isStarted: assigned.isStarted,
                    assignedAt: assigned.assignedAt,
                    startedAt: assigned.startedAt,
                    token: assigned.token
                )
            },
            kills: kills.keys.sorted(),
            knownWorkers: directories.sorted()
        )
    }
}
