package import Scheduling

/// An attempt that a host holds from an earlier life of its worker.
package struct HeldAttempt: Hashable, Sendable {
    package var attempt: AttemptID
    /// When its process started; `nil` for one whose start is still under way.
    package var startedAt: WallTime?

    package init(attempt: AttemptID, startedAt: WallTime?) {
        self.attempt = attempt
        self.startedAt = startedAt
    }
}

/// What happens on the machine of a worker.
package enum HostEvent: Sendable {
    /// An attempt is over. Told until it is acknowledged, so possibly again after a restart of the worker.
    case ended(AttemptID, AttemptEnd)
    /// The host itself died and came back empty: what it held is gone.
    case restarted
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

    /// Works until `close()`.
    func run() async throws
    /// Takes over what is held from an earlier life of the worker. Called once, before the first session.
    func claim() async throws -> [HeldAttempt]
    /// Does all that can be done before the start is committed.
    func prepare(_ attempt: AttemptID, _ assignment: Assignment, token: Int64, worker: WorkerID)
    /// The start is committed: go.
    func release(_ attempt: AttemptID)
    /// The start was not committed: forget the preparation.
    func discard(_ attempt: AttemptID)
    /// Asks a running attempt to end: by its own signal and grace, or at once.
    func stop(_ attempt: AttemptID, _ mode: KillMode)
    /// The end of an attempt was reported, or is of no interest any more.
    func acknowledge(_ attempt: AttemptID)
    /// The store confirmed contact: exclusive attempts may run until then, and attempts may be released.
    func renewLease(until deadline: ContinuousClock.Instant)
    /// Lets go. With `endsAttempts` what runs is killed first and the host ends; otherwise it goes on for a successor.
    func close(endsAttempts: Bool) async
}
