import Cron
package import HashTreeCollections

/// What a new term reads before it decides.
package struct LeaderSnapshot: Sendable {
    package struct LiveAssignment: Hashable, Sendable {
        package var attempt: AttemptID
        package var worker: WorkerID
        package var isStarted: Bool
        package var assignedAt: WallTime
        /// `nil` where it has not started.
        package var startedAt: WallTime?
        package var token: Int64

        package init(
            attempt: AttemptID,
            worker: WorkerID,
            isStarted: Bool,
            assignedAt: WallTime,
            startedAt: WallTime?,
            token: Int64
        ) {
            self.attempt = attempt
            self.worker = worker
            self.isStarted = isStarted
            self.assignedAt = assignedAt
            self.startedAt = startedAt
            self.token = token
        }
    }

    package var runs: [LiveRun]
    package var assignments: [LiveAssignment]
    /// Attempts that a kill request exists for.
    package var kills: [AttemptID]
    /// Workers whose directory of assignments exists, present or not.
    package var knownWorkers: [WorkerID]

    package init(
        runs: [LiveRun],
        assignments: [LiveAssignment],
        kills: [AttemptID] = [],
        knownWorkers: [WorkerID]
    ) {
        self.runs = runs
        self.assignments = assignments
        self.kills = kills
        self.knownWorkers = knownWorkers
    }
}

/// Decides as the leader: takes facts, returns transactions. No clock, no input or output, no randomness of its own.
///
/// The caller works on a copy: `var draft = core; let plan = draft.plan(…)`. When the plan is committed the draft
/// becomes the core; when it is rejected the draft is dropped and `rejected(_:reason:)` tells the core which fact was
/// wrong. So the core only ever holds what the store holds. Copies share structure and are cheap.
package struct LeaderCore: Sendable {
    /// What is known of a live attempt beyond its unit.
    struct LiveAttempt: Sendable {
        var assignedAt: WallTime
        var startedAt: WallTime?
        var token: Int64?
    }

    struct QueuedItem: Sendable, Comparable {
        var key: OrderKey
        var run: RunID

        static func < (left: QueuedItem, right: QueuedItem) -> Bool {
            left.key == right.key ? left.run < right.run : left.key < right.key
        }
    }

    struct TimedRun: Sendable, Comparable {
        var at: Int64
        var run: RunID

        static func < (left: TimedRun, right: TimedRun) -> Bool {
            left.at == right.at ? left.run < right.run : left.at < right.at
        }
    }

    /// What must never run twice at once: a task (or partition) of a job, whatever the run.
    struct ExclusiveUnit: Sendable, Hashable {
        var job: JobName
        var task: TaskID
        var partition: Int
    }

    /// A unit with a live attempt.
    struct HeldUnit: Sendable, Hashable, Comparable {
        var run: RunID
        var unit: Int

        static func < (left: HeldUnit, right: HeldUnit) -> Bool {
            left.run == right.run ? left.unit < right.unit : left.run < right.run
        }
    }

    struct KnownOutcomes: Sendable {
        var record: OutcomeRecord
        var exists: Bool
    }

    package internal(set) var runs: TreeDictionary<RunID, LiveRun> = [:]
    package internal(set) var workers: TreeDictionary<WorkerID, WorkerState> = [:]
    package internal(set) var queue: TreeDictionary<RunID, QueueEntry> = [:]
    package internal(set) var isPaused = false
    /// Whether the records that wait for the mirror are as many as may be: nothing is placed then.
    package internal(set) var isOutboxFull = false
    /// The most runs that live at once. While there are that many nothing is admitted.
    package var maximumLiveRuns = defaultMaximumLiveRuns
    package internal(set) var graph = DependencyGraph()
    package internal(set) var isGraphComplete = false

    var attempts: TreeDictionary<RunID, TreeDictionary<Int, LiveAttempt>> = [:]
    /// Queue entries that may be admitted, in order.
    var queueOrder = SortedChunks<QueuedItem>()
    /// Live runs with units that wait for a place, in order.
    var readyOrder = SortedChunks<QueuedItem>()
    /// Where the last plan stopped looking, when it did not reach the end.
    var queueCursor: QueuedItem?
    var readyCursor: QueuedItem?
    /// What each worker holds, whether the worker is known or not.
    var held: TreeDictionary<WorkerID, TreeSet<HeldUnit>> = [:]
    /// Queue entries that wait for these jobs to succeed.
    var parked: TreeDictionary<JobName, [RunID]> = [:]
    /// Under which jobs entries of a job are parked, and may be no more.
    var parkedUnder: TreeDictionary<JobName, Set<JobName>> = [:]
    var jobs: TreeDictionary<JobName, KnownJob> = [:]
    var missingJobs: TreeSet<JobName> = []
    var outcomes: TreeDictionary<JobName, KnownOutcomes> = [:]
    var activeRuns: TreeDictionary<JobName, Int> = [:]
    /// Reports in the order of their arrival; those before `reportsTaken` are consumed. A plan only moves the mark, so
    /// that it copies nothing.
    var reports: [Report] = []
    var reportsTaken = 0
    /// The znodes of `reports`: a mailbox may be listed again after an error.
    private var reportNames: Set<String> = []
    /// Consumed `started` reports whose znodes go with a later commit.
    var consumedStarts: [AttemptID: Report] = [:]
    var commands: [CommandRequest] = []
    /// Workers that came back or are new: their kill requests are to be looked after.
    var returned: TreeSet<WorkerID> = []
    /// Workers that are gone and whose attempts are still to be taken over.
    var reclaiming: TreeSet<WorkerID> = []
    /// Workers that were gone and of which nothing is left; true where one may have been here again, and is looked for.
    private var forgotten: TreeDictionary<WorkerID, Bool> = [:]
    /// Attempts whose assignment was found gone: their report is under way, they are not to be taken over.
    var reportExpected: Set<AttemptID> = []
    /// Ended runs whose dependents are still to be started.
    var triggering: [RunID] = []
    var duplicates: [RunID] = []
    /// Workers that are gone and hold no attempt any more; their jobs may be moved and their directories removed.
    package internal(set) var emptied: TreeSet<WorkerID> = []
    /// The soonest moment at which time alone changes a run.
    var timers = SortedChunks<TimedRun>()
    private var timerOf: TreeDictionary<RunID, Int64> = [:]
    var lookups: Set<LeaderLookup> = []

    package init() {}

    /// Rebuilds the core at the start of a term. Facts that follow bring workers, reports, the queue and the graph.
    package init(snapshot: LeaderSnapshot) {
        for worker in snapshot.knownWorkers { know(worker) }
        var assigned: [AttemptID: LeaderSnapshot.LiveAssignment] = [:]
        for assignment in snapshot.assignments { assigned[assignment.attempt] = assignment }
        killsSent = Set(snapshot.kills)
        for run in snapshot.runs.sorted(by: { $0.id < $1.id }) {
            var run = run
            for unit in run.units.indices where run.units[unit].state.hasLiveAttempt {
                let id = run.attemptID(unit: unit)
                guard let assignment = assigned[id] else {
                    // The worker has finished it: its report is in the mailbox.
                    reportExpected.insert(id)
                    continue
                }
                if assignment.isStarted, run.units[unit].state == .assigned {
                    run.units[unit].state = .running
                }
                run.units[unit].worker = assignment.worker.number
                attempts[run.id, default: [:]][unit] = LiveAttempt(
                    assignedAt: assignment.assignedAt,
                    startedAt: assignment.startedAt,
                    token: assignment.token
                )
            }
            run.recount()
            runs[run.id] = run
            if run.state.isOver { triggering.append(run.id) } else { noteActive(run.job.definition.name, 1) }
            noteTimer(run)
            if !run.ready.isEmpty { readyOrder.insert(QueuedItem(key: run.orderKey, run: run.id)) }
            for unit in run.units.indices where run.units[unit].state.hasLiveAttempt {
                reserve(run, unit: unit, sign: 1)
            }
        }
        triggering.sort { left, right in
            let (leftEnd, rightEnd) = (runs[left]?.endedAt, runs[right]?.endedAt)
            guard let leftEnd, let rightEnd, leftEnd != rightEnd else { return left < right }
            return leftEnd < rightEnd
        }
        killsSent = killsSent.filter { id in
            guard let run = runs[id.run], let unit = run.job.unit(task: id.task, partition: id.partition)
            else {
                return false
            }
            return run.units[unit].attempt == id.number && run.units[unit].state.hasLiveAttempt
        }
    }

    package static var defaultMaximumLiveRuns: Int { 100_000 }
    /// How many names of jobs that do not exist are remembered.
    static var missingJobsLimit: Int { 10_000 }

    // MARK: Facts

    /// A worker's registration was read. `assignVersion` is that of the directory of its assignments, read before.
    package mutating func workerPresent(
        _ id: WorkerID,
        _ registration: WorkerRegistration,
        version: Int32,
        assignVersion: Int32?
    ) {
        forgotten[id] = nil
        know(id)
        workers[id]?.registration = registration
        workers[id]?.version = version
        workers[id]?.isPresent = true
        workers[id]?.absence = nil
        workers[id]?.assignVersion = assignVersion
        workers[id]?.isKillMarginOver = false
        reclaiming.remove(id)
        emptied.remove(id)
        returned.insert(id)
    }

    /// A worker's registration is gone. Returns the number of its absence where it has just begun: the caller says when the
    /// kill margin is over since then. `assignVersion` is that of the directory of its assignments, read *before* the
    /// registration was seen missing; `nil` where there is none, and so nothing to take over.
    @discardableResult
    package mutating func workerGone(_ id: WorkerID, assignVersion: Int32?) -> Int? {
        // Of one that was taken over nothing is left, unless it has been here again. What says so may have been read before:
        // a second look does not lie.
        if let isLookedFor = forgotten[id] {
            guard assignVersion != nil, isLookedFor else {
                forgotten[id] = assignVersion != nil
                if assignVersion != nil { lookups.insert(.worker(id)) }
                return nil
            }
            forgotten[id] = nil
        }
        know(id)
        workers[id]?.isPresent = false
        workers[id]?.version = nil
        workers[id]?.resources = nil
        reclaiming.insert(id)
        // Another version: it was here in between, and this is another absence.
        guard workers[id]?.absence == nil || workers[id]?.assignVersion != assignVersion else { return nil }
        workers[id]?.assignVersion = assignVersion
        lastAbsence += 1
        workers[id]?.absence = lastAbsence
        workers[id]?.isKillMarginOver = false
        return lastAbsence
    }

    /// The kill margin is over since an absence began: what the worker ran of exclusive attempts is dead by now.
    package mutating func killMarginPassed(_ id: WorkerID, absence: Int) {
        if workers[id]?.absence == absence { workers[id]?.isKillMarginOver = true }
    }

    /// A person has declared these workers gone for good, if they are gone.
    package mutating func gaveUp(_ ids: Set<WorkerID>) {
        givenUp = ids
    }

    package mutating func resourcesMeasured(_ id: WorkerID, _ resources: ResourceReport?) {
        workers[id]?.resources = resources
    }

    package mutating func queued(_ entry: QueueEntry) {
        alreadyEnqueued.remove(entry.run)
        guard queue[entry.run] == nil else { return }
        queue[entry.run] = entry
        queueOrder.insert(queueItem(entry))
        // That there is no such job may have been read before it was submitted.
        missingJobs.remove(entry.run.job)
    }

    package mutating func reported(_ report: Report) {
        if reportsTaken > 256, reportsTaken * 2 > reports.count {
            for taken in reports[..<reportsTaken] { reportNames.remove(taken.znodeName) }
            reports.removeFirst(reportsTaken)
            reportsTaken = 0
        }
        // Its znode is there until the next commit of its run, and a mailbox that is listed again tells of it again.
        guard consumedStarts[report.attempt]?.znodeName != report.znodeName else { return }
        if !reportNames.insert(report.znodeName).inserted {
            // One that waits is known. One that was consumed has been written again since: by a worker whose answer was lost.
            guard !reports[reportsTaken...].contains(where: { $0.znodeName == report.znodeName }) else {
                return
            }
        }
        reports.append(report)
    }

    package mutating func commanded(_ command: CommandRequest) {
        guard !commands.contains(where: { $0.id == command.id }) else { return }
        commands.append(command)
        // What was known of the jobs may have been read before the request was made.
        switch command.kind {
        case .deleteJob(let name, _, _), .learnJob(let name): jobChanged(name)
        case .replaceJob(let definition, _, _):
            jobChanged(definition.name)
            for upstream in definition.after ?? [] { missingJobs.remove(upstream.job) }
        case .cancel, .kill, .pause, .resume: break
        }
    }

    package mutating func paused(_ isPaused: Bool) {
        self.isPaused = isPaused
    }

    package mutating func outboxFilled(_ isFull: Bool) {
        isOutboxFull = isFull
    }

    /// The answer to `LeaderLookup.job`; `nil` when there is no such job.
    package mutating func jobRead(_ name: JobName, _ job: KnownJob?) {
        jobs[name] = job
        unpark(name)
        if job == nil {
            // What is forgotten here is read again when it is asked for.
            if missingJobs.count >= Self.missingJobsLimit { missingJobs = [] }
            missingJobs.insert(name)
        } else {
            missingJobs.remove(name)
        }
    }

    /// The definition changed, moved or vanished: what was known of it is read again when it is needed.
    package mutating func jobChanged(_ name: JobName) {
        jobs[name] = nil
        missingJobs.remove(name)
        unpark(name)
    }

    package mutating func outcomesRead(_ name: JobName, _ record: OutcomeRecord?) {
        outcomes[name] = KnownOutcomes(record: record ?? OutcomeRecord(), exists: record != nil)
    }

    package mutating func dependenciesRead(_ name: JobName, after: [JobName]) {
        graph.set(name, after: after)
    }

    package mutating func graphCompleted() {
        isGraphComplete = true
    }

    /// Everything of a worker that was gone is taken over.
    package mutating func workerForgotten(_ id: WorkerID) {
        // It may have come back while its jobs were being moved.
        if workers[id]?.isPresent != true {
            workers[id] = nil
            forgotten[id] = false
        }
        reclaiming.remove(id)
        emptied.remove(id)
    }

    /// The plan that made this core was committed in this transaction of the store.
    package mutating func committed(_ plan: LeaderPlan, zxid: Int64) {
        for (run, unit) in plan.assigned {
            attempts[run]?[unit]?.token = zxid
        }
    }

    /// An operation failed, and with it the plan. Returns false when the core cannot explain it: the term is over.
    package mutating func rejected(_ operation: LeaderOperation, reason: Rejection) -> Bool {
        switch (operation, reason) {
        case (.checkDefinition(let name, _, _), _):
            jobChanged(name)
        case (.checkWorker(let id, _, _), _), (.createAssignment(_, let id, _), .missing):
            workers[id]?.version = nil
            lookups.insert(.worker(id))
        case (.deleteQueueEntry(let run), .missing):
            removeFromQueue(run)
        case (.createRun(let run), .exists):
            duplicates.append(run.id)
        case (.enqueue(let entry), .exists):
            alreadyEnqueued.insert(entry.run)
        case (.checkAbsence(let id, _), _):
            // It has registered, and what it runs is its own again until it is seen absent anew.
            workers[id]?.assignVersion = nil
            lookups.insert(.worker(id))
        case (.withdrawAssignment(let attempt, _), .version):
            foundStarted.insert(attempt)
        case (.deleteAssignment(let attempt, _), .missing), (.withdrawAssignment(let attempt, _), .missing):
            reportExpected.insert(attempt)
        case (.deleteReport(let bucket, let name), .missing):
            reports.removeSubrange(..<reportsTaken)
            reportsTaken = 0
            reports.removeAll { $0.bucket == bucket && $0.znodeName == name }
            reportNames = Set(reports.map(\.znodeName))
            consumedStarts = consumedStarts.filter { $0.value.znodeName != name }
        case (.createKill(let attempt, _, _), .exists):
            killsSent.insert(attempt)
        case (.deleteKill(let attempt, _), .missing):
            killsSent.remove(attempt)
        case (.setVerdict(let request, _), .missing), (.setVerdict(let request, _), .version):
            commands.removeAll { $0.id == request }
        case (.deleteJob(let known), _), (.replaceJob(let known, _), _):
            jobChanged(known.job.definition.name)
        case (.moveJob(let move), _):
            jobChanged(move.name)
        case (.deletePinned, _), (.forgetWorker, _):
            break
        case (.setOutcomes(let name, _, _), _):
            outcomes[name] = nil
        default:
            return false
        }
        return true
    }

    /// Attempts that a `kill` znode exists for.
    var killsSent: Set<AttemptID> = []
    /// Attempts of stopped runs whose workers are still to be asked to stop them, by unit; true where an earlier, softer
    /// request is replaced. Another term asks those that have no request yet when it sees their workers.
    var unasked: [RunID: [Int: Bool]] = [:]
    /// Live attempts of exclusive units, with the run that each belongs to.
    var exclusiveHolders: TreeDictionary<ExclusiveUnit, RunID> = [:]
    /// Workers that a person has declared gone for good: they do not count for safe mode.
    package internal(set) var givenUp: Set<WorkerID> = []
    private var lastAbsence = 0
    /// Live attempts that were found started before their report came.
    var foundStarted: Set<AttemptID> = []
    /// The latest attempts that were taken over in this term, as they were shown.
    var takenOver = RecentAttempts()
    /// Dependents' runs that are in the queue and have not been read from it yet.
    var alreadyEnqueued: Set<RunID> = []

    /// Why the store refused an operation.
    package enum Rejection: Hashable, Sendable {
        case missing, exists, version, other
    }

    // MARK: Bookkeeping

    private mutating func know(_ id: WorkerID) {
        guard workers[id] == nil else { return }
        workers[id] = WorkerState(
            registration: WorkerRegistration(
                incarnation: "",
                address: "",
                startedAt: WallTime(milliseconds: 0),
                version: "",
                tzdata: "",
                pool: JobDefinition.defaultPool,
                labels: [:],
                slots: 0,
                cpuCount: 0,
                memoryBytes: 0,
                isDraining: false,
                takesWork: false
            ),
            version: nil,
            isPresent: false
        )
        for place in held[id] ?? [] {
            if let run = runs[place.run] { charge(id, request(run, unit: place.unit), sign: 1) }
        }
    }

    func queueItem(_ entry: QueueEntry) -> QueuedItem {
        QueuedItem(
            key: OrderKey(
                priority: entry.priority,
                logicalTime: entry.run.logicalTime.seconds,
                age: entry.age
            ),
            run: entry.run
        )
    }

    mutating func removeFromQueue(_ run: RunID) {
        guard let entry = queue[run] else { return }
        queue[run] = nil
        queueOrder.remove(queueItem(entry))
    }

    mutating func noteActive(_ job: JobName, _ change: Int) {
        let count = (activeRuns[job] ?? 0) + change
        activeRuns[job] = count == 0 ? nil : count
    }

    /// Remembers the soonest moment at which a unit of this run may be tried again, or the run times out.
    mutating func noteTimer(_ run: LiveRun) {
        var soonest = Int64.max
        if !run.state.isOver {
            for unit in run.units where unit.state == .retrying { soonest = min(soonest, unit.retryAt) }
            if let timeout = run.job.definition.timeout, run.stopAs == nil {
                soonest = min(soonest, run.startedAt.milliseconds + timeout.milliseconds)
            }
        }
        setTimer(run.id, soonest == .max ? nil : soonest)
    }

    mutating func setTimer(_ run: RunID, _ at: Int64?) {
        let old = timerOf[run]
        guard old != at else { return }
        if let old { timers.remove(TimedRun(at: old, run: run)) }
        timerOf[run] = at
        if let at { timers.insert(TimedRun(at: at, run: run)) }
    }

    /// Brings the timer of a run forward.
    mutating func setTimer(_ run: RunID, notAfter at: Int64) {
        if (timerOf[run] ?? .max) > at { setTimer(run, at) }
    }

    /// Counts what an attempt takes on its worker, or gives it back.
    mutating func reserve(_ run: LiveRun, unit: Int, sign: Int) {
        let id = WorkerID(number: run.units[unit].worker)
        let place = HeldUnit(run: run.id, unit: unit)
        if sign > 0 {
            held[id, default: []].insert(place)
        } else {
            held[id]?.remove(place)
            if held[id]?.isEmpty == true { held[id] = nil }
        }
        charge(id, request(run, unit: unit), sign: sign)
        if let key = exclusiveUnit(run.job, unit: unit) { exclusiveHolders[key] = sign > 0 ? run.id : nil }
    }

    /// What must not run twice at once of a unit; `nil` where its task is not exclusive.
    func exclusiveUnit(_ job: CompiledJob, unit: Int) -> ExclusiveUnit? {
        let task = job.tasks[job.taskIndex(ofUnit: unit)]
        guard task.definition.exclusive == true else { return nil }
        return ExclusiveUnit(
            job: job.definition.name,
            task: task.definition.id,
            partition: unit - task.units.lowerBound
        )
    }

    private func request(_ run: LiveRun, unit: Int) -> Placement.Request {
        Placement.Request(
            job: run.job.definition,
            task: run.job.tasks[run.job.taskIndex(ofUnit: unit)].definition
        )
    }

    private mutating func charge(_ id: WorkerID, _ request: Placement.Request, sign: Int) {
        guard workers[id] != nil else { return }
        workers[id]?.running += sign
        workers[id]?.reservedMemoryBytes += Int64(sign) * request.memoryBytes
        workers[id]?.reservedCPU += Double(sign) * request.cpu
        // Fractions of a core do not add up to nothing exactly.
        if workers[id]?.running == 0 { workers[id]?.reservedCPU = 0 }
    }

    /// Three or more known workers and fewer than half of them present: nothing is taken over until some return, or a
    /// person gives up those that are gone.
    package var isSafeMode: Bool {
        let known = workers.count { $0.value.isPresent || !givenUp.contains($0.key) }
        let present = workers.values.count { $0.isPresent }
        return known >= 3 && present * 2 < known
    }
}
