/// Something that must never be, and was.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// Which promise was broken: a name of `Invariant`.
    package let invariant: Invariant
    /// Nanoseconds since the beginning of the world.
    package let at: Int64
    package let witness: String

    package var description: String {
        let milliseconds = at / 1_000_000
        return "\(invariant.rawValue) at \(milliseconds / 1000).\(milliseconds % 1000 / 100) s: \(witness)"
    }
}

/// What is held against each world. Judged from what the ensemble committed, what processes did and what clients were
/// told; nothing of it comes from the cores that it judges.
package enum Invariant: String, Hashable, Sendable, CaseIterable {
    /// A run is admitted at most once, and never after its final record: one run for each job and due time.
    case uniqueness
    /// No due time passes in silence: when a job's mark moves, each due time that it passes has an entry in the queue by
    /// then; and after the healing each mark is up to date.
    case completeness
    /// No due time is queued before it has come, by more than clocks may differ, nor again after it was dealt with.
    case firing
    /// Two processes of one exclusive task (or partition) of a job never run at the same moment, whatever their runs and
    /// attempts.
    case exclusion
    /// When the ensemble ends the session of a worker, no exclusive process of that worker is left; and its exclusive
    /// attempts are taken over only when the kill margin has passed since.
    case lease
    /// An attempt is finished once, in the transaction that takes its assignment away; a unit that has succeeded is never
    /// placed again, and has one live attempt at a time.
    case fencing
    /// What has started and lost its worker is placed again as its `on_lost` says: never where that is `fail`, after
    /// somebody has resumed its run where it is `hold`, and not after three losses.
    case loss
    /// A task is placed only when all that it needs has succeeded.
    case order
    /// When a run that has succeeded leaves the tree, what comes after it and waits for nothing else is in the queue.
    case successors
    /// Each attempt is placed at most once, and its process starts at most once.
    case once
    /// A process starts only after its start was committed.
    case start
    /// An assignment is taken away only from a worker that was gone since it was made.
    case takeover
    /// Only the leader of the present term writes what is the leader's, its commits are numbered without a gap, and terms
    /// grow.
    case term
    /// A name has exactly one definition, at the place and version that the name says; what a client was told is true.
    case names
    /// What is placed fits: registered workers that do not drain, no more attempts than slots.
    case places
    /// A run executes the version that is current when it is admitted.
    case version
    /// What is over stays over: a run has one final record, and nothing is placed for it afterwards or after its stop.
    case finality
    /// The mirror never goes back, and at rest it holds what was committed.
    case mirror
    /// What was accepted ends: after the healing every run comes to its end, mailboxes drain, nothing is left behind.
    case liveness
    /// After the healing there is one leader, each node is registered, each job is owned by a worker that is there.
    case convergence
    /// No process is left of a run that is over.
    case leftovers
    /// A node ends only when it is told to, and never runs without waiting.
    case health
}
