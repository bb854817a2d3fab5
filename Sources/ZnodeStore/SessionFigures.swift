/// How near a session is to its bounds.
package struct SessionFigures: Hashable, Sendable {
    /// What there is, what there may be, and how often more was refused.
    package struct Level: Hashable, Sendable {
        package var value: Int
        package var limit: Int
        package var refused: Int

        package init(value: Int, limit: Int, refused: Int = 0) {
            self.value = value
            self.limit = limit
            self.refused = refused
        }
    }

    /// Requests that are on their way. Beyond the limit they wait.
    package var requests: Level
    /// Requests that wait to be sent. Beyond the limit they fail with `.throttled`, unsent.
    package var waiting: Level
    /// What the paths of the armed watches take in the request that a reconnect sends. Beyond the limit reads with
    /// another watch fail with `.tooLarge`, unsent.
    package var watchedBytes: Level
    /// The largest transaction that was sent. Beyond the limit, in bytes or operations, they fail with `.tooLarge`, unsent.
    package var transactionBytes: Level

    package init(requests: Level, waiting: Level, watchedBytes: Level, transactionBytes: Level) {
        self.requests = requests
        self.waiting = waiting
        self.watchedBytes = watchedBytes
        self.transactionBytes = transactionBytes
    }
}
