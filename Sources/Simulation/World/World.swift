import Coordination
import Cron
import Node
import Scheduling
import ZnodeStore

/// What became of a world.
package struct Verdict: Sendable {
    package let seed: UInt64
    package let violations: [Violation]
    /// Equal for equal runs.
    package let hash: UInt64
    package let virtualSeconds: Int64
    package let steps: UInt64
    package let transactions: Int
    package let runs: Int
}

/// A whole cluster in one thread: machines with the product's own nodes on them, an ensemble, a mirror, people and
/// misfortune. One seed, one history.
package final class World {
    let loop: VirtualLoop
    let trace: Trace
    let scenario: Scenario
    let ensemble: Ensemble
    let mirror: SimulatedMirror
    let judge: Judge
    private(set) var machines: [Machine] = []
    let layout: ZnodeLayout
    var random: SeededRandom
    /// Whether nothing is to go wrong any more.
    var isHealed = false
    private let seed: UInt64
    private let directory: String
    private var transactions = 0
    private var people: [Task<Void, Never>] = []
    private var isOver = false

    /// Made once for all worlds: it only reads files.
    private static let zones = TimeZoneDatabase(directory: "/usr/share/zoneinfo")
    private static let clockStart = ContinuousClock.now

    /// Makes a world. `directory` is where the disks of its machines are.
    package init(
        seed: UInt64,
        bug: Bug = .none,
        hasFaults: Bool = true,
        directory: String,
        print: ((String) -> Void)? = nil
    ) throws {
        self.seed = seed
        self.directory = directory
        random = SeededRandom(seed: seed)
        let loop = VirtualLoop(random: random.fork())
        self.loop = loop
        trace = Trace(now: { loop.now }, print: print)
        scenario = Scenario(&random, hasFaults: hasFaults)
        // A night in which clocks change, now and then.
        let wallStart: Int64 = random.pick([1_767_225_600_000, 1_774_745_970_000, 1_792_890_000_000])
        layout = ZnodeLayout(root: try ZnodePath("/skyfire"))
        ensemble = Ensemble(
            loop: loop,
            trace: trace,
            random: random.fork(),
            servers: random.pick([1, 3]),
            meanLag: scenario.meanLag,
            wallStart: wallStart
        )
        mirror = SimulatedMirror(bug: bug, trace: trace)
        judge = Judge(loop: loop, wallStart: wallStart, sessionTimeout: scenario.sessionTimeout)
        let surroundings = Machine.Surroundings(
            ensemble: ensemble,
            mirror: mirror,
            layout: layout,
            zones: Self.zones,
            sessionTimeout: scenario.sessionTimeout,
            directory: directory,
            wallStart: wallStart,
            start: Self.clockStart
        )
        let drifts = scenario.faults.contains(.clockDrift)
        for index in 1...scenario.machines {
            machines.append(
                Machine(
                    index: index,
                    loop: loop,
                    trace: trace,
                    bug: bug,
                    random: random.fork(),
                    slots: scenario.slots,
                    drift: drifts ? random.between(-10_000, 10_000) : 0,
                    meanDelay: scenario.meanDelay,
                    surroundings
                )
            )
        }
        connect()
    }

    private func connect() {
        let judge = judge
        ensemble.onCommit = { [unowned self] in
            transactions += 1
            judge.committed($0, $1)
        }
        ensemble.onSessionEnd = { judge.sessionEnded($0, isExpired: $1) }
        mirror.onRun = { judge.mirrored($0, $1) }
        for machine in machines {
            machine.onProcess = { judge.process($0) }
            machine.onFailure = { judge.violate(.health, $0) }
            machine.behave = { [unowned self] in behaviour(of: $0) }
        }
    }

    // MARK: One history

    /// Lives through everything, and judges.
    package func run() throws -> Verdict {
        trace.note("world", "\(seed)", details: "\(scenario)")
        do {
            try live()
        } catch let stuck as SimulationStuck {
            judge.violate(.health, stuck.description)
        }
        let verdict = Verdict(
            seed: seed,
            violations: judge.violations,
            hash: trace.hash,
            virtualSeconds: loop.now / .second,
            steps: loop.steps,
            transactions: transactions,
            runs: judge.finals.count
        )
        end()
        return verdict
    }

    private func live() throws {
        for machine in machines { loop.after(random.between(0, 2 * .second)) { [self] in boot(machine) } }
        let people = People(world: self, random: random.fork())
        people.begin()
        let misfortune = Misfortune(world: self, random: random.fork())
        misfortune.begin()
        try loop.run(until: scenario.faultTime, unless: { !judge.violations.isEmpty })
        guard judge.violations.isEmpty else { return }
        isHealed = true
        trace.note("healing")
        misfortune.heal()
        people.rest()
        for machine in machines { bootUntilUp(machine) }
        // Sessions of the lost end, leaders follow, jobs move.
        try loop.run(until: loop.now + 2 * scenario.sessionTimeout + 25 * .second, unless: hasFailed)
        guard judge.violations.isEmpty else { return }
        let atRest = AtRest(world: self)
        atRest.judgeMarks()
        people.endSchedules()
        let deadline = loop.now + 90 * .second
        // At rest is what is so twice; the mirror settles a little later than the store.
        var quiet = 0
        while loop.now < deadline, quiet < 2, judge.violations.isEmpty {
            try loop.run(until: loop.now + 2 * .second, unless: hasFailed)
            quiet = atRest.firstOpen() == nil ? quiet + 1 : 0
        }
        guard judge.violations.isEmpty else { return }
        atRest.judge(people)
    }

    private func hasFailed() -> Bool { !judge.violations.isEmpty }

    func boot(_ machine: Machine) {
        guard !isOver else { return }
        do {
            if try !machine.boot(), !machine.isUp { loop.after(.second / 10) { [self] in boot(machine) } }
        } catch {
            judge.violate(.health, "\(machine.name) does not start: \(error)")
        }
    }

    private func bootUntilUp(_ machine: Machine) {
        guard !isOver else { return }
        if !machine.isUp { boot(machine) }
        // A node that was told to stop ends a little later, and is started again then.
        loop.after(.second) { [self] in bootUntilUp(machine) }
    }

    /// Begins something that people do; it is cancelled at the end of the world.
    func spawn(_ body: @escaping @Sendable () async -> Void) {
        people.append(Task(executorPreference: loop.world) { await body() })
    }

    /// Ends all nodes, so that nothing of this world is left in the process.
    private func end() {
        isOver = true
        for task in people { task.cancel() }
        for machine in machines {
            machine.onProcess = nil
            machine.loseAll()
        }
        do {
            // What was under way when the nodes went comes to its end too.
            try loop.run(until: loop.now + 20 * .second)
        } catch {
            trace.note("end", details: "\(error)")
        }
        loop.clear()
        DataDirectory.removeTree(directory)
    }

    // MARK: Processes

    /// How a process behaves: by what its definition says of it, and by chance.
    private func behaviour(of assignment: Assignment) -> ProcessBehaviour {
        let profile = assignment.environment["PROFILE"] ?? "quick"
        guard !isHealed else {
            return ProcessBehaviour(duration: random.between(20, 300) * .millisecond)
        }
        var behaviour = ProcessBehaviour(duration: random.between(20, 800) * .millisecond)
        switch profile {
        case "slow": behaviour.duration = random.between(2, 12) * .second
        case "long": behaviour.duration = random.between(10, 40) * .second
        case "flaky": if random.chance(0.4) { behaviour.exitCode = 1 }
        default: break
        }
        if scenario.faults.contains(.misbehaviour) {
            if random.chance(0.15) { behaviour.ignoresTerm = true }
            if random.chance(0.05), assignment.timeoutMilliseconds != nil { behaviour.duration = nil }
            if random.chance(0.05) { behaviour.failsToStart = true }
        }
        return behaviour
    }

    /// The nodes that people can ask.
    var asked: [Machine] { machines.filter { $0.life?.takesRequests == true } }

    /// Asks a node something as a client does; `nil` where no answer came in time, or from a node that died meanwhile.
    func ask<Value: Sendable>(
        _ machine: Machine,
        patience: Int64 = 12 * .second,
        _ body: @escaping @Sendable (NodeOperations) async throws -> Value
    ) async -> Result<Value, OperationError>? {
        guard let life = machine.life, let node = life.node else { return nil }
        let operations = node.operations()
        let answer = Answer<Value>()
        let task = Task(executorPreference: life.lane) {
            let result: Result<Value, OperationError>?
            do {
                result = .success(try await body(operations))
            } catch let error as OperationError {
                result = .failure(error)
            } catch {
                result = nil
            }
            answer.give(life.isDead ? nil : result)
        }
        loop.after(patience) { answer.give(nil) }
        let result = await answer.value()
        // A client that has hung up is not waited for.
        if result == nil { task.cancel() }
        return result
    }
}

/// `@unchecked`: see `VirtualLoop`.
private final class Answer<Value: Sendable>: @unchecked Sendable {
    private var result: Result<Value, OperationError>??
    private var waiter: CheckedContinuation<Result<Value, OperationError>?, Never>?

    func give(_ result: Result<Value, OperationError>?) {
        guard self.result == nil else { return }
        self.result = .some(result)
        let waiter = waiter
        self.waiter = nil
        waiter?.resume(returning: result)
    }

    func value() async -> Result<Value, OperationError>? {
        await withCheckedContinuation { continuation in
            if let result { continuation.resume(returning: result) } else { waiter = continuation }
        }
    }
}
