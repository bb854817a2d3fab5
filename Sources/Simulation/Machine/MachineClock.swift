import Scheduling

/// The clocks of one machine: a wall clock that may be wrong, and one for durations that may go a little wrong.
///
/// `@unchecked`: see `VirtualLoop`.
final class MachineClock: @unchecked Sendable {
    private let loop: VirtualLoop
    private let wallStart: Int64
    private let start: ContinuousClock.Instant
    /// How far the wall clock is ahead, in milliseconds.
    var offset: Int64 = 0
    /// How fast both clocks go, in millionths more than time itself.
    let drift: Int64

    init(loop: VirtualLoop, wallStart: Int64, start: ContinuousClock.Instant, drift: Int64) {
        self.loop = loop
        self.wallStart = wallStart
        self.start = start
        self.drift = drift
    }

    /// Nanoseconds of this machine since the beginning of the world.
    private var own: Int64 { loop.now + loop.now / 1_000_000 * drift }

    var instant: ContinuousClock.Instant { start + .nanoseconds(own) }

    var wall: WallTime { WallTime(milliseconds: wallStart + offset + own / 1_000_000) }

    /// How long a duration of this machine's clock takes.
    func trueNanoseconds(_ nanoseconds: Int64) -> Int64 {
        guard drift != 0, nanoseconds > 0 else { return max(0, nanoseconds) }
        return max(1, nanoseconds - nanoseconds / 1_000_000 * drift + 1)
    }
}
