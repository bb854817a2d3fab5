/// How long a waiting verb bears servers that do not answer: it tells of it once and asks again, slower each time.
package struct Patience: Sendable {
    private let limit: Duration
    private let console: Console
    private var hasAnswered: Bool
    private var since: ContinuousClock.Instant?
    private var pause = Duration.milliseconds(200)

    /// - Parameters:
    ///   - console: where it is told.
    ///   - limit: how long it asks again.
    ///   - hasAnswered: whether a server was there before. One that never was is not waited for.
    package init(console: Console, limit: Duration = .seconds(60), hasAnswered: Bool = false) {
        self.hasAnswered = hasAnswered
        self.console = console
        self.limit = limit
    }

    /// Called when something was answered.
    package mutating func reset() {
        hasAnswered = true
        guard since != nil else { return }
        since = nil
        pause = .milliseconds(200)
    }

    /// Waits before the next try, or throws the error once the limit has passed.
    package mutating func wait(after error: ClientError) async throws {
        guard hasAnswered else { throw error }
        let now = ContinuousClock.now
        if let since {
            if now - since > limit { throw error }
        } else {
            since = now
            console.note("\(error.message); asking again for \(limit.components.seconds) s")
        }
        // The backoff between two tries; how long in all is bounded above.
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(3))
    }
}
