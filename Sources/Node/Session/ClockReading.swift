import Coordination
import Scheduling
import ZnodeStore

/// How far this machine's clock was ahead of the store's at a moment.
struct ClockReading: Sendable {
    /// A write that took longer says too little about the store's clock where anything is known of it, in milliseconds.
    static let maximumTrip: Int64 = 1_000

    /// In milliseconds.
    let measured: Int64
    /// How long the write and its answer took, in milliseconds.
    let trip: Int64
    let wall: WallTime
    let instant: ContinuousClock.Instant
    let time: NodeTime

    /// A reading of this moment: the store gave the time `stored` to a write that was sent at `sent`.
    init(stored: WallTime, sent: ContinuousClock.Instant, time: NodeTime) {
        self.time = time
        wall = time.now()
        instant = time.instant()
        // Measured by the clock that nobody sets, so that a step on the way counts as what it is.
        trip = Int64(sent.duration(to: instant) / .milliseconds(1))
        let offset = wall - stored - trip / 2
        // The way there and back adds to what seems an offset: only what is beyond it counts.
        measured = abs(offset) > trip ? offset : 0
    }

    /// How far the clock is ahead now, in milliseconds: a clock that was set since is found out by the other one.
    var offset: Int64 { measured + (time.now() - wall) - elapsed }

    /// What the store's clock shows now.
    var storeNow: WallTime { WallTime(milliseconds: wall.milliseconds - measured + elapsed) }

    private var elapsed: Int64 { Int64(instant.duration(to: time.instant()) / .milliseconds(1)) }
}
