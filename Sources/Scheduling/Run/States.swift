/// Where a run stands.
///
/// `waiting` (for other jobs) → `queued` → `running` → (`failing` | `killing`) → one of the ends; `paused` from
/// `running` and back; `skipped` from `waiting` or `queued`.
package enum RunState: String, Hashable, Sendable, Codable, CaseIterable {
    case waiting, queued, running, paused
    /// A task failed for good. What can still run by its own condition does; the run ends `failed`.
    case failing
    /// A cancel or kill is under way.
    case killing
    case succeeded, failed, killed, cancelled, skipped

    package var isOver: Bool {
        switch self {
        case .waiting, .queued, .running, .paused, .failing, .killing: false
        case .succeeded, .failed, .killed, .cancelled, .skipped: true
        }
    }
}

/// Where a task or one of its partitions stands.
///
/// `waiting` (for needed tasks) → `queued` (ready, no place yet) → `assigned` → `running` → `succeeded`, or
/// `retrying` (waits for its backoff) → `queued` again, or `killing` → `killed` or `cancelled`.
package enum TaskState: String, Hashable, Sendable, Codable, CaseIterable {
    case waiting, queued, assigned, running, retrying, killing
    case succeeded, failed, killed, cancelled, skipped

    package var isOver: Bool {
        switch self {
        case .waiting, .queued, .assigned, .running, .retrying, .killing: false
        case .succeeded, .failed, .killed, .cancelled, .skipped: true
        }
    }

    /// Whether an attempt exists that a worker may be running.
    package var hasLiveAttempt: Bool {
        switch self {
        case .assigned, .running, .killing: true
        default: false
        }
    }

    /// One letter, for the compact form of many states.
    package var letter: Character {
        switch self {
        case .waiting: "w"
        case .queued: "q"
        case .assigned: "a"
        case .running: "r"
        case .retrying: "t"
        case .killing: "g"
        case .succeeded: "s"
        case .failed: "f"
        case .killed: "k"
        case .cancelled: "c"
        case .skipped: "x"
        }
    }

    package init?(letter: Character) {
        guard let state = Self.allCases.first(where: { $0.letter == letter }) else { return nil }
        self = state
    }
}

/// How an attempt ended.
package enum AttemptOutcome: String, Hashable, Sendable, Codable, CaseIterable {
    case succeeded
    /// *Exception*: the user's code failed.
    case failed
    case timedOut = "timed_out"
    case killed
    /// The worker was lost, or found the attempt started by an earlier incarnation of itself that no longer runs it.
    case lost
    /// The worker would not or could not start it.
    case refused
    /// *System exception*: ours, not the user's (no such program, disk full …).
    case systemFailed = "system_failed"
}

/// Why a run exists.
package enum RunCause: String, Hashable, Sendable, Codable, CaseIterable {
    case schedule, manual, dependency, retry
}
