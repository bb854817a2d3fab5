import Glibc

/// The bounds of the server: what one client, and all of them together, may hold open, and for how long.
package struct HTTPLimits: Hashable, Sendable {
    /// Connections at once. One more is answered 503 and closed.
    package var connections = 2_048
    /// Connections at once from one address. One more is answered 429 and closed.
    package var connectionsPerAddress = 256
    /// Answers at once that last: events, and logs that are followed or fetched from another node. One more is
    /// answered 429.
    package var streams = 1_024
    /// Bytes of one request's headers, and of each of them. More is answered 400, and the connection closed.
    package var headerBytes = 32 * 1024
    /// Headers of one request. More is answered 400, and the connection closed.
    package var headerCount = 100
    /// How long a request's head may take: from the opening of the connection, or from its first bytes where the
    /// connection was used before. Then it is answered 408 and closed.
    package var headTimeout: Duration = .seconds(10)
    /// How long a request's body may take from the end of its head. Then the connection is closed.
    package var bodyTimeout: Duration = .seconds(30)
    /// How long a connection may wait between two requests. Longer than the pools of usual clients wait.
    package var idleTimeout: Duration = .seconds(75)
    /// How long a client may take nothing of an answer that is too large for the buffers. Then it is closed.
    package var stallTimeout: Duration = .seconds(60)

    package init() {}

    /// The defaults, with a quarter of the descriptors that this process may open at the most for connections.
    package static var ofThisProcess: HTTPLimits {
        var limits = HTTPLimits()
        var descriptors = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0 {
            let share = Int(clamping: descriptors.rlim_cur / 4)
            limits.connections = min(limits.connections, max(16, share))
            limits.connectionsPerAddress = min(limits.connectionsPerAddress, limits.connections)
            limits.streams = min(limits.streams, limits.connections)
        }
        return limits
    }
}
