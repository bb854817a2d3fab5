/// An operation of this module that could not be done.
package struct ProcessError: Error, Sendable, CustomStringConvertible {
    /// A stable word for the kind of failure.
    package enum Code: String, Sendable {
        /// The request cannot be carried out as given.
        case invalidRequest
        /// A live process has this id already.
        case duplicateID
        /// No prepared process has this id.
        case unknownID
        /// As many processes as allowed are known already; retriable when one has ended.
        case tooManyProcesses
        /// The supervisor is closing or closed.
        case closed
        /// The operating system refused; `systemError` says why.
        case system
    }

    /// A stable word for the kind of failure.
    package let code: Code
    /// A sentence for people.
    package let message: String
    /// The operating system's error number, where one caused this.
    package let systemError: Int32?

    /// Whether the same call may succeed later.
    package var isRetriable: Bool { code == .tooManyProcesses || code == .system }

    package var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
        self.systemError = nil
    }

    init(errno: Int32, _ doing: String) {
        self.code = .system
        self.message = "\(doing): \(errorText(errno))"
        self.systemError = errno
    }
}
