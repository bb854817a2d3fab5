/// Says what a schedule with fixed wall times does where the clocks of its zone are put forward or back.
///
/// It has no effect on an expression that runs on elapsed time, see `CronExpression.runsOnElapsedTime`.
package struct DaylightSavingPolicy: Hashable, Sendable {
    /// What to do with a wall time that does not exist, because the clocks are put forward over it.
    package enum Gap: String, Hashable, Sendable, CaseIterable {
        /// Fire at the first instant after the gap; several such times coincide into one firing.
        case nextValid = "next_valid"
        /// Do not fire.
        case skip
    }

    /// When to fire at a wall time that comes twice, because the clocks are put back over it.
    package enum Overlap: String, Hashable, Sendable, CaseIterable {
        /// At its first occurrence.
        case first
        /// At its second occurrence.
        case second
        /// At both.
        case both
    }

    package var gap: Gap
    package var overlap: Overlap

    /// Makes a policy; by default a missing time fires right after the gap, a double one at its first occurrence.
    package init(gap: Gap = .nextValid, overlap: Overlap = .first) {
        self.gap = gap
        self.overlap = overlap
    }
}
