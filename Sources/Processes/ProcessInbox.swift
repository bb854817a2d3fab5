/// What callers have asked of the loop and it has not done yet.
///
/// Bounded by the number of processes a supervisor may know: a process is prepared once and released once,
/// and of several stops of one process the strictest stands.
struct ProcessInbox {
    /// A stop that was asked for.
    struct Stop: Equatable {
        /// The first signal; KILL skips the grace.
        var policy: StopPolicy

        /// Both stops as one: KILL before all, else the shorter grace.
        func merged(with other: Stop) -> Stop {
            if policy.signal == 9 { return self }
            if other.policy.signal == 9 { return other }
            return Stop(
                policy: StopPolicy(signal: other.policy.signal, grace: min(policy.grace, other.policy.grace))
            )
        }
    }

    /// The logs of all processes known: prepared, waiting to start, alive.
    var logs: [String: AttemptLog] = [:]
    var prepared: [String: PreparedProcess] = [:]
    /// Ids being prepared by a caller at this moment.
    var preparing: Set<String> = []
    var releases: [PreparedProcess] = []
    var stops: [String: Stop] = [:]
    /// A lease given since the loop looked.
    var lease: Lease?
    var isClosing = false

    var knownCount: Int { logs.count + preparing.count }

    /// Hands everything asked for to the loop.
    mutating func take() -> (
        releases: [PreparedProcess], stops: [String: Stop], lease: Lease?, isClosing: Bool
    ) {
        defer {
            releases.removeAll()
            stops.removeAll()
            lease = nil
        }
        return (releases, stops, lease, isClosing)
    }
}
