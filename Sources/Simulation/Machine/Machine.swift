import Coordination
import Cron
import Logging
import Node
import Scheduling
import ZnodeStore

/// One machine: its clock, its disk, its network, its runner, and the node that lives on it, one life after the other.
///
/// `@unchecked`: see `VirtualLoop`.
final class Machine: @unchecked Sendable {
    /// What all machines of a world share.
    struct Surroundings {
        let ensemble: Ensemble
        let mirror: SimulatedMirror
        let layout: ZnodeLayout
        let zones: TimeZoneDatabase
        let sessionTimeout: Int64
        let directory: String
        let wallStart: Int64
        let start: ContinuousClock.Instant
    }

    let index: Int
    let loop: VirtualLoop
    let trace: Trace
    let bug: Bug
    let clock: MachineClock
    let link: Link
    let slots: Int
    var random: SeededRandom
    private(set) lazy var runner = SimulatedRunner(machine: self)
    private let surroundings: Surroundings
    private(set) var life: Life?
    private var lives = 0
    /// Lives that were ended and whose tasks are still winding up.
    private var windingUp: [Life] = []
    private var tokens: UInt = 0

    /// Of each request to the ensemble: how probably its connection breaks before or after it was applied.
    var mishapRate = 0.0
    /// How probably a write to the mirror arrives late and unanswered.
    var mirrorTrouble = 0.0
    var isCutFromMirror = false
    var onProcess: ((ProcessNews) -> Void)?
    /// Told when a node ends by an error.
    var onFailure: ((String) -> Void)?
    /// Decides how a process behaves.
    var behave: ((Assignment) -> ProcessBehaviour)?

    init(
        index: Int,
        loop: VirtualLoop,
        trace: Trace,
        bug: Bug,
        random: SeededRandom,
        slots: Int,
        drift: Int64,
        meanDelay: Int64,
        _ surroundings: Surroundings
    ) {
        self.index = index
        self.loop = loop
        self.trace = trace
        self.bug = bug
        self.random = random
        self.slots = slots
        self.surroundings = surroundings
        clock = MachineClock(
            loop: loop,
            wallStart: surroundings.wallStart,
            start: surroundings.start,
            drift: drift
        )
        link = Link(meanDelay: meanDelay)
    }

    var name: String { "m\(index)" }

    // MARK: Life and death

    var isUp: Bool { life != nil }

    /// Starts the node, unless it lives. Returns false while an earlier life is still winding up.
    @discardableResult
    func boot() throws -> Bool {
        windingUp.removeAll { $0.isOver }
        guard life == nil, windingUp.isEmpty else { return false }
        lives += 1
        let life = Life(machine: self, number: lives)
        self.life = life
        trace.note("boot", life.name)
        try life.begin(configuration(life))
        return true
    }

    private func configuration(_ life: Life) -> NodeConfiguration {
        let (mirror, runner) = (surroundings.mirror, runner)
        let skipped: Duration? =
            bug.skipsKillMargin
            ? LeaseTerms(sessionTimeout: .nanoseconds(surroundings.sessionTimeout)).killMargin : nil
        var configuration = NodeConfiguration(
            mode: "cluster",
            source: LifeSessions(
                ensemble: surroundings.ensemble,
                life: life,
                timeout: surroundings.sessionTimeout
            ),
            layout: surroundings.layout,
            openMirror: { _ in MirrorLink(mirror: mirror, life: life) },
            dataDirectory: "\(surroundings.directory)/\(name)",
            openHost: { _, _ in RunnerLink(life: life, runner: runner) },
            version: "0",
            zones: surroundings.zones,
            logger: Logger(label: life.name) { _ in TraceLogHandler(life: life) }
        )
        configuration.makeProbe = { _ in SimulatedProbe() }
        configuration.time = NodeTime(
            now: { life.clock.wall },
            instant: { life.clock.instant },
            // Virtual time: the loop wakes it.
            sleep: { duration in
                let nanoseconds = duration == skipped ? 1_000_000 : duration.nanoseconds
                try await life.lane.sleep(life.clock.trueNanoseconds(nanoseconds))
            },
            draw: { life.random.next() },
            executor: life.lane
        )
        configuration.slots = slots
        configuration.drainTimeout = .seconds(5)
        return configuration
    }

    /// The process of the node is gone from one moment to the next; the runner and its processes go on.
    func crash() {
        guard let life else { return }
        trace.note("crash", life.name)
        self.life = nil
        windingUp.append(life)
        life.crash()
    }

    /// The whole machine is gone: the node, the runner, and all processes.
    func loseAll() {
        crash()
        runner.die()
    }

    /// The node has come to its end by itself.
    func ended(_ life: Life) {
        guard self.life === life else { return }
        trace.note("ended", life.name, details: life.failure ?? "")
        if let failure = life.failure { onFailure?("\(life.name) ended by itself: \(failure)") }
        self.life = nil
        for session in life.sessions { session.drop(losesUnsent: false) }
    }

    /// The sessions of the present node.
    var sessions: [Int64] { life?.sessions.map(\.id) ?? [] }

    // MARK: What surrounds it

    func nextToken() -> UInt {
        tokens += 1
        return tokens << 8 | UInt(index)
    }

    func mishap(_ request: SessionRequest) -> Connection.Mishap? {
        guard mishapRate > 0, random.chance(request.isWrite ? mishapRate : mishapRate / 10) else {
            return nil
        }
        return random.chance(0.6) ? .lostReply : .lostRequest
    }

    func behaviour(of assignment: Assignment) -> ProcessBehaviour {
        behave?(assignment) ?? ProcessBehaviour(duration: 100_000_000)
    }
}
