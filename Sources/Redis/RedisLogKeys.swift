/// The metadata keys of this module's log lines.
enum RedisLogKeys {
    /// The server as `host:port`.
    static let server = "redis.server"
    /// A ``RedisError`` in words.
    static let error = "redis.error"
    /// The stream a tail reads.
    static let stream = "redis.stream"
}
