/// What went wrong with an operation on a coordination store, and with which one.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure. Raw values are ZooKeeper's own codes.
    package enum Code: Hashable, Sendable {
        /// The connection broke before the answer came. **The outcome is unknown**: a write may have been applied.
        case connectionLoss
        /// No answer within the time allowed. **The outcome is unknown.**
        case operationTimeout
        /// The session was closed by this process before the answer came. **The outcome is unknown.**
        case closing
        /// Nothing was sent: the session is not connected at this moment.
        case notConnected
        /// The session is over; nothing was applied.
        case sessionExpired
        /// The session was taken over by another connection; nothing was applied.
        case sessionMoved
        /// Nothing was applied: the server is shedding load.
        case throttled
        case noNode
        case nodeExists
        case badVersion
        case notEmpty
        case noChildrenForEphemerals
        case noAuth
        case authFailed
        case invalidACL
        /// Refused before any call: a path, a size or a combination that must not reach the server.
        case badArguments
        /// Refused before any call: more bytes or operations than one request may hold.
        case tooLarge
        /// An operation of a `multi` that was not tried because another one failed.
        case runtimeInconsistency
        /// Any other code, by ZooKeeper's number.
        case other(Int32)
    }

    package let code: Code
    /// The operation's name (`create`, `multi` …).
    package let operation: String
    package let path: ZnodePath?
    /// The index of the first operation that failed, where the failing call was a `multi`.
    package let failedIndex: Int?
    package let message: String?

    package init(
        _ code: Code,
        operation: String,
        path: ZnodePath? = nil,
        failedIndex: Int? = nil,
        message: String? = nil
    ) {
        self.code = code
        self.operation = operation
        self.path = path
        self.failedIndex = failedIndex
        self.message = message
    }

    /// Whether a write may have been applied although this error came back.
    package var isOutcomeUnknown: Bool {
        switch code {
        case .connectionLoss, .operationTimeout, .closing: true
        default: false
        }
    }

    /// Whether the same call may succeed later in the same session.
    package var isRetriable: Bool {
        switch code {
        case .connectionLoss, .operationTimeout, .notConnected, .throttled: true
        default: false
        }
    }

    /// Whether the session that the call was made in can never be used again.
    package var isSessionOver: Bool {
        switch code {
        case .sessionExpired, .sessionMoved, .closing, .authFailed: true
        default: false
        }
    }

    package var description: String {
        var text = "\(operation)"
        if let path { text += " \(path)" }
        text += ": \(code)"
        if let failedIndex { text += " (operation \(failedIndex))" }
        if let message { text += ": \(message)" }
        return text
    }
}
