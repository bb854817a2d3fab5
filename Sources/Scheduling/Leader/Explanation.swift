/// One reason why a run or task does not proceed, in the leader's own words.
package struct Blocker: Hashable, Sendable, Codable {
    /// Stable word: `upstream`, `slots`, `memory`, `label`, `pool`, `needs`, `backoff`, `overlap`, `paused`, `queue` …
    package var kind: String
    package var message: String
    package var task: TaskID?

    package init(kind: String, message: String, task: TaskID? = nil) {
        self.kind = kind
        self.message = message
        self.task = task
    }
}

/// Answer to "why": the state and what it waits for, most important first. Empty when nothing is in the way.
package struct Explanation: Hashable, Sendable, Codable {
    package var run: RunID
    package var state: String
    package var blockers: [Blocker]

    package init(run: RunID, state: String, blockers: [Blocker]) {
        self.run = run
        self.state = state
        self.blockers = blockers
    }
}
