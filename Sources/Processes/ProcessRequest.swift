/// Everything needed to start one process, and to end it.
package struct ProcessRequest: Sendable {
    /// The name of the attempt, unique among the live processes of a supervisor; at most 200 UTF-8 bytes.
    package var id: String

    /// The program and its arguments, at least one. A name without a slash is looked up in the `PATH` of
    /// `environment`; a shell line is given as `["/bin/sh", "-c", line]`.
    package var arguments: [String]

    /// The complete environment: nothing is inherited. The process sees it sorted by name.
    package var environment: [String: String]

    /// Where the process starts. It must exist; the supervisor never makes or removes it.
    package var workingDirectory: String

    /// Where the attempt's output goes. Made, with its parents, when the first byte of output arrives.
    package var logDirectory: String

    /// How long the process may run before `stopPolicy` is applied; `nil` is without limit.
    package var timeout: Duration?

    /// How the process is asked to end on a timeout.
    package var stopPolicy: StopPolicy

    /// The name of an environment variable whose value no other attempt has.
    ///
    /// Processes that left the session by `setsid` are still known by it, unless they wiped their
    /// environment. Without it only the session counts, and such processes escape.
    package var boundaryVariable: String?

    /// Whether the process must not outlive the supervisor's lease.
    package var isLeased: Bool

    /// What the caller wants to be told of the process by whoever takes it over; at most 64 KiB.
    package var context: String

    /// Makes a request with no timeout and the default stop policy unless told otherwise.
    package init(
        id: String,
        arguments: [String],
        environment: [String: String],
        workingDirectory: String,
        logDirectory: String,
        timeout: Duration? = nil,
        stopPolicy: StopPolicy = StopPolicy(),
        boundaryVariable: String? = nil,
        isLeased: Bool = false,
        context: String = "",
    ) {
        self.id = id
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.logDirectory = logDirectory
        self.timeout = timeout
        self.stopPolicy = stopPolicy
        self.boundaryVariable = boundaryVariable
        self.isLeased = isLeased
        self.context = context
    }

    /// `NAME=value` as it stands in `/proc/<pid>/environ`, or `nil` when no variable marks the boundary.
    var boundaryMark: String? {
        guard let name = boundaryVariable, let value = environment[name], !value.isEmpty else { return nil }
        return "\(name)=\(value)"
    }
}

/// How a process is asked to end: a signal to its group, and KILL to the whole boundary after a grace.
package struct StopPolicy: Sendable, Equatable {
    /// The first signal's number; 15 (TERM) unless told otherwise.
    package var signal: Int32

    /// How long the process may take after the first signal; 10 seconds unless told otherwise.
    package var grace: Duration

    /// Makes a policy; the defaults are TERM and 10 seconds.
    package init(signal: Int32 = 15, grace: Duration = .seconds(10)) {
        self.signal = signal
        self.grace = grace
    }
}
