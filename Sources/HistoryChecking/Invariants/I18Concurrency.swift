/// **I18, concurrency.** No more at once than is allowed.
///
/// After each transaction:
/// - the assignments of a worker are at most its slots (`slots` of the settings, else of its registration);
/// - the assignments of a task of a run are at most its `max_parallel`;
/// - with `overlap: skip`, no run with cause `schedule` or `dependency` is admitted while another run of its
///   job lives
///   and is not over.
func judgeConcurrency(_ evidence: Evidence, _ judgement: inout Judgement) {
    judgeSlots(evidence, &judgement)
    for (job, runs) in evidence.runsOfJob.sorted(by: { $0.key < $1.key }) {
        // The run that ends last of those that began: enough to see an overlap.
        for (index, run) in runs.enumerated() where run.cause == "schedule" || run.cause == "dependency" {
            guard index > 0,
                evidence.definition(of: run.run, version: run.jobVersion, at: run.begin)?.overlap == "skip"
            else { continue }
            judgement.look()
            for other in runs[max(0, index - 16)..<index] where isActive(other, at: run.begin) {
                judgement.violated(
                    "two runs of \(job), which skips overlap, lived at once",
                    other.shown,
                    run.shown
                )
            }
        }
    }
}

/// Whether a run was not over before a transaction.
private func isActive(_ run: RunLife, at moment: Moment) -> Bool {
    let ends: Set<String> = ["succeeded", "failed", "killed", "cancelled", "skipped"]
    guard run.begin < moment, run.end.map({ $0 > moment }) ?? true else { return false }
    return !run.states.contains { $0.moment <= moment && ends.contains($0.state) }
}

private func judgeSlots(_ evidence: Evidence, _ judgement: inout Judgement) {
    var changes: [(moment: Moment, delta: Int, attempt: AttemptLife)] = []
    for attempt in evidence.history.attempts {
        changes.append((attempt.begin, 1, attempt))
        if let end = attempt.end { changes.append((end, -1, attempt)) }
    }
    // Within a transaction what ends makes place for what begins.
    changes.sort { $0.moment == $1.moment ? $0.delta < $1.delta : $0.moment < $1.moment }
    var byWorker: [String: Int] = [:]
    var byTask: [String: Int] = [:]
    for change in changes {
        let attempt = change.attempt
        let task = "\(attempt.key.unit.run)~\(attempt.key.unit.task)"
        byWorker[attempt.worker, default: 0] += change.delta
        byTask[task, default: 0] += change.delta
        guard change.delta > 0 else { continue }
        judgement.look()
        let slots =
            evidence.settings.slots(of: attempt.worker)
            ?? evidence.registrations[attempt.worker]?.filter { $0.begin < attempt.begin }.compactMap(\.slots)
            .max()
            .map { Int64($0) }
        if let slots, Int64(byWorker[attempt.worker] ?? 0) > slots {
            judgement.violated(
                "\(attempt.worker) has \(byWorker[attempt.worker] ?? 0) assignments and \(slots) slots",
                attempt.shown
            )
        }
        if let limit = evidence.definition(of: attempt.key.unit.run)?.task(attempt.key.unit.task)?
            .maximumParallel,
            byTask[task] ?? 0 > limit
        {
            judgement.violated(
                "\(task) has \(byTask[task] ?? 0) assignments, max_parallel is \(limit)",
                attempt.shown
            )
        }
        if byTask[task] == 0 { byTask[task] = nil }
    }
}
