/// A failed call to Redis: what kind of failure, in words, and whether the command may have run all the same.
package struct RedisError: Error, Sendable, Hashable {
    /// The kind of a failure.
    package enum Code: Sendable, Hashable {
        /// The connection could not be made or broke.
        case io
        /// The server accepted no bytes or sent none for the configured time.
        case timeout
        /// The server's bytes were no RESP2, or an array was nested deeper than hiredis reads (7).
        case protocolError
        /// The client was closed before the reply came.
        case closed
        /// The queue was at its bound; the command was not accepted.
        case queueFull
        /// A connect failed a moment ago and the next attempt is not due yet; nothing was sent.
        case unavailable
        /// The reply had another type than the caller asked for.
        case unexpectedReply
        /// The server answered with an error; the prefix is its first word, such as `WRONGTYPE`.
        case reply(prefix: String)
    }

    /// The kind of the failure.
    package let code: Code

    /// What happened, in words; never contains a command's arguments.
    package let message: String

    /// The server as `host:port`; `nil` where no server was involved.
    package let server: String?

    /// Whether the command may or may not have been executed, because the connection failed after it was
    /// handed to the socket and before its reply came.
    package let isOutcomeUnknown: Bool

    /// Makes an error whose command was certainly not executed, unless said otherwise.
    package init(_ code: Code, _ message: String, server: String? = nil, isOutcomeUnknown: Bool = false) {
        self.code = code
        self.message = message
        self.server = server
        self.isOutcomeUnknown = isOutcomeUnknown
    }

    /// Whether the same call may succeed later without anybody changing anything.
    ///
    /// With ``isOutcomeUnknown`` it is the caller's decision whether a second execution would do harm.
    package var isRetriable: Bool {
        switch code {
        case .io, .timeout, .queueFull, .unavailable: true
        case .protocolError, .closed, .unexpectedReply: false
        case .reply(let prefix): Self.passingConditions.contains(prefix)
        }
    }

    /// The server's error prefixes that name a state it leaves by itself (Redis's `server.c`, shared
    /// replies).
    private static let passingConditions: Set<String> = [
        "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "TRYAGAIN",
    ]

    /// Makes the error for an error reply, with the first word as prefix where it is in capitals, else `ERR`.
    static func fromReply(_ text: String, server: String?) -> RedisError {
        let word = text.prefix { $0 != " " }
        let isPrefix = !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isUppercase || $0 == "_") }
        return RedisError(.reply(prefix: isPrefix ? String(word) : "ERR"), text, server: server)
    }

    /// The same failure, of a command that had already been handed to the socket.
    func withUnknownOutcome() -> RedisError {
        RedisError(code, message, server: server, isOutcomeUnknown: true)
    }
}

extension RedisError: CustomStringConvertible {
    /// The code, the message, the server and a note on an unknown outcome.
    package var description: String {
        let place = server.map { " (\($0))" } ?? ""
        return "redis \(code): \(message)\(place)\(isOutcomeUnknown ? ", outcome unknown" : "")"
    }
}
