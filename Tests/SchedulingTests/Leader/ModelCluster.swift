import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

/// A leader's core, the store that it writes and the workers that act on it, step by step.
struct ModelCluster {
    var store = ModelStore()
    var core = LeaderCore()
    var now = WallTime(milliseconds: 1_800_000_000_000)
    var random: SeededGenerator
    var budget = PlanBudget()
    private(set) var steps = 0
    private(set) var rejections = 0
    /// By age: an id may be queued again once its entry is gone.
    private var toldQueue: [RunID: Int64] = [:]
    private var toldReports: Set<String> = []
    private var toldCommands: Set<String> = []
    private var requests = 0

    init(seed: UInt64 = 1, workers: Int = 2, slots: Int = 4) {
        random = SeededGenerator(seed: seed)
        core.graphCompleted()
        for number in 0..<workers { join(WorkerID(number: number), slots: slots) }
    }

    // MARK: Definitions and entries

    mutating func define(_ definition: JobDefinition) {
        let known = store.jobs[definition.name]
        if known == nil { store.zxid += 1 }
        store.jobs[definition.name] = KnownJob(
            owner: WorkerID(number: 0),
            job: CompiledJob(definition, version: (known?.job.version ?? 0) + 1),
            createdAt: now,
            storedAt: now,
            creationID: "c",
            age: known?.age ?? store.zxid
        )
        core.jobChanged(definition.name)
        core.dependenciesRead(definition.name, after: (definition.after ?? []).map(\.job))
    }

    @discardableResult
    mutating func enqueue(
        _ name: JobName,
        at seconds: Int64 = 1_800_000_000,
        cause: RunCause = .schedule,
        suffix: String = "",
        priority: Int? = nil,
        _ change: (inout QueueEntry) -> Void = { _ in }
    ) -> RunID {
        let id = RunID(job: name, logicalTime: UnixTime(seconds: seconds), suffix: suffix)
        store.zxid += 1
        var entry = QueueEntry(
            run: id,
            jobVersion: 1,
            cause: cause,
            priority: priority ?? store.jobs[name]?.job.definition.effectivePriority ?? 50,
            queuedAt: now,
            traceID: "t"
        )
        entry.age = store.zxid
        change(&entry)
        store.queue[id] = entry
        return id
    }

    @discardableResult
    mutating func command(_ kind: CommandRequest.Kind) -> String {
        requests += 1
        let id = "request-\(requests)"
        store.commands[id] = CommandRequest(id: id, kind: kind, reason: nil, at: now)
        return id
    }

    // MARK: Workers

    static func registration(slots: Int) -> WorkerRegistration {
        WorkerRegistration(
            incarnation: "i",
            address: "a",
            startedAt: WallTime(milliseconds: 0),
            version: "1",
            tzdata: "",
            pool: JobDefinition.defaultPool,
            labels: [:],
            slots: slots,
            cpuCount: 4,
            memoryBytes: 8 << 30,
            isDraining: false,
            takesWork: true
        )
    }

    mutating func join(
        _ id: WorkerID,
        slots: Int = 4,
        isHeard: Bool = true,
        _ change: (inout WorkerRegistration) -> Void = { _ in }
    ) {
        var registration = Self.registration(slots: slots)
        change(&registration)
        store.directories.insert(id)
        // Like the store's: each registration begins at the same version.
        let version: Int32 = 0
        store.workers[id] = (registration, version)
        store.assignVersions[id, default: -1] += 1
        // It has compared what it runs with what is assigned to it.
        store.ghosts.removeAll { $0.worker == id }
        if isHeard {
            core.workerPresent(id, registration, version: version, assignVersion: store.assignVersions[id])
        }
    }

    /// The registration changes, and the leader does not hear of it yet.
    mutating func drainSilently(_ id: WorkerID) {
        store.workers[id]?.registration.isDraining = true
        store.workers[id]?.version += 1
    }

    mutating func die(_ id: WorkerID, isHeard: Bool = true) {
        if store.workers.removeValue(forKey: id) != nil {
            for (attempt, assigned) in store.assignments
            where assigned.worker == id && assigned.isExclusive && assigned.isStarted {
                store.ghosts.append(.init(worker: id, unit: ModelStore.exclusiveUnit(attempt)))
            }
        }
        if isHeard { core.workerGone(id, assignVersion: store.assignVersion(id)) }
    }

    /// The kill margins of all absences that the leader knows of are over.
    /// With `endsGhosts` false, what may run of a later absence, which the leader has not heard of, runs on.
    mutating func passKillMargins(endsGhosts ghosts: Bool = true) {
        for (id, worker) in core.workers {
            guard let absence = worker.absence else { continue }
            if ghosts { store.ghosts.removeAll { $0.worker == id } }
            core.killMarginPassed(id, absence: absence)
        }
    }

    func live(on worker: WorkerID? = nil) -> [AttemptID] {
        store.assignments.filter { worker == nil || $0.value.worker == worker }.map(\.key).sorted()
    }

    /// T4.
    mutating func start(_ id: AttemptID) {
        guard let assigned = store.assignments[id], !assigned.isStarted else { return }
        store.assignments[id]?.isStarted = true
        store.assignments[id]?.startedAt = now
        let name = "\(id.znodeName).started"
        store.reports[name] = Report(attempt: id, event: .started, startedAt: now, bucket: 0, znodeName: name)
    }

    /// T5.
    mutating func end(
        _ id: AttemptID,
        _ outcome: AttemptOutcome = .succeeded,
        outputs: [String: String] = [:]
    ) {
        guard let assigned = store.assignments.removeValue(forKey: id) else { return }
        let name = "\(id.znodeName).\(outcome.rawValue)"
        var report = Report(
            attempt: id,
            event: .ended(outcome),
            startedAt: assigned.startedAt,
            endedAt: now,
            exitCode: outcome == .succeeded ? 0 : 1,
            outputs: outputs,
            bucket: 0,
            znodeName: name
        )
        report.stamp = AssignmentStamp(token: assigned.token, assignedAt: assigned.assignedAt)
        store.reports[name] = report
        store.kills[id] = nil
    }

    /// Starts and ends everything that is assigned, until nothing is.
    mutating func runAll(_ outcome: AttemptOutcome = .succeeded) {
        settle()
        var rounds = 0
        while !store.assignments.isEmpty, rounds < 2_000 {
            rounds += 1
            for id in live() {
                start(id)
                end(id, store.kills[id] == nil ? outcome : .killed)
            }
            settle()
        }
    }

    private static func asAsked(
        _ left: (key: String, value: CommandRequest),
        _ right: (key: String, value: CommandRequest)
    ) -> Bool {
        (left.key.utf8.count, left.key) < (right.key.utf8.count, right.key)
    }

    // MARK: The leader

    /// Tells the core what is new in its mailboxes.
    mutating func deliver() {
        for (name, report) in store.reports.sorted(by: { $0.key < $1.key })
        where toldReports.insert(name).inserted {
            core.reported(report)
        }
        let new = store.queue.values.sorted { $0.run < $1.run }.filter {
            toldQueue.updateValue($0.age, forKey: $0.run) != $0.age
        }
        for entry in new { core.queued(entry) }
        toldQueue = toldQueue.filter { store.queue[$0.key] != nil }
        for (id, command) in store.commands.sorted(by: Self.asAsked) where toldCommands.insert(id).inserted {
            core.commanded(command)
        }
    }

    mutating func answer(_ lookups: [LeaderLookup]) {
        for lookup in lookups {
            switch lookup {
            case .job(let name): core.jobRead(name, store.jobs[name])
            case .outcomes(let name): core.outcomesRead(name, store.outcomes[name])
            case .worker(let id):
                if let worker = store.workers[id] {
                    core.workerPresent(
                        id,
                        worker.registration,
                        version: worker.version,
                        assignVersion: store.assignVersions[id]
                    )
                } else {
                    core.workerGone(id, assignVersion: store.assignVersion(id))
                }
            }
        }
    }

    /// Plans and commits once.
    @discardableResult
    mutating func step() -> LeaderPlan {
        steps += 1
        var draft = core
        let plan = draft.plan(now: now, budget: budget, random: &random)
        do throws(ModelStore.Failure) {
            try store.apply(plan, now: now)
            draft.committed(plan, zxid: store.zxid)
            core = draft
        } catch {
            rejections += 1
            let isExplained = core.rejected(error.operation, reason: error.reason)
            #expect(isExplained, "unexplained: \(error.operation) \(error.reason)")
        }
        answer(plan.lookups)
        return plan
    }

    /// Goes on until the leader has nothing to do now.
    mutating func settle(limit: Int = 3_000) {
        for _ in 0..<limit {
            deliver()
            let plan = step()
            forgetEmptied()
            let isAwaited = plan.wakeAt.map { $0 > now } ?? true
            if plan.isEmpty, plan.lookups.isEmpty, isAwaited { return }
        }
        Issue.record("the leader does not come to rest")
    }

    /// What the mover of jobs does for a worker that is gone.
    mutating func forgetEmptied() {
        for worker in core.emptied.sorted() {
            for (attempt, kill) in store.kills where kill.worker == worker { store.kills[attempt] = nil }
            guard !store.assignments.values.contains(where: { $0.worker == worker }) else { continue }
            if store.workers[worker] == nil { store.directories.remove(worker) }
            core.workerForgotten(worker)
        }
    }

    /// Lets time pass.
    mutating func pass(_ milliseconds: Int64) {
        now = now + milliseconds
    }

    /// A new leader: all that is known is read again.
    mutating func newTerm() {
        core = recovered()
        toldReports = Set(store.reports.keys)
        toldQueue = store.queue.mapValues(\.age)
        toldCommands = Set(store.commands.keys)
    }

    /// A core built from what the store holds, told all facts: the reports in the order in which another core holds them,
    /// where given. Of a lost partition that holds its run and another that fails it, the first one decides.
    func recovered(like other: LeaderCore? = nil) -> LeaderCore {
        var core = LeaderCore(snapshot: store.snapshot)
        for id in store.directories.union(store.workers.keys).sorted() {
            if let worker = store.workers[id] {
                core.workerPresent(
                    id,
                    worker.registration,
                    version: worker.version,
                    assignVersion: store.assignVersions[id]
                )
            } else {
                core.workerGone(id, assignVersion: store.assignVersion(id))
            }
        }
        let names = other?.reports.map(\.znodeName) ?? []
        func place(_ name: String) -> (Int, String) { (names.firstIndex(of: name) ?? names.count, name) }
        for (_, report) in store.reports.sorted(by: { place($0.key) < place($1.key) }) {
            core.reported(report)
        }
        for entry in store.queue.values.sorted(by: { $0.run < $1.run }) { core.queued(entry) }
        for (_, command) in store.commands.sorted(by: Self.asAsked) { core.commanded(command) }
        for (name, job) in store.jobs {
            core.dependenciesRead(name, after: (job.job.definition.after ?? []).map(\.job))
        }
        core.graphCompleted()
        return core
    }
}

extension LeaderCore {
    /// What is derived and does not equal a count from scratch.
    var miscounts: [String] {
        var found: [String] = []
        var running: [WorkerID: Int] = [:]
        var active: [JobName: Int] = [:]
        var ready: Set<RunID> = []
        for run in runs.values {
            var counted = run
            counted.recount()
            if counted.ready != run.ready {
                found.append("\(run.id): ready \(run.ready), counted \(counted.ready)")
            }
            if counted.openUnits != run.openUnits { found.append("\(run.id): open \(run.openUnits)") }
            if counted.liveUnits != run.liveUnits { found.append("\(run.id): live \(run.liveUnits)") }
            for (index, progress) in run.progress.enumerated() {
                let other = counted.progress[index]
                if (progress.open, progress.active, progress.live) != (other.open, other.active, other.live) {
                    found.append("\(run.id): progress of task \(index) \(progress), counted \(other)")
                }
            }
            if !run.ready.isEmpty { ready.insert(run.id) }
            if !run.state.isOver { active[run.id.job, default: 0] += 1 }
            for (unit, state) in run.units.enumerated() where state.state.hasLiveAttempt {
                running[WorkerID(number: state.worker), default: 0] += 1
                if attempts[run.id]?[unit] == nil, !reportExpected.contains(run.attemptID(unit: unit)) {
                    found.append("\(run.id): unit \(unit) has no live attempt")
                }
            }
            for unit in (attempts[run.id] ?? [:]).keys where !run.units[unit].state.hasLiveAttempt {
                found.append("\(run.id): unit \(unit) has a live attempt")
            }
        }
        for (id, worker) in workers where worker.running != running[id] ?? 0 {
            found.append("\(id): running \(worker.running), counted \(running[id] ?? 0)")
        }
        for (id, places) in held where places.count != running[id] ?? 0 {
            found.append("\(id): held \(places.count)")
        }
        if Dictionary(uniqueKeysWithValues: activeRuns.map { ($0.key, $0.value) }) != active {
            found.append("active runs \(activeRuns), counted \(active)")
        }
        if Set(readyOrder.elements().map(\.run)) != ready { found.append("the order of ready runs") }
        let parkedRuns = Set(parked.values.joined()).filter { queue[$0] != nil }
        if Set(queueOrder.elements().map(\.run)).union(parkedRuns) != Set(queue.keys) {
            found.append("the order of the queue")
        }
        if queueOrder.count != queueOrder.elements().reduce(0, { count, _ in count + 1 }) {
            found.append("the length of the queue")
        }
        return found
    }
}

/// Definitions for tests.
enum Jobs {
    static func name(_ text: String) -> JobName {
        do { return try JobName(text) } catch { fatalError("\(error)") }
    }

    static func task(_ text: String) -> TaskID {
        do { return try TaskID(text) } catch { fatalError("\(error)") }
    }

    /// One task `t` that runs `true`.
    static func single(
        _ text: String,
        _ change: (inout JobDefinition) -> Void = { _ in },
        task taskChange: (inout TaskDefinition) -> Void = { _ in }
    ) -> JobDefinition {
        flow(text, ["t": []], change) { _, task in taskChange(&task) }
    }

    /// Tasks by id with what each needs.
    static func flow(
        _ text: String,
        _ edges: KeyValuePairs<String, [String]>,
        _ change: (inout JobDefinition) -> Void = { _ in },
        task taskChange: (String, inout TaskDefinition) -> Void = { _, _ in }
    ) -> JobDefinition {
        var tasks: [TaskDefinition] = []
        for (id, needs) in edges {
            var definition = TaskDefinition(
                id: task(id),
                run: .argv(["true"]),
                needs: needs.isEmpty ? nil : needs.map { task($0) }
            )
            taskChange(id, &definition)
            tasks.append(definition)
        }
        var definition = JobDefinition(name: name(text), tasks: tasks)
        change(&definition)
        return definition
    }
}
