/// What a supervisor reports of a released process.
///
/// Every released process gives either `spawnFailed`, or `started` and later `ended`, each exactly once, and
/// at most one `lingering` between them. So no more than three events per live process can ever be pending.
package enum ProcessEvent: Sendable {
    /// The program runs.
    case started(ProcessStart)
    /// There is no process: the program could not be started. Nothing more follows.
    case spawnFailed(SpawnFailure)
    /// The main process has ended, yet some processes of its boundary have withstood KILL for 30 seconds
    /// (uninterruptible sleep). `ended` follows when they are gone.
    case lingering(id: String, pids: [Int32])
    /// The main process has ended and nothing is left of its boundary. Nothing more follows.
    case ended(ProcessExit)

    /// The attempt the event is about.
    package var id: String {
        switch self {
        case .started(let start): start.id
        case .spawnFailed(let failure): failure.id
        case .lingering(let id, _): id
        case .ended(let exit): exit.id
        }
    }
}

/// The start of a process.
package struct ProcessStart: Sendable {
    /// The attempt.
    package let id: String
    /// The main process; also the id of its session and process group.
    package let pid: Int32
    /// Wall-clock time of the start, milliseconds since 1970.
    package let startedAtMilliseconds: Int64
}

/// A start that did not happen.
package struct SpawnFailure: Error, Sendable, CustomStringConvertible {
    /// What was in the way.
    package enum Step: String, Sendable {
        /// The working directory is missing or cannot be entered.
        case workingDirectory
        /// The program is missing, not executable or not a program.
        case program
        /// The machine has no room: processes, memory, descriptors.
        case resources
        /// The supervisor was closing.
        case closing
        /// The lease was over.
        case lease
        /// The request cannot be carried out as it is.
        case request
    }

    /// The attempt.
    package let id: String
    /// What was in the way.
    package let step: Step
    /// The system's error number.
    package let errno: Int32
    /// A sentence for people, naming the file.
    package let message: String

    package var description: String { message }
}

/// The end of a process, with what it used and wrote.
package struct ProcessExit: Sendable {
    /// How the main process ended.
    package enum Outcome: Sendable, Equatable {
        /// It exited with this code, 0 to 255.
        case exited(Int32)
        /// This signal ended it.
        case signaled(Int32)
    }

    /// The attempt.
    package let id: String
    /// The main process, already reaped.
    package let pid: Int32
    /// How the main process ended, whatever the reason.
    package let outcome: Outcome
    /// Whether it was stopped because it ran beyond its timeout.
    package let hasTimedOut: Bool
    /// Whether `terminate` or `kill` reached it before it ended.
    package let wasStopped: Bool
    /// Whether it was stopped because the lease was over.
    package let hasLostLease: Bool
    /// Wall-clock time of the start, milliseconds since 1970.
    package let startedAtMilliseconds: Int64
    /// Wall-clock time of the end, milliseconds since 1970.
    package let endedAtMilliseconds: Int64
    /// How long it ran, on a clock that is never set and counts suspended time.
    package let duration: Duration
    /// Processor time of the main process and the descendants it waited for.
    package let cpuTime: Duration
    /// The largest resident size of one process of those.
    ///
    /// Linux counts the moment before the program is loaded, so this is never below the supervisor's own
    /// size.
    package let maxResidentBytes: Int64
    /// What was written to standard output and kept or dropped.
    package let stdout: LogStreamSummary
    /// What was written to standard error and kept or dropped.
    package let stderr: LogStreamSummary
}
