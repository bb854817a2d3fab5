package import Scheduling

/// An attempt that a host holds from an earlier life of its worker.
package struct HeldAttempt: Hashable, Sendable {
    package var attempt: AttemptID
    /// When its process started; `nil` for one whose start is still under way.
    package var startedAt: WallTime?
    package var isExclusive: Bool
    /// Whether it is over: the earlier life may have reported that.
    package var hasEnded: Bool
    package var stamp: AssignmentStamp?

    package init(
        attempt: AttemptID,
        startedAt: WallTime?,
        isExclusive: Bool,
        hasEnded: Bool,
        stamp: AssignmentStamp? = nil
    ) {
        self.attempt = attempt
        self.startedAt = startedAt
        self.isExclusive = isExclusive
        self.hasEnded = hasEnded
        self.stamp = stamp
    }
}

/// What happens on the machine of a worker.
package enum HostEvent: Sendable {
    /// An attempt is over; all that the host ran of it is gone. Told until it is acknowledged, so possibly again to a
    /// later life of the worker.
    case ended(AttemptID, AttemptEnd)
    /// Processes of an attempt withstand KILL; its end is told when they are gone.
    case lingering(AttemptID, processes: Int)
}

/// Where the attempts of one worker run: the runner process beside it, or a simulated machine.
///
/// The host outlives its worker. What is asked of it is sent, not awaited: refusals and failures come as ends. Nothing
/// runs before `release`, and nothing is released after the lease is over.
package protocol AttemptHost: Sendable {
    /// What happens, in order. One reader. Bounded by the attempts held.
    var events: AsyncStream<HostEvent> { get }
    /// Attempts prepared, running, or ended and not acknowledged.
    var liveAttempts: [AttemptID] { get }
    /// How near it is to its bounds.
    var figures: [BoundFigure] { get }

    /// Names this life of what a prepared attempt is to run in. What was started in it and is not held has never run.
    func identity(of attempt: AttemptID) -> String
    /// Whether something lives that attempts run in and that has this name.
    func isIdentity(_ name: String) -> Bool

    /// Works until `close`.
    func run() async throws
    /// Takes over what is held from an earlier life of the worker, ended or not. Called once, before the first session.
    func claim() async throws -> [HeldAttempt]
    /// Does all that can be done before the start is committed.
    func prepare(_ attempt: AttemptID, _ assignment: Assignment, _ stamp: AssignmentStamp, worker: WorkerID)
    /// The start is committed: go.
    func release(_ attempt: AttemptID)
    /// The start was not committed: forget the preparation.
    func discard(_ attempt: AttemptID)
    /// Asks an attempt to end: by its own signal and grace, or at once. One that is prepared ends once it is released.
    func stop(_ attempt: AttemptID, _ mode: KillMode)
    /// The end of an attempt was reported, or is of no interest any more.
    func acknowledge(_ attempt: AttemptID)
    /// The store confirmed contact: exclusive attempts may run until the deadline, and attempts may be released until then.
    /// Their first signal may come by as much as `warning` before it, where their grace is as long.
    func renewLease(until deadline: ContinuousClock.Instant, warning: Duration)
    /// Whether an attempt goes on when the worker's process ends.
    func outlivesWorker(_ attempt: AttemptID) -> Bool
    /// Lets go. With `endsAttempts` what runs is killed first and the host ends; otherwise it goes on for a successor.
    func close(endsAttempts: Bool) async
}

extension AttemptHost {
    package var figures: [BoundFigure] { [] }
}
