private import HeapModule

/// Why a simulation cannot go on.
struct SimulationStuck: Error, CustomStringConvertible {
    let description: String
}

/// The one thread of a simulated world, and its time.
///
/// All that happens is a job of a task or an action, in a *lane*. What is ready runs one at a time, in an order drawn
/// from the seed; when nothing is ready, time jumps to the next timer. So a seed decides everything.
///
/// `@unchecked`: everything is touched on the thread that made the loop and no other; `Lane.enqueue` holds that.
final class VirtualLoop: @unchecked Sendable {
    /// Names a timer, for `cancel`.
    struct TimerID: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    enum Work {
        case job(UnownedJob)
        case action(() -> Void)
    }

    private struct Timer: Comparable {
        let at: Int64
        let number: UInt64

        static func < (left: Timer, right: Timer) -> Bool {
            left.at == right.at ? left.number < right.number : left.at < right.at
        }
    }

    /// The most that may happen without time going on: more is a loop that does not wait.
    private static let patience = 400_000

    /// Nanoseconds since the beginning of the world.
    private(set) var now: Int64 = 0
    /// How many jobs and actions have run.
    private(set) var steps: UInt64 = 0
    private var order: SeededRandom
    private var ready: [(work: Work, lane: Lane)] = []
    private var timers = Heap<Timer>()
    private var actions: [UInt64: (lane: Lane, action: () -> Void)] = [:]
    private var lastTimer: UInt64 = 0
    private var stepsInPlace = 0
    /// Of the world itself: network, faults, clients' patience.
    private(set) lazy var world = Lane(loop: self, name: "world")

    init(random: SeededRandom) {
        order = random
    }

    // MARK: What will happen

    /// Does something in a lane as soon as it is its turn.
    func post(_ lane: Lane, _ action: @escaping () -> Void) {
        add(.action(action), lane)
    }

    /// Does something at a moment, or as soon as its lane runs again.
    @discardableResult
    func at(_ moment: Int64, in lane: Lane? = nil, _ action: @escaping () -> Void) -> TimerID {
        lastTimer += 1
        actions[lastTimer] = (lane ?? world, action)
        timers.insert(Timer(at: max(moment, now), number: lastTimer))
        return TimerID(number: lastTimer)
    }

    /// Does something after so many nanoseconds.
    @discardableResult
    func after(_ nanoseconds: Int64, in lane: Lane? = nil, _ action: @escaping () -> Void) -> TimerID {
        at(now + max(0, nanoseconds), in: lane, action)
    }

    /// Takes a timer back; one that is over is none.
    func cancel(_ timer: TimerID) {
        actions[timer.number] = nil
    }

    func add(_ work: Work, _ lane: Lane) {
        if lane.isPaused { lane.held.append(work) } else { ready.append((work, lane)) }
    }

    /// Puts aside what a lane has ready.
    func hold(_ lane: Lane) {
        lane.held += ready.filter { $0.lane === lane }.map(\.work)
        ready.removeAll { $0.lane === lane }
    }

    // MARK: Running

    /// Runs until a moment, or until a condition holds.
    func run(until moment: Int64, unless isDone: () -> Bool = { false }) throws(SimulationStuck) {
        while !isDone() {
            if ready.isEmpty {
                guard let next = timers.min, next.at <= moment else { break }
                advance(to: next.at)
            } else {
                runOne()
                stepsInPlace += 1
                if stepsInPlace > Self.patience {
                    throw SimulationStuck(
                        description: "\(Self.patience) steps without time going on: something does not wait"
                    )
                }
            }
        }
        if !isDone(), now < moment { now = moment }
    }

    /// Runs what is ready now, and what follows from it without time going on.
    func settle() throws(SimulationStuck) {
        try run(until: now)
    }

    /// Forgets all that would still happen: the world is over.
    func clear() {
        timers = []
        actions = [:]
        ready = []
    }

    private func advance(to moment: Int64) {
        if moment > now { stepsInPlace = 0 }
        now = moment
        while let next = timers.min, next.at <= moment {
            _ = timers.removeMin()
            guard let (lane, action) = actions.removeValue(forKey: next.number) else { continue }
            add(.action(action), lane)
        }
    }

    private func runOne() {
        let index = order.below(ready.count)
        let (work, lane) = ready[index]
        ready.swapAt(index, ready.count - 1)
        ready.removeLast()
        steps += 1
        switch work {
        case .job(let job): job.runSynchronously(on: lane.asUnownedTaskExecutor())
        case .action(let action): action()
        }
    }
}
