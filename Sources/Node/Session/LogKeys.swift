/// The keys of log metadata, one place for all of the node.
enum LogKeys {
    static let attempt = "attempt.id"
    static let commit = "leader.commit"
    static let count = "count"
    static let error = "error"
    static let job = "job.name"
    static let reason = "reason"
    static let run = "run.id"
    static let session = "session.id"
    static let state = "session.state"
    static let step = "step"
    static let term = "leader.term"
    static let worker = "worker.id"
}
