package import Scheduling

/// The time and the chance that a node lives by: the machine's own, or those of a simulation.
///
/// The one source of both for all services of a node. What runs on the machine itself (processes, calls, files) has
/// the machine's clocks.
package struct NodeTime: Sendable {
    /// The wall clock, which can be wrong and can be set.
    package var now: @Sendable () -> WallTime
    /// The clock that durations are measured on, which only goes forward.
    package var instant: @Sendable () -> ContinuousClock.Instant
    /// Waits by the second clock; throws only on cancellation.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Draws 64 random bits.
    package var draw: @Sendable () -> UInt64
    /// Where the few tasks run that are nobody's children; `nil` for the executor that all tasks share.
    package var executor: (any TaskExecutor)?

    package init(
        now: @escaping @Sendable () -> WallTime,
        instant: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        draw: @escaping @Sendable () -> UInt64,
        executor: (any TaskExecutor)? = nil
    ) {
        self.now = now
        self.instant = instant
        self.sleep = sleep
        self.draw = draw
        self.executor = executor
    }

    /// The clocks and the random numbers of this machine.
    package static let system = NodeTime(
        now: { SystemClock.now() },
        instant: { ContinuousClock.now },
        sleep: { try await ContinuousClock().sleep(for: $0) },
        draw: {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
    )

    /// Sleeps; returns false when the task was cancelled.
    func pause(_ duration: Duration) async -> Bool {
        do {
            try await sleep(duration)
            return true
        } catch {
            return false  // only cancellation ends a sleep early
        }
    }

    /// A random hexadecimal text of 32 digits.
    func randomID() -> String {
        (0..<2).map { _ in
            let word = String(draw(), radix: 16)
            return String(repeating: "0", count: 16 - word.utf8.count) + word
        }.joined()
    }

    /// Chance for whoever asks for a generator.
    var randomness: Randomness { Randomness(draw: draw) }

    /// The second clock for whoever asks for a clock.
    var clock: NodeClock { NodeClock(time: self) }

    /// A generator that draws from the node's chance.
    struct Randomness: RandomNumberGenerator, Sendable {
        fileprivate let draw: @Sendable () -> UInt64

        mutating func next() -> UInt64 { draw() }
    }

    /// A clock that reads and waits by the node's time.
    struct NodeClock: Clock {
        fileprivate let time: NodeTime

        var now: ContinuousClock.Instant { time.instant() }
        var minimumResolution: Duration { .zero }

        func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
            // Whoever waits by this clock waits by the node's time.
            try await time.sleep(time.instant().duration(to: deadline))
        }
    }
}
