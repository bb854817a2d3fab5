import Synchronization

/// A Lua script that is sent once and then called by its digest.
///
/// The digest is the one that the server's `SCRIPT LOAD` replied; it depends on the source alone, so one
/// script may be used with any number of clients.
package final class RedisScript: Sendable {
    /// One call's keys and arguments.
    package struct Call: Sendable {
        /// The script's `KEYS`.
        package let keys: [String]
        /// The script's `ARGV`.
        package let arguments: [[UInt8]]

        /// Makes a call.
        package init(keys: [String], arguments: [any RedisArgument] = []) {
            self.keys = keys
            self.arguments = arguments.map(\.redisBytes)
        }
    }

    /// The Lua text.
    package let source: String

    private let digest = Mutex<[UInt8]?>(nil)

    /// Makes a script; nothing is sent yet.
    package init(_ source: String) {
        self.source = source
    }

    fileprivate var knownDigest: [UInt8]? { digest.withLock(\.self) }

    fileprivate func learn(_ loaded: [UInt8]) {
        digest.withLock { $0 = loaded }
    }
}

extension RedisClient {
    /// Calls a script and returns its result; loads it where the server does not have it.
    ///
    /// Throws like ``send(_:)``. A script's own `redis.error_reply` is thrown as `reply(prefix:)`.
    package nonisolated func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [any RedisArgument] = []
    ) async throws(RedisError) -> RedisValue {
        try await evaluate(script, calls: [RedisScript.Call(keys: keys, arguments: arguments)])[0].get()
    }

    /// Calls a script many times in one pipeline; one result per call, in order.
    ///
    /// When the server has forgotten the script (`NOSCRIPT`, after a restart or `SCRIPT FLUSH`), it is loaded
    /// and the calls that failed for that are made again, once, in their order; they had not been executed.
    /// Throws like ``pipeline(_:)``.
    package nonisolated func evaluate(
        _ script: RedisScript,
        calls: [RedisScript.Call]
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        if calls.isEmpty { return [] }
        var digest: [UInt8]
        if let known = script.knownDigest {
            digest = known
        } else {
            digest = try await load(script)
        }
        var results = try await pipeline(calls.map { command($0, digest: digest) })
        let missed = results.indices.filter { index in
            if case .failure(let error) = results[index] { return error.code == .reply(prefix: "NOSCRIPT") }
            return false
        }
        if missed.isEmpty { return results }
        digest = try await load(script)
        let again = try await pipeline(missed.map { command(calls[$0], digest: digest) })
        for (index, result) in zip(missed, again) { results[index] = result }
        return results
    }

    private nonisolated func load(_ script: RedisScript) async throws(RedisError) -> [UInt8] {
        let digest = try await send(RedisCommand("SCRIPT", "LOAD", script.source)).asBytes
        script.learn(digest)
        return digest
    }

    private nonisolated func command(_ call: RedisScript.Call, digest: [UInt8]) -> RedisCommand {
        var parts: [[UInt8]] = [Array("EVALSHA".utf8), digest, call.keys.count.redisBytes]
        parts += call.keys.map(\.redisBytes)
        parts += call.arguments
        return RedisCommand(parts)
    }
}
