import Cron
import Logging
import Node
import Scheduling

/// What the handlers of routes work with.
struct APIEnvironment: Sendable {
    let operations: any ClusterOperations
    let zones: TimeZoneDatabase
    let logger: Logger
    let proxy: LogProxy
    /// The streams of server-sent events that are open.
    let streams: OpenStreams
    let gate: ConnectionGate
    let limits: HTTPLimits
    /// What was answered with problems; every copy has the same.
    let problems = ProblemCounts()
    let startedAt: WallTime
    let now: @Sendable () -> WallTime
}
