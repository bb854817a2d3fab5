import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

/// Random jobs, workers and faults against the model store.
@Suite struct LeaderPropertyTests {
    @Test(arguments: SeededGenerator.seeds(40))
    func whateverHappensTheInvariantsHold(_ seed: UInt64) {
        var world = RandomWorld(seed: seed)
        world.defineJobs()
        for step in 0..<250 {
            world.act()
            let found = world.cluster.core.miscounts + world.cluster.store.violations
            guard found.isEmpty else {
                Issue.record("SKYFIRE_SEED=\(seed) step \(step): \(found)")
                return
            }
            if step % 10 == 9 {
                let difference = world.recoveryDifference()
                guard difference.isEmpty else {
                    Issue.record("SKYFIRE_SEED=\(seed) step \(step): a new term would differ: \(difference)")
                    return
                }
            }
        }
        world.calmDown()
        let store = world.cluster.store
        #expect(store.runs.isEmpty, "SKYFIRE_SEED=\(seed): runs that never end: \(store.runs.keys.sorted())")
        let stuck = store.queue.values.filter { !world.waitsForever($0) }.map(\.run)
        #expect(stuck.isEmpty, "SKYFIRE_SEED=\(seed): entries that never leave: \(stuck)")
        #expect(store.assignments.isEmpty && store.reports.isEmpty, "SKYFIRE_SEED=\(seed)")
        let found = world.cluster.core.miscounts + store.violations
        #expect(found.isEmpty, "SKYFIRE_SEED=\(seed): \(found)")
        let unseen = world.entered.filter { store.finalRuns[$0] == nil && store.queue[$0] == nil }
        #expect(unseen.isEmpty, "SKYFIRE_SEED=\(seed): entries without a record: \(unseen)")
    }
}

/// What happens around a leader, drawn from a seed.
struct RandomWorld {
    var cluster: ModelCluster
    private var draw: SeededGenerator
    private var names: [JobName] = []
    private var seconds: Int64 = 1_800_000_000
    private(set) var entered: Set<RunID> = []
    /// Workers whose end the leader has not heard of.
    private var unheard: Set<WorkerID> = []
    private let workerCount: Int

    init(seed: UInt64) {
        draw = SeededGenerator(seed: seed)
        workerCount = Int.random(in: 1...5, using: &draw)
        cluster = ModelCluster(seed: seed, workers: workerCount, slots: Int.random(in: 1...4, using: &draw))
        if Bool.random(using: &draw) {
            // Plans that cannot hold what is to do.
            cluster.budget = PlanBudget(operations: Int.random(in: 3...40, using: &draw))
        }
    }

    // MARK: Jobs

    mutating func defineJobs() {
        for index in 0..<Int.random(in: 1...5, using: &draw) {
            let definition = randomJob("job\(index)")
            names.append(definition.name)
            cluster.define(definition)
        }
    }

    private mutating func randomJob(_ text: String) -> JobDefinition {
        var tasks: [TaskDefinition] = []
        for index in 0..<Int.random(in: 1...5, using: &draw) {
            var needs: [TaskID] = []
            for other in tasks where Int.random(in: 0..<3, using: &draw) == 0 { needs.append(other.id) }
            tasks.append(randomTask("t\(index)", needs))
        }
        var definition = JobDefinition(name: Jobs.name(text), tasks: tasks)
        definition.overlap = Bool.random(using: &draw) ? .allowAll : .skip
        definition.priority = Bool.random(using: &draw) ? Int.random(in: 0...100, using: &draw) : nil
        if Int.random(in: 0..<5, using: &draw) == 0 { definition.timeout = .init(milliseconds: 20_000) }
        var upstreams: [Upstream] = []
        for name in names where Int.random(in: 0..<4, using: &draw) == 0 {
            upstreams.append(Upstream(job: name))
        }
        if !upstreams.isEmpty { definition.after = upstreams }
        if Bool.random(using: &draw) {
            definition.schedule = [TriggerDefinition(every: .init(milliseconds: 60_000))]
        }
        return definition
    }

    private mutating func randomTask(_ id: String, _ needs: [TaskID]) -> TaskDefinition {
        var task = TaskDefinition(id: Jobs.task(id), run: .argv(["true"]), needs: needs.isEmpty ? nil : needs)
        switch Int.random(in: 0..<8, using: &draw) {
        case 0:
            task.type = .noop
            task.run = nil
        case 1...2:
            var partitions = TaskDefinition.Partitions(
                count: Int.random(in: 1...4, using: &draw) == 1
                    ? Int.random(in: 257...300, using: &draw) : Int.random(in: 1...6, using: &draw)
            )
            partitions.maxParallel = Bool.random(using: &draw) ? Int.random(in: 1...3, using: &draw) : nil
            partitions.onFailure = Bool.random(using: &draw) ? .continue : nil
            if partitions.onFailure != nil { partitions.minSuccess = 0.5 }
            task.partitions = partitions
        case 3: task.resources = .init(cpu: 2, memory: .init(bytes: 1 << 30))
        case 4: task.run = .argv(["${tasks.t0.outputs.x}"])
        default: break
        }
        if Bool.random(using: &draw) {
            task.retry = .init(
                max: Int.random(in: 1...2, using: &draw),
                backoff: .init(kind: .constant, initial: .init(milliseconds: 3_000), jitter: 0)
            )
        }
        if !needs.isEmpty, Bool.random(using: &draw) {
            task.when = TaskDefinition.Condition.allCases.randomElement(using: &draw)
        }
        switch Int.random(in: 0..<9, using: &draw) {
        case 0: task.onLost = .fail
        case 1: task.onLost = .hold
        default: break
        }
        if Int.random(in: 0..<4, using: &draw) == 0 { task.exclusive = true }
        return task
    }

    // MARK: Events

    mutating func act() {
        switch Int.random(in: 0..<25, using: &draw) {
        case 0...1: enter()
        case 2...7: work()
        case 8: loseWorker()
        case 9...10: returnWorker()
        case 11: cluster.drainSilently(WorkerID(number: Int.random(in: 0..<workerCount, using: &draw)))
        case 12: askSomething()
        case 13: cluster.pass(Int64.random(in: 1...5_000, using: &draw))
        case 14: cluster.newTerm()
        case 15: hearOfLosses()
        case 16: changeJob()
        case 17: cluster.passKillMargins()
        default:
            if Bool.random(using: &draw) { cluster.deliver() }
            cluster.step()
            if Bool.random(using: &draw) { cluster.forgetEmptied() }
        }
    }

    private mutating func enter() {
        guard let name = names.randomElement(using: &draw) else { return }
        seconds += 60
        let isManual = Int.random(in: 0..<3, using: &draw) == 0
        let time = Bool.random(using: &draw) ? seconds : seconds - 60
        guard isManual else { return enter(name, at: time, suffix: "") }
        // Several people may ask within one second.
        let count = Bool.random(using: &draw) ? 1 : Int.random(in: 2...4, using: &draw)
        for number in 0..<count { enter(name, at: time, suffix: "m\(seconds + Int64(number))") }
    }

    private mutating func enter(_ name: JobName, at time: Int64, suffix: String) {
        let isManual = !suffix.isEmpty
        let id = RunID(job: name, logicalTime: UnixTime(seconds: time), suffix: suffix)
        // The store refuses a second entry, and a time that was fired is not fired again; that of a live run may be.
        guard cluster.store.queue[id] == nil, cluster.store.finalRuns[id] == nil else { return }
        entered.insert(id)
        cluster.enqueue(name, at: time, cause: isManual ? .manual : .schedule, suffix: suffix) {
            $0.waitsForUpstreams = !isManual
        }
        // Once the run is over nothing in the store tells that it was: the leader hears of a second entry before that.
        if cluster.store.runs[id] != nil { cluster.deliver() }
    }

    private var presentWorkers: [WorkerID] { cluster.store.workers.keys.sorted() }

    private mutating func work() {
        guard let worker = presentWorkers.randomElement(using: &draw) else { return }
        for id in cluster.live(on: worker) {
            switch Int.random(in: 0..<8, using: &draw) {
            case 0...2: cluster.start(id)
            case 3...5: end(id)
            case 6 where cluster.store.assignments[id]?.isStarted == false: cluster.end(id, .refused)
            default: break
            }
        }
    }

    private mutating func end(_ id: AttemptID) {
        cluster.start(id)
        guard cluster.store.kills[id] == nil else { return cluster.end(id, .killed) }
        let outcome: AttemptOutcome =
            switch Int.random(in: 0..<10, using: &draw) {
            case 0...5: .succeeded
            case 6: .failed
            case 7: .timedOut
            case 8: .systemFailed
            default: .lost
            }
        cluster.end(
            id,
            outcome,
            outputs: outcome == .succeeded && Bool.random(using: &draw) ? ["x": "1"] : [:]
        )
    }

    private mutating func loseWorker() {
        guard let worker = presentWorkers.randomElement(using: &draw) else { return }
        let isHeard = Bool.random(using: &draw)
        cluster.die(worker, isHeard: isHeard)
        if !isHeard { unheard.insert(worker) }
    }

    private mutating func hearOfLosses() {
        for worker in unheard.sorted() where cluster.store.workers[worker] == nil {
            cluster.core.workerGone(worker, assignVersion: cluster.store.assignVersion(worker))
        }
        unheard = []
    }

    private mutating func returnWorker() {
        let id = WorkerID(number: Int.random(in: 0..<workerCount, using: &draw))
        guard cluster.store.workers[id] == nil || cluster.store.workers[id]?.registration.isDraining == true
        else {
            return
        }
        unheard.remove(id)
        cluster.join(id, slots: Int.random(in: 4...5, using: &draw))
    }

    private mutating func askSomething() {
        let ids = (Array(cluster.store.runs.keys) + Array(cluster.store.queue.keys)).sorted()
        guard let id = ids.randomElement(using: &draw) else { return }
        switch Int.random(in: 0..<5, using: &draw) {
        case 0: cluster.command(.cancel(id))
        case 1: cluster.command(.kill(id))
        case 2: cluster.command(.pause(id))
        default: cluster.command(.resume(id))
        }
    }

    private mutating func changeJob() {
        guard let name = names.randomElement(using: &draw), let old = cluster.store.jobs[name]?.job.definition
        else {
            return
        }
        var new = old
        new.priority = Int.random(in: 0...100, using: &draw)
        if Bool.random(using: &draw) {
            cluster.define(new)
        } else {
            cluster.command(.replaceJob(new, ifVersion: nil))
        }
    }

    // MARK: Afterwards

    /// No more faults: everything that can end does.
    mutating func calmDown() {
        hearOfLosses()
        cluster.passKillMargins()
        for number in 0..<workerCount { cluster.join(WorkerID(number: number)) }
        // A large task on one slot takes long: what counts is whether anything still ends.
        var idleRounds = 0
        while idleRounds < 50 {
            for id in cluster.core.runs.values.filter({ $0.state == .paused }).map(\.id) {
                cluster.command(.resume(id))
            }
            cluster.settle()
            let live = cluster.live()
            idleRounds = live.isEmpty ? idleRounds + 1 : 0
            for id in live {
                cluster.start(id)
                cluster.end(id, cluster.store.kills[id] == nil ? .succeeded : .killed, outputs: ["x": "1"])
            }
            cluster.pass(5_000)
            cluster.settle()
            if cluster.store.runs.isEmpty, cluster.store.assignments.isEmpty, cluster.store.reports.isEmpty,
                cluster.store.queue.values.allSatisfy(waitsForever)
            {
                return
            }
        }
    }

    /// Whether an entry waits for another job that did not succeed for its time, or must not run.
    func waitsForever(_ entry: QueueEntry) -> Bool {
        guard entry.waitsForUpstreams, entry.cause != .dependency,
            let after = cluster.store.jobs[entry.run.job]?.job.definition.after
        else { return false }
        return after.contains { cluster.store.outcomes[$0.job]?.end(at: entry.run.logicalTime) != .succeeded }
    }

    /// What a core would decide that lived, and one that is built from the store would not, or the other way round.
    mutating func recoveryDifference() -> [String] {
        hearOfLosses()
        cluster.deliver()
        var lived = cluster.core
        for (id, worker) in cluster.store.workers {
            lived.workerPresent(
                id,
                worker.registration,
                version: worker.version,
                assignVersion: cluster.store.assignVersions[id]
            )
        }
        for name in names { lived.jobChanged(name) }
        let left = decisions(lived)
        // A new leader counts the kill margins anew; when they are over it decides alike.
        var rebuilt = cluster.recovered(like: lived)
        for (id, worker) in lived.workers where worker.isKillMarginOver {
            if let absence = rebuilt.workers[id]?.absence { rebuilt.killMarginPassed(id, absence: absence) }
        }
        let right = decisions(rebuilt)
        return left.subtracting(right).sorted().map { "lived: \($0)" }
            + right.subtracting(left).sorted().map { "rebuilt: \($0)" }
    }

    private func decisions(_ core: LeaderCore) -> Set<String> {
        var cluster = cluster
        cluster.core = core
        var decided: Set<String> = []
        // A change of a definition asks for it again in the same plan: a few rounds answer all else.
        for _ in 0..<6 {
            var draft = cluster.core
            var random = SeededGenerator(seed: 7)
            let budget = PlanBudget(operations: 100_000, bytes: 1 << 30)
            let plan = draft.plan(now: cluster.now, budget: budget, random: &random)
            decided = Set(plan.transactions.flatMap(\.operations).map(Self.text))
            if plan.lookups.isEmpty { return decided }
            cluster.core.lookups = []
            cluster.answer(plan.lookups)
        }
        return decided
    }

    private static func text(_ operation: LeaderOperation) -> String {
        func units(_ run: LiveRun) -> String {
            run.units.map { "\($0.state.letter)\($0.attempt),\($0.failures),\($0.losses),\($0.retryAt)" }
                .joined(separator: ";")
        }
        return switch operation {
        case .createRun(let run): "create \(run.id) \(run.state) \(units(run))"
        case .setRunHeader(let run): "set \(run.id) \(run.state) \(run.stopAs?.rawValue ?? "") \(units(run))"
        case .setRunChunk(let run, let chunk): "set \(run.id) \(chunk) \(units(run))"
        case .enqueue(let entry): "enqueue \(entry.run) \(entry.jobVersion)"
        case .setOutcomes(let name, let record, let exists):
            "outcomes \(name) \(record.ends.sorted { $0.key < $1.key }) \(exists)"
        case .createAssignment(let attempt, let worker, _): "assign \(attempt) \(worker)"
        case .replaceJob(let known, with: _): "replace \(known.job.definition.name) \(known.job.version)"
        default: "\(operation)"
        }
    }
}
