import Cron
import Scheduling

/// What must follow from runs that have succeeded.
struct Successors {
    /// How old a version of a dependent must be when a run is admitted, in nanoseconds: the leader may have to read it yet.
    private static let grace: Int64 = .second * 10

    private var admittedAt: [RunID: Int64] = [:]
    /// Runs that set nothing free, whatever their end.
    private var silent: Set<RunID> = []
    /// When the present version of each job was stored.
    private var storedAt: [String: Int64] = [:]
    /// How runs ended that have left the tree.
    private var left: [RunID: RunState] = [:]

    mutating func jobStored(_ job: String, at now: Int64) { storedAt[job] = now }

    mutating func admitted(_ run: RunID, triggersDownstream: Bool, at now: Int64) {
        admittedAt[run] = now
        if !triggersDownstream { silent.insert(run) }
    }

    mutating func left(_ run: RunID, as state: RunState?) { left[run] = state }

    /// Runs that must have been queued by when a run leaves the tree: those of jobs that come after its job, have no
    /// schedule of their own, and wait for nothing else.
    func following(
        _ run: RunID,
        _ epochs: [String: Judge.Epoch],
        _ marks: [String: Int64]
    ) -> [RunID] {
        guard left[run] == .succeeded, !silent.contains(run), let admittedAt = admittedAt[run] else {
            return []
        }
        let time = run.logicalTime
        return epochs.sorted { $0.key < $1.key }.compactMap { job, epoch in
            let upstreams = (epoch.definition.after ?? []).map(\.job)
            guard upstreams.contains(run.job), epoch.due.isEmpty,
                let storedAt = storedAt[job], admittedAt - storedAt >= Self.grace,
                marks[job].map({ $0 < time.seconds }) ?? true,
                upstreams.allSatisfy({ left[RunID(job: $0, logicalTime: time)] == .succeeded })
            else { return nil }
            return RunID(job: epoch.definition.name, logicalTime: time)
        }
    }
}
