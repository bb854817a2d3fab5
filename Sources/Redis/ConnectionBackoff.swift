/// Decides when the next connect is due after failed ones; pure, the time is an argument.
struct ConnectionBackoff {
    private let first: Duration
    private let longest: Duration
    private var failures = 0
    private var dueTime: ContinuousClock.Instant?

    /// The error of the last failed connect; `nil` after a successful one.
    private(set) var lastError: RedisError?

    /// Makes a backoff that doubles from `first` up to `longest`.
    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// Notes a failed connect; `jitter` from 0 up to 1 shortens the wait by up to half.
    mutating func connectFailed(_ error: RedisError, at now: ContinuousClock.Instant, jitter: Double) {
        let full = min(longest, first * (1 << min(failures, 20)))
        failures += 1
        lastError = error
        dueTime = now + full * (1 - min(max(jitter, 0), 1) / 2)
    }

    /// Notes a successful connect: the next failure waits the first backoff again.
    mutating func connectSucceeded() {
        failures = 0
        lastError = nil
        dueTime = nil
    }

    /// How long to wait before the next connect; zero when it is due.
    func remaining(at now: ContinuousClock.Instant) -> Duration {
        guard let dueTime, dueTime > now else { return .zero }
        return now.duration(to: dueTime)
    }
}
