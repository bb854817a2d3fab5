import Coordination
import Cron
import Scheduling
import ZnodeStore

/// Holds what happens against the invariants, transaction by transaction.
///
/// `@unchecked`: see `VirtualLoop`.
final class Judge: @unchecked Sendable {
    /// What is known of an assignment from its creation on.
    struct Placed {
        let worker: WorkerID
        /// The transaction that made it.
        let index: Int
        let isExclusive: Bool
        var isStarted = false
        var isAssigned = true
        /// The outcome that took it away, or `taken` where the leader did.
        var end: String?
    }

    struct Unit: Hashable {
        let run: RunID
        let task: TaskID
        let partition: Int
    }

    /// One version of a job, from its submit or edit to the next.
    struct Epoch {
        let version: Int
        let definition: JobDefinition
        let due: DueTimes
    }

    /// What the header of a run says, as far as it is judged.
    private struct Header: Decodable {
        var job_version: Int
        var state: String
        var stop_as: String?
        var cause: String
        var triggers_downstream: Bool
    }

    private let loop: VirtualLoop
    private let wallStart: Int64
    /// How long what a lost worker runs of exclusive tasks is left alone: T/5 + 1 s, but for what clocks may drift.
    private let killMargin: Int64
    private(set) var violations: [Violation] = []
    /// The most that are kept.
    private static let limit = 20

    // The leader.
    private var leaderSession: Int64 = 0
    private var term = 0
    private var commit = 0

    // Workers.
    private(set) var registrations: [WorkerID: WorkerRegistration] = [:]
    private var owners: [WorkerID: Int64] = [:]
    /// When the registration of each went last.
    private var goneAt: [WorkerID: Int64] = [:]
    /// Which worker each session has registered.
    private var nodes: [Int64: WorkerID] = [:]
    private var assigned: [WorkerID: Int] = [:]

    // Jobs.
    private var names: [String: JobNameRecord] = [:]
    private var definitions: [String: [String: Int]] = [:]
    private(set) var epochs: [String: Epoch] = [:]
    private(set) var marks: [String: Int64] = [:]
    private var queued: [String: Set<Int64>] = [:]

    // Runs.
    private(set) var placed: [AttemptID: Placed] = [:]
    private var latest: [Unit: Int] = [:]
    private var succeeded: Set<Unit> = []
    private var admitted: [RunID: JobDefinition] = [:]
    private var stopped: Set<RunID> = []
    private(set) var paused: Set<RunID> = []
    private var causes: [RunID: String] = [:]
    private var losses = Losses()
    private var successors = Successors()
    private(set) var finals: [RunID: (state: RunState, version: MirrorVersion)] = [:]
    /// The last record of each attempt's end.
    private(set) var finalAttempts: [AttemptID: (view: AttemptView, version: MirrorVersion)] = [:]
    /// Runs that were in the queue or admitted, and have no final record.
    private(set) var open: Set<RunID> = []

    // Processes.
    private var processes: [AttemptID: (token: Int64, isExclusive: Bool)] = [:]
    private var started: Set<AttemptID> = []
    private var exclusive: [String: AttemptID] = [:]

    // The mirror.
    private var mirrored: [RunID: (version: MirrorVersion, isFinal: Bool)] = [:]
    /// Runs whose history the mirror has lost by being emptied.
    private(set) var forgottenByMirror: Set<RunID> = []
    private(set) var forgottenAttempts: Set<AttemptID> = []

    init(loop: VirtualLoop, wallStart: Int64, sessionTimeout: Int64) {
        self.loop = loop
        self.wallStart = wallStart
        killMargin = (sessionTimeout / 5 + .second) / 100 * 99
    }

    /// The true wall clock, in seconds.
    var second: Int64 { (wallStart + loop.now / 1_000_000) / 1000 }

    func violate(_ invariant: Invariant, _ witness: String) {
        guard violations.count < Self.limit else { return }
        violations.append(Violation(invariant: invariant, at: loop.now, witness: witness))
    }

    // MARK: Transactions

    func committed(_ transaction: CommittedTransaction, _ tree: ZnodeTree) {
        let changes = transaction.changes.map { (kind: $0.kind, path: StorePath($0.path), znode: $0.path) }
        var data: [ZnodePath: [UInt8]] = [:]
        for operation in transaction.operations {
            switch operation {
            case .create(let path, let bytes, _), .set(let path, let bytes, _): data[path] = bytes
            case .delete, .check: break
            }
        }
        judgeTerm(transaction, changes.map { ($0.kind, $0.path) }, data)
        var touched: Set<String> = []
        var taken: Set<AttemptID> = []
        var ended: [ReportName] = []
        var filled: Set<WorkerID> = []
        var gone: [RunID] = []
        let marksBefore = marks
        for (kind, path, znode) in changes {
            guard case .command(let name) = path, kind != .deleted,
                let record = decode(CommandRecord.self, data[znode], znode)
            else { continue }
            losses.commandChanged(name, record, at: transaction.index)
        }
        for (kind, path, znode) in changes {
            switch path {
            case .worker(let id): workerChanged(id, kind, data[znode], transaction)
            case .name(let name):
                touched.insert(name)
                names[name] = kind == .deleted ? nil : decode(JobNameRecord.self, data[znode], znode)
            case .definition(let job, let version, let owner):
                touched.insert(job)
                definitionChanged(job, version, owner, kind, data[znode], znode)
            case .fired(let name): firedChanged(name, data[znode], znode)
            case .entry(let name): entryChanged(name, kind, data[znode], znode, marksBefore)
            case .run(let name):
                runChanged(name, kind, data[znode], znode)
                if kind == .deleted, let run = RunID(name) { gone.append(run) }
            case .assignment(let worker, let attempt):
                if kind == .deleted { taken.insert(attempt) }
                if kind == .created { filled.insert(worker) }
                assignmentChanged(worker, attempt, kind, data[znode], znode, transaction)
            case .report(let name):
                if kind == .created, let report = ReportName(name), report.isEnd { ended.append(report) }
            case .outbox: if kind == .created { outboxed(data[znode], znode) }
            case .term, .master, .pinned, .outcome, .command, .partOfRun, .kill, .other: break
            }
        }
        for report in ended {
            finished(report, isTaken: taken.contains(report.attempt), transaction.index)
        }
        for job in touched.sorted() { judgeName(job) }
        judgeSuccessors(gone)
        for worker in filled.sorted() { judgeSlots(worker) }
        for (name, mark) in marks where marksBefore[name] != mark {
            judgeMark(name, from: marksBefore[name] ?? .max, through: mark)
        }
    }

    private func decode<Record: Decodable>(
        _ type: Record.Type,
        _ data: [UInt8]?,
        _ path: ZnodePath
    ) -> Record? {
        guard let data else { return nil }
        do {
            return try RecordCoding.decode(type, from: data, path: path)
        } catch {
            violate(.health, "\(path) holds what cannot be read: \(error)")
            return nil
        }
    }

    // MARK: The term

    private func judgeTerm(
        _ transaction: CommittedTransaction,
        _ changes: [(ZnodeChange.Kind, StorePath)],
        _ data: [ZnodePath: [UInt8]]
    ) {
        var isElection = false
        var isLeaders = false
        for (kind, path) in changes {
            switch path {
            case .master: isElection = isElection || kind == .created
            case .run, .partOfRun, .outbox, .outcome: isLeaders = true
            case .entry, .report: isLeaders = isLeaders || kind == .deleted
            case .assignment: isLeaders = isLeaders || kind == .created
            default: break
            }
        }
        let sets = transaction.operations.first {
            if case .term = StorePath($0.path), case .set = $0 { return true }
            return false
        }
        if case .set(let path, let bytes, _)? = sets, let record = decode(TermRecord.self, bytes, path) {
            if isElection {
                if record.term <= term { violate(.term, "term \(record.term) comes after term \(term)") }
                leaderSession = transaction.session
                term = record.term
                commit = record.commit
            } else {
                if record.term != term || record.commit != commit + 1 || transaction.session != leaderSession
                {
                    violate(
                        .term,
                        "s\(transaction.session) commits \(record.term)-\(record.commit) after \(term)-\(commit) of "
                            + "s\(leaderSession)"
                    )
                }
                commit = record.commit
            }
        } else if isLeaders {
            violate(.term, "s\(transaction.session) writes what is the leader's without its term")
        }
    }

    // MARK: Workers

    private func workerChanged(
        _ id: WorkerID,
        _ kind: ZnodeChange.Kind,
        _ data: [UInt8]?,
        _ transaction: CommittedTransaction
    ) {
        if kind == .deleted {
            registrations[id] = nil
            owners[id] = nil
            goneAt[id] = loop.now
            return
        }
        if kind == .created {
            owners[id] = transaction.session
            nodes[transaction.session] = id
        }
        if let data {
            do {
                registrations[id] = try CanonicalJSON.decode(WorkerRegistration.self, from: data)
            } catch {
                violate(.health, "the registration of \(id) cannot be read: \(error)")
            }
        }
    }

    func sessionEnded(_ session: Int64, isExpired: Bool) {
        guard isExpired, let (worker, _) = owners.first(where: { $0.value == session }) else { return }
        for (attempt, process) in processes.sorted(by: { $0.key < $1.key })
        where process.isExclusive && placed[attempt]?.worker == worker {
            violate(.lease, "\(attempt.znodeName) runs on when the session of \(worker) ends")
        }
    }

    // MARK: Jobs

    private func definitionChanged(
        _ job: String,
        _ version: Int,
        _ owner: WorkerID,
        _ kind: ZnodeChange.Kind,
        _ data: [UInt8]?,
        _ znode: ZnodePath
    ) {
        guard kind != .deleted else {
            definitions[job]?[owner.description + "@\(version)"] = nil
            return
        }
        definitions[job, default: [:]][owner.description + "@\(version)"] = version
        guard let data else { return }
        do {
            let stored = try DefinitionCoding.decode(data, path: znode)
            successors.jobStored(job, at: loop.now)
            epochs[job] = Epoch(
                version: version,
                definition: stored.definition,
                due: DueTimes(stored.definition, storedAt: stored.storedAt.second.seconds)
            )
        } catch {
            violate(.health, "\(znode) cannot be read: \(error)")
        }
    }

    private func judgeName(_ job: String) {
        let places = definitions[job] ?? [:]
        guard let record = names[job] else {
            if !places.isEmpty {
                violate(.names, "\(job) has definitions \(places.keys.sorted()) and no name")
            }
            epochs[job] = nil
            return
        }
        let expected = record.owner.description + "@\(record.version)"
        if places.count != 1 || places[expected] == nil {
            violate(.names, "\(job) is said to be at \(expected), and is at \(places.keys.sorted())")
        }
    }

    private func firedChanged(_ name: String, _ data: [UInt8]?, _ znode: ZnodePath) {
        guard let record = decode(FiredRecord.self, data, znode) else { return }
        if let mark = marks[name], record.mark.seconds < mark, epochs[name] != nil {
            violate(.firing, "the mark of \(name) goes back from \(mark) to \(record.mark.seconds)")
        }
        marks[name] = record.mark.seconds
    }

    private func judgeMark(_ name: String, from: Int64, through: Int64) {
        // The triggers of a version count from when it was stored; what lies an hour back may be passed over.
        guard let epoch = epochs[name], !epoch.due.isEmpty else { return }
        for time in epoch.due.times(after: max(from, epoch.due.anchor, second - 3_500), through: through)
        where queued[name]?.contains(time) != true {
            violate(.completeness, "\(name) passes \(UnixTime(seconds: time).rfc3339) in silence")
        }
    }

    private func entryChanged(
        _ name: String,
        _ kind: ZnodeChange.Kind,
        _ data: [UInt8]?,
        _ znode: ZnodePath,
        _ marksBefore: [String: Int64]
    ) {
        guard kind == .created, let entry = decode(QueueEntry.self, data, znode) else { return }
        causes[entry.run] = entry.cause.rawValue
        if finals[entry.run] == nil { open.insert(entry.run) }
        guard entry.cause == .schedule else { return }
        let job = entry.run.job.description
        let time = entry.run.logicalTime.seconds
        queued[job, default: []].insert(time)
        if time > second + 3 {
            violate(.firing, "\(entry.run) is queued \(time - second) s before its time")
        }
        if let mark = marksBefore[job], time <= mark {
            violate(.firing, "\(entry.run) is queued again: \(job) had fired up to \(mark)")
        }
    }

    // MARK: Runs

    private func runChanged(_ name: String, _ kind: ZnodeChange.Kind, _ data: [UInt8]?, _ znode: ZnodePath) {
        if kind == .deleted, let run = RunID(name) { paused.remove(run) }
        guard let run = RunID(name), kind != .deleted, let header = decode(Header.self, data, znode) else {
            return
        }
        if header.stop_as != nil { stopped.insert(run) }
        if header.state == RunState.paused.rawValue { paused.insert(run) } else { paused.remove(run) }
        guard kind == .created else { return }
        let job = run.job.description
        if admitted[run] != nil || finals[run] != nil {
            violate(.uniqueness, "\(run) is admitted a second time")
        }
        open.insert(run)
        guard let epoch = epochs[job], definitions[job]?.values.contains(header.job_version) == true,
            epoch.version == header.job_version
        else {
            violate(.version, "\(run) is admitted with version \(header.job_version), which is not current")
            return
        }
        admitted[run] = epoch.definition
        successors.admitted(run, triggersDownstream: header.triggers_downstream, at: loop.now)
    }

    /// After the whole transaction: it may let several runs go that one job comes after.
    private func judgeSuccessors(_ gone: [RunID]) {
        for run in gone { successors.left(run, as: finals[run]?.state) }
        for run in gone {
            for next in successors.following(run, epochs, marks) where causes[next] == nil {
                violate(.successors, "\(run) has succeeded and is gone, and \(next) was not queued")
            }
        }
    }

    private func outboxed(_ data: [UInt8]?, _ znode: ZnodePath) {
        guard let batch = decode(MirrorBatch.self, data, znode) else { return }
        for case .attempt(let run, let view) in batch.records where view.endedAt != nil {
            finalAttempts[view.id(in: run)] = (view, batch.version)
        }
        for case .run(let view, _) in batch.records where view.state.isOver {
            if let known = finals[view.id] {
                violate(
                    .finality,
                    "\(view.id) ends \(view.state.rawValue) after it ended \(known.state.rawValue)"
                )
            }
            finals[view.id] = (view.state, batch.version)
            open.remove(view.id)
        }
    }

    // MARK: Assignments

    private func assignmentChanged(
        _ worker: WorkerID,
        _ attempt: AttemptID,
        _ kind: ZnodeChange.Kind,
        _ data: [UInt8]?,
        _ znode: ZnodePath,
        _ transaction: CommittedTransaction
    ) {
        switch kind {
        case .created:
            judgePlacement(attempt, worker)
            placed[attempt] = Placed(
                worker: worker,
                index: transaction.index,
                isExclusive: decode(Assignment.self, data, znode)?.isExclusive ?? false
            )
            assigned[worker, default: 0] += 1
        case .dataChanged:
            placed[attempt]?.isStarted = true
            // A write of an earlier session of the same node may come late.
            if nodes[transaction.session] != worker {
                violate(.start, "s\(transaction.session) starts \(attempt.znodeName), which is \(worker)'s")
            }
        case .deleted:
            assigned[worker, default: 1] -= 1
            placed[attempt]?.isAssigned = false
            guard transaction.session == leaderSession, isLeaders(transaction) else { return }
            placed[attempt]?.end = "taken"
            // What has not started may be taken back, as when its run is stopped.
            guard let known = placed[attempt], known.isStarted else { return }
            losses.lost(unit(of: attempt), at: transaction.index)
            if registrations[worker] != nil {
                violate(.takeover, "\(attempt.znodeName) is taken from \(worker), which is there")
            } else if known.isExclusive, let gone = goneAt[worker], loop.now - gone < killMargin {
                let milliseconds = (loop.now - gone) / 1_000_000
                violate(.lease, "\(attempt.znodeName) is taken over \(milliseconds) ms after \(worker) went")
            }
        }
    }

    private func isLeaders(_ transaction: CommittedTransaction) -> Bool {
        if case .term? = transaction.operations.first.map({ StorePath($0.path) }) { return true }
        return false
    }

    /// After the whole transaction: it may take one attempt back and place another.
    private func judgeSlots(_ worker: WorkerID) {
        guard let slots = registrations[worker]?.slots, let count = assigned[worker], count > slots else {
            return
        }
        violate(.places, "\(worker) with \(slots) slots has \(count) attempts")
    }

    private func judgePlacement(_ attempt: AttemptID, _ worker: WorkerID) {
        let unit = self.unit(of: attempt)
        let name = attempt.znodeName
        if placed[attempt] != nil { violate(.once, "\(name) is placed a second time") }
        if succeeded.contains(unit) { violate(.fencing, "\(name) is placed after an attempt has succeeded") }
        if let number = latest[unit] {
            let before = AttemptID(run: unit.run, task: unit.task, partition: unit.partition, number: number)
            if number >= attempt.number { violate(.once, "\(name) is placed after number \(number)") }
            if placed[before]?.isAssigned == true {
                violate(.fencing, "\(name) is placed beside number \(number)")
            }
        }
        latest[unit] = attempt.number
        if finals[attempt.run] != nil { violate(.finality, "\(name) is placed after its run is over") }
        if stopped.contains(attempt.run) { violate(.finality, "\(name) is placed after its run was stopped") }
        let task = admitted[attempt.run]?.tasks.first { $0.id == attempt.task }
        if let objection = losses.objection(to: unit, of: task) {
            violate(.loss, "\(name) is placed \(objection)")
        }
        guard let registration = registrations[worker] else {
            violate(.places, "\(name) is placed on \(worker), which is not there")
            return
        }
        if registration.isDraining { violate(.places, "\(name) is placed on \(worker), which drains") }
        judgeNeeds(attempt)
    }

    private func unit(of attempt: AttemptID) -> Unit {
        Unit(run: attempt.run, task: attempt.task, partition: attempt.partition)
    }

    private func judgeNeeds(_ attempt: AttemptID) {
        guard let definition = admitted[attempt.run], causes[attempt.run] != RunCause.retry.rawValue,
            let task = definition.tasks.first(where: { $0.id == attempt.task })
        else { return }
        guard task.effectiveCondition == .allSuccess else { return }
        for need in task.needs ?? [] {
            guard let needed = definition.tasks.first(where: { $0.id == need }),
                needed.effectiveType == .command,
                needed.partitions?.minSuccess == nil
            else { continue }
            for partition in 0..<needed.partitionCount
            where !succeeded.contains(Unit(run: attempt.run, task: need, partition: partition)) {
                violate(.order, "\(attempt.znodeName) is placed before \(need) has succeeded")
                return
            }
        }
    }

    private func finished(_ report: ReportName, isTaken: Bool, _ index: Int) {
        let attempt = report.attempt
        guard isTaken else {
            violate(.fencing, "\(attempt.znodeName) reports \(report.outcome) and keeps its assignment")
            return
        }
        if let end = placed[attempt]?.end {
            violate(.fencing, "\(attempt.znodeName) ends \(report.outcome) after it ended \(end)")
        }
        placed[attempt]?.end = report.outcome
        if report.outcome == AttemptOutcome.lost.rawValue, placed[attempt]?.isStarted == true {
            losses.lost(unit(of: attempt), at: index)
        }
        if report.outcome == AttemptOutcome.succeeded.rawValue {
            succeeded.insert(unit(of: attempt))
        }
    }

    // MARK: Processes

    func process(_ news: ProcessNews) {
        switch news {
        case .started(let attempt, let token, let isExclusive):
            let name = attempt.znodeName
            if placed[attempt]?.isStarted != true {
                violate(.start, "\(name) runs before its start is committed")
            }
            if !started.insert(attempt).inserted { violate(.once, "\(name) is run a second time") }
            processes[attempt] = (token, isExclusive)
            guard isExclusive else { return }
            let key = "\(attempt.run.job)~\(attempt.task)~\(attempt.partition)"
            if let other = exclusive[key] { violate(.exclusion, "\(name) runs beside \(other.znodeName)") }
            exclusive[key] = attempt
        case .ended(let attempt, _):
            processes[attempt] = nil
            let key = "\(attempt.run.job)~\(attempt.task)~\(attempt.partition)"
            if exclusive[key] == attempt { exclusive[key] = nil }
        }
    }

    var liveProcesses: [AttemptID] { processes.keys.sorted() }

    // MARK: The mirror

    func mirrored(_ view: RunView, _ version: MirrorVersion) {
        if let held = mirrored[view.id] {
            if version < held.version {
                violate(.mirror, "\(view.id) goes back from \(held.version) to \(version)")
            }
            if held.isFinal, !view.state.isOver {
                violate(.mirror, "\(view.id) is \(view.state.rawValue) after it was over")
            }
        }
        mirrored[view.id] = (version, view.state.isOver)
    }

    func mirrorEmptied() {
        mirrored = [:]
        forgottenByMirror.formUnion(finals.keys)
        forgottenAttempts.formUnion(finalAttempts.keys)
    }

    /// Whether exclusive attempts are placed on the worker of one of these sessions.
    func holdsExclusive(_ sessions: [Int64]) -> Bool {
        let workers = Set(owners.filter { sessions.contains($0.value) }.keys)
        return placed.values.contains { $0.isExclusive && $0.end == nil && workers.contains($0.worker) }
    }

    // MARK: For the end

    /// Runs in the queue of jobs that come after others.
    var waitingForOthers: [RunID] {
        open.filter { run in
            admitted[run] == nil && epochs[run.job.description]?.definition.after?.isEmpty == false
        }
    }

    var jobs: [String] { names.keys.sorted() }

    func owner(of job: String) -> WorkerID? { names[job]?.owner }

    func version(of job: String) -> Int? { names[job]?.version }
}
