import Node
import Scheduling

/// How a virtual process behaves.
struct ProcessBehaviour: Hashable {
    /// How long it works, in nanoseconds of true time; `nil`: until it is ended.
    var duration: Int64?
    var exitCode = 0
    /// Whether TERM does nothing to it.
    var ignoresTerm = false
    /// Whether it cannot be started at all.
    var failsToStart = false
}

/// The runner beside a node: it starts, watches and ends virtual processes, outlives its node, and holds the lease.
///
/// `@unchecked`: see `VirtualLoop`.
final class SimulatedRunner: @unchecked Sendable {
    private enum Phase {
        case prepared
        case running
        case ended(AttemptEnd)
    }

    private struct Held {
        var attempt: AttemptID
        var assignment: Assignment
        var stamp: AssignmentStamp
        var token: Int64 { stamp.token }
        var phase = Phase.prepared
        var startedAt: WallTime?
        var behaviour = ProcessBehaviour(duration: 0)
        var timers: [VirtualLoop.TimerID] = []
        var wasStopped = false
        /// Whether it was told to end since the lease comes to its end.
        var hasLostLease = false
    }

    private unowned let machine: Machine
    private var held: [AttemptID: Held] = [:]
    /// Until when exclusive attempts may run and anything may be released, by the machine's clock.
    private var deadline: ContinuousClock.Instant?
    /// By how much the first signal may precede the deadline, where the grace is as long.
    private var warning: Duration = .zero
    private var leaseTimer: VirtualLoop.TimerID?
    private var deaths = 0
    weak var link: RunnerLink?

    init(machine: Machine) {
        self.machine = machine
    }

    private var loop: VirtualLoop { machine.loop }

    var attempts: [AttemptID] { held.keys.sorted() }

    func isReleased(_ attempt: AttemptID) -> Bool {
        switch held[attempt]?.phase {
        case .running, .ended: true
        case .prepared, nil: false
        }
    }

    // MARK: What the node asks for

    func prepare(_ attempt: AttemptID, _ assignment: Assignment, _ stamp: AssignmentStamp) {
        guard held[attempt] == nil else { return }
        held[attempt] = Held(attempt: attempt, assignment: assignment, stamp: stamp)
        if machine.bug.spawnsAtPrepare { start(attempt) }
    }

    func release(_ attempt: AttemptID) {
        guard let entry = held[attempt], case .prepared = entry.phase else { return }
        if let deadline, machine.clock.instant >= deadline, !machine.bug.ignoresLease {
            finish(attempt, outcome: .refused, reason: "the node has lost contact")
            return
        }
        start(attempt)
    }

    private func start(_ attempt: AttemptID) {
        guard var entry = held[attempt] else { return }
        let behaviour = machine.behaviour(of: entry.assignment)
        guard !behaviour.failsToStart else {
            finish(attempt, outcome: .systemFailed, reason: "it could not be started")
            return
        }
        entry.phase = .running
        entry.behaviour = behaviour
        entry.startedAt = machine.clock.wall
        held[attempt] = entry
        machine.trace.note("start", attempt.znodeName, details: "on \(machine.name) token \(entry.token)")
        machine.onProcess?(.started(attempt, token: entry.token, isExclusive: entry.assignment.isExclusive))
        if let duration = behaviour.duration {
            later(attempt, duration) { runner in
                let code = behaviour.exitCode
                runner.finish(
                    attempt,
                    outcome: code == 0 ? .succeeded : .failed,
                    exitCode: code,
                    reason: code == 0 ? nil : "exit code \(code)"
                )
            }
        }
        if let timeout = entry.assignment.timeoutMilliseconds {
            later(attempt, timeout * 1_000_000) { $0.end(attempt, as: .timedOut, isHard: false) }
        }
        if entry.assignment.isExclusive { enforceLease() }
    }

    func discard(_ attempt: AttemptID) {
        guard let entry = held[attempt], case .prepared = entry.phase else { return }
        held[attempt] = nil
    }

    func stop(_ attempt: AttemptID, _ mode: KillMode) {
        if case .running? = held[attempt]?.phase { held[attempt]?.wasStopped = true }
        end(attempt, as: .killed, isHard: mode == .kill)
    }

    private func end(_ attempt: AttemptID, as outcome: AttemptOutcome, isHard: Bool) {
        guard let entry = held[attempt], case .running = entry.phase else { return }
        guard !machine.bug.ignoresStop else { return }
        guard !isHard, !entry.behaviour.ignoresTerm else {
            let grace = isHard ? 1_000_000 : entry.assignment.killGraceMilliseconds * 1_000_000
            later(attempt, grace) {
                $0.finish(attempt, outcome: outcome, signal: 9, reason: "ended by signal 9")
            }
            return
        }
        later(attempt, machine.random.between(1_000_000, 200_000_000)) {
            $0.finish(attempt, outcome: outcome, signal: 15, reason: "ended by signal 15")
        }
    }

    func acknowledge(_ attempt: AttemptID) {
        guard let entry = held[attempt], case .ended = entry.phase else { return }
        held[attempt] = nil
    }

    func renewLease(until deadline: ContinuousClock.Instant, warning: Duration) {
        (self.deadline, self.warning) = (deadline, warning)
        enforceLease()
    }

    /// Ends what must not outlive the lease, whatever the node does or does not: TERM as early as the lease allows, KILL at
    /// its end.
    private func enforceLease() {
        guard let deadline, !machine.bug.ignoresLease else { return }
        if let leaseTimer { loop.cancel(leaseTimer) }
        let now = machine.clock.instant
        var next = now < deadline ? deadline : nil
        for attempt in attempts {
            guard let entry = held[attempt], entry.assignment.isExclusive, case .running = entry.phase else {
                continue
            }
            let grace = Duration.milliseconds(entry.assignment.killGraceMilliseconds)
            let first = deadline - min(grace, warning)
            if now >= deadline {
                held[attempt]?.hasLostLease = true
                finish(attempt, outcome: .killed, signal: 9, reason: "the lease is over")
            } else if now >= first, !entry.hasLostLease {
                held[attempt]?.hasLostLease = true
                machine.trace.note("warned", attempt.znodeName, details: "on \(machine.name)")
                end(attempt, as: .lost, isHard: false)
            } else if !entry.hasLostLease {
                next = min(next ?? first, first)
            }
        }
        // A clock that goes a little slower than time is not there yet when the timer fires: it is set again. Rounded up,
        // since a share of a timeout need not be whole.
        leaseTimer = next.map { next in
            loop.after(machine.clock.trueNanoseconds(now.duration(to: next).nanoseconds + 1)) { [weak self] in
                self?.enforceLease()
            }
        }
    }

    // MARK: Ends

    private func later(
        _ attempt: AttemptID,
        _ nanoseconds: Int64,
        _ action: @escaping (SimulatedRunner) -> Void
    ) {
        let timer = loop.after(nanoseconds) { [weak self] in
            guard let self, case .running? = held[attempt]?.phase else { return }
            action(self)
        }
        held[attempt]?.timers.append(timer)
    }

    private func finish(
        _ attempt: AttemptID,
        outcome: AttemptOutcome,
        exitCode: Int? = nil,
        signal: Int? = nil,
        reason: String?
    ) {
        guard var entry = held[attempt] else { return }
        for timer in entry.timers { loop.cancel(timer) }
        entry.timers = []
        if case .running = entry.phase {
            machine.trace.note("end", attempt.znodeName, details: "on \(machine.name) \(outcome.rawValue)")
            machine.onProcess?(.ended(attempt, token: entry.token))
        }
        let end = AttemptEnd(
            // However it took the signal.
            outcome: entry.hasLostLease && !entry.wasStopped ? .lost : outcome,
            startedAt: entry.startedAt,
            endedAt: machine.clock.wall,
            exitCode: exitCode,
            signal: signal,
            reason: reason
        )
        entry.phase = .ended(end)
        held[attempt] = entry
        link?.tell(.ended(attempt, end))
    }

    /// What is held for a node that begins a new life.
    func claim() -> [HeldAttempt] {
        attempts.compactMap { attempt in
            held[attempt].map { entry in
                var hasEnded = false
                if case .ended = entry.phase { hasEnded = true }
                return HeldAttempt(
                    attempt: attempt,
                    startedAt: entry.startedAt,
                    isExclusive: entry.assignment.isExclusive,
                    hasEnded: hasEnded,
                    stamp: entry.stamp
                )
            }
        }
    }

    /// Tells again of what has ended and was not acknowledged.
    func tellEnds() {
        for attempt in attempts {
            if case .ended(let end)? = held[attempt]?.phase { link?.tell(.ended(attempt, end)) }
        }
    }

    // MARK: Faults

    /// Names this life of the runner.
    var identity: String { "\(machine.name)-\(deaths)" }

    /// All processes end, and nothing of them is known any more: the machine or the runner died.
    func die() {
        for attempt in attempts {
            for timer in held[attempt]?.timers ?? [] { loop.cancel(timer) }
            if case .running? = held[attempt]?.phase, let token = held[attempt]?.token {
                machine.onProcess?(.ended(attempt, token: token))
            }
        }
        let gone = held
        deaths += 1
        held = [:]
        deadline = nil
        if let leaseTimer { loop.cancel(leaseTimer) }
        for (attempt, entry) in gone.sorted(by: { $0.key < $1.key }) {
            let outcome: AttemptOutcome
            switch entry.phase {
            case .prepared: outcome = .refused
            case .running, .ended: outcome = .lost
            }
            let end = AttemptEnd(
                outcome: outcome,
                startedAt: entry.startedAt,
                endedAt: machine.clock.wall,
                reason: "the runner died"
            )
            link?.tell(.ended(attempt, end))
        }
    }

    /// Lets what is prepared go: who prepared it is gone.
    func forgetPrepared() {
        for attempt in attempts {
            if case .prepared? = held[attempt]?.phase { held[attempt] = nil }
        }
    }

    func endAll() {
        for attempt in attempts { end(attempt, as: .killed, isHard: true) }
    }
}

/// What happens to the processes of a machine, for those who judge.
enum ProcessNews {
    case started(AttemptID, token: Int64, isExclusive: Bool)
    case ended(AttemptID, token: Int64)
}

/// One life's way to the runner of its machine.
///
/// `@unchecked`: see `VirtualLoop`.
final class RunnerLink: AttemptHost, @unchecked Sendable {
    let events: AsyncStream<HostEvent>
    private let continuation: AsyncStream<HostEvent>.Continuation
    private let life: Life
    private let runner: SimulatedRunner
    private var lastArrival: Int64 = 0
    /// What is under way, in order, each way.
    private var sent: [(SimulatedRunner) -> Void] = []
    private var told: [HostEvent] = []
    private var isClosed = false
    private var closed: CheckedContinuation<Void, Never>?

    init(life: Life, runner: SimulatedRunner) {
        self.life = life
        self.runner = runner
        // Bounded by the attempts held.
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
        runner.link = self
    }

    var liveAttempts: [AttemptID] { runner.attempts }
    func identity(of attempt: AttemptID) -> String { runner.identity }
    func isIdentity(_ name: String) -> Bool { name == runner.identity }

    func tell(_ event: HostEvent) {
        told.append(event)
        life.loop.post(life.lane) { [self] in
            guard !told.isEmpty else { return }
            let event = told.removeFirst()
            guard !life.isDead, !isClosed else { return }
            continuation.yield(event)
        }
    }

    /// Sends something through the socket: in order, and nothing after the end of the process.
    private func send(_ action: @escaping (SimulatedRunner) -> Void) {
        guard !life.isDead else { return }
        sent.append(action)
        lastArrival = max(lastArrival, life.loop.now + life.random.between(10_000, 1_000_000))
        life.loop.at(lastArrival) { [self] in if !sent.isEmpty { sent.removeFirst()(runner) } }
    }

    func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if isClosed || Task.isCancelled { continuation.resume() } else { closed = continuation }
            }
        } onCancel: {
            finishRun()
        }
    }

    private func finishRun() {
        let waiter = closed
        closed = nil
        waiter?.resume()
    }

    func claim() async throws -> [HeldAttempt] {
        guard !life.isDead else { throw CancellationError() }
        runner.forgetPrepared()
        let held = runner.claim()
        if life.bug.forgetsHeld { return [] }
        runner.tellEnds()
        return held
    }

    func prepare(
        _ attempt: AttemptID,
        _ assignment: Assignment,
        _ stamp: AssignmentStamp,
        worker: WorkerID
    ) {
        send { $0.prepare(attempt, assignment, stamp) }
    }

    func release(_ attempt: AttemptID) { send { $0.release(attempt) } }

    func discard(_ attempt: AttemptID) { send { $0.discard(attempt) } }

    func stop(_ attempt: AttemptID, _ mode: KillMode) { send { $0.stop(attempt, mode) } }

    func acknowledge(_ attempt: AttemptID) { send { $0.acknowledge(attempt) } }

    func renewLease(until deadline: ContinuousClock.Instant, warning: Duration) {
        send { $0.renewLease(until: deadline, warning: warning) }
    }

    func outlivesWorker(_ attempt: AttemptID) -> Bool { runner.isReleased(attempt) }

    func close(endsAttempts: Bool) async {
        if endsAttempts, !life.isDead { runner.endAll() }
        isClosed = true
        continuation.finish()
        finishRun()
    }
}
