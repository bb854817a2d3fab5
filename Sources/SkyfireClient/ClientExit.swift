/// What the executable's exit code says. Scripts rely on these numbers; they do not change.
package enum ClientExit: Int32, Hashable, Sendable, CaseIterable {
    /// Done; with `--wait` and `--follow`: the run succeeded.
    case ok = 0
    case failure = 1
    /// The run failed.
    case runFailed = 3
    /// Not signed in, or not allowed.
    case denied = 4
    case notFound = 5
    /// The name is taken, the state does not allow it, or the version is stale.
    case conflict = 6
    /// The run was cancelled, killed or skipped.
    case runStopped = 7
    /// No server answers, or the cluster has no leader.
    case unreachable = 8
    case usage = 64
    /// A job file has mistakes.
    case invalidDefinition = 65
    /// `--timeout` has passed.
    case timedOut = 124
    /// Ctrl-C. What was started on the cluster goes on.
    case interrupted = 130

    /// The code for an answer of the server.
    ///
    /// - Parameters:
    ///   - httpStatus: 400 or above.
    ///   - code: the problem's code, `E1203`. Codes from E1000 to E1999 are mistakes in a job file; so are E2014
    ///     and E2015, which only a server can find: an unknown upstream and a cycle between jobs.
    package init(httpStatus: Int, code: String?) {
        let isDefinition =
            code.map { $0.hasPrefix("E1") && $0.utf8.count == 5 || $0 == "E2014" || $0 == "E2015" } ?? false
        switch httpStatus {
        case 400, 413, 422: self = isDefinition ? .invalidDefinition : .failure
        case 401, 403: self = .denied
        case 404, 410: self = .notFound
        case 409, 412, 428: self = .conflict
        case 502, 503, 504: self = .unreachable
        default: self = .failure
        }
    }

    /// The code for how a run or an attempt ended; nil while it is not over.
    package init?(ended state: String) {
        switch state {
        case "succeeded": self = .ok
        case "failed", "timed_out", "lost", "refused", "system_failed": self = .runFailed
        case "killed", "cancelled", "skipped": self = .runStopped
        default: return nil
        }
    }
}
