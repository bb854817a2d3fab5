/// **I6, successors once.** What follows from an end follows once.
///
/// Violations:
/// - an attempt is assigned twice under the same number;
/// - the numbers of a unit's attempts are not 1, 2, 3 …;
/// - a unit is assigned after one of its attempts succeeded;
/// - a unit's first attempt is not followed from: a task of a run that ended `succeeded`, not a no-op and not
///   carried over, has a partition without an attempt (unless some may fail);
/// - a run after other jobs (`after`, without a schedule of its own) that was queued by the leader before
///   each of these had
///   succeeded for the same logical time;
/// - a run that succeeded, with its last dependents queued, and a job that comes after it alone, existing
///   all the while,
///   has no run for that time.
func judgeSuccessors(_ evidence: Evidence, _ judgement: inout Judgement) {
    for (unit, attempts) in evidence.attempts.sorted(by: { $0.key < $1.key }) {
        judgement.look()
        let success = evidence.finals[unit]?.first { $0.state == "succeeded" }
        for (index, attempt) in attempts.enumerated() {
            if attempt.key.number != index + 1 {
                let before = index > 0 ? attempts[index - 1].shown : "it is the first"
                judgement.violated(
                    "\(unit) has attempt \(attempt.key.number) as its attempt \(index + 1)",
                    before,
                    attempt.shown
                )
                break
            }
            if let success, attempt.begin > success.moment {
                judgement.violated(
                    "\(unit) was assigned after it had succeeded",
                    success.shown,
                    attempt.shown
                )
            }
        }
    }
    for run in evidence.runs.keys.sorted() { judgeUnits(of: run, evidence, &judgement) }
    judgeDependents(evidence, &judgement)
}

private func judgeUnits(of run: String, _ evidence: Evidence, _ judgement: inout Judgement) {
    guard let final = evidence.finalRuns[run]?.last, final.state == "succeeded",
        let definition = evidence.definition(of: run)
    else { return }
    let carried = Set(evidence.entries[run]?.first?.carried ?? [])
    for task in definition.tasks
    where task.kind != "noop" && !carried.contains(task.id) && task.condition == "all_success"
        && !task.toleratesFailures
    {
        for partition in 0..<task.partitions {
            judgement.look()
            let unit = UnitKey(run: run, task: task.id, partition: partition)
            if evidence.attempts[unit] == nil, !hasTolerantAncestor(task, definition) {
                judgement.violated("\(run) succeeded and \(unit) was never tried", final.shown)
            }
        }
    }
}

/// Whether a task above this one may fail without failing the run, so that this one may never start.
private func hasTolerantAncestor(_ task: Definition.Task, _ definition: Definition) -> Bool {
    // A failed task does not fail its run where what needs it starts in spite of that.
    definition.tasks.contains { $0.condition != "all_success" || $0.toleratesFailures } && !task.needs.isEmpty
}

private func judgeDependents(_ evidence: Evidence, _ judgement: inout Judgement) {
    var dependents: [String: [DefinitionLife]] = [:]
    for life in evidence.history.definitions {
        guard let definition = life.definition, definition.triggers.isEmpty else { continue }
        for upstream in definition.after { dependents[upstream, default: []].append(life) }
    }
    guard !dependents.isEmpty else { return }
    // Ends by job and logical time.
    var successes: [String: [FinalRun]] = [:]
    for final in evidence.history.finalRuns where final.state == "succeeded" {
        guard let name = RunName(final.run) else { continue }
        successes["\(name.job)@\(name.logicalTime)", default: []].append(final)
    }
    for entry in evidence.history.entries where entry.cause == "dependency" {
        guard let name = RunName(entry.run),
            let definition = evidence.definition(of: entry.run, version: entry.jobVersion, at: entry.begin)
        else { continue }
        judgement.look()
        for upstream in definition.after
        where successes["\(upstream)@\(name.logicalTime)"]?.contains(where: { $0.moment <= entry.begin })
            != true
        {
            judgement.violated(
                "\(entry.run) was queued before \(upstream) had succeeded for that time",
                entry.shown
            )
        }
    }
    let queued = Set(
        evidence.history.entries.compactMap { entry -> String? in
            guard let name = RunName(entry.run), name.isPlain else { return nil }
            return "\(name.job)@\(name.logicalTime)"
        }
    )
    for run in evidence.history.runs where run.triggersDownstream {
        guard let end = run.end, let name = RunName(run.run),
            let final = evidence.finalRuns[run.run]?.last, final.state == "succeeded"
        else { continue }
        for life in dependents[name.job] ?? []
        where life.definition?.after == [name.job] && life.begin < run.begin
            && life.end.map({ $0 > end }) ?? true
        {
            judgement.look()
            if !queued.contains("\(life.job)@\(name.logicalTime)") {
                judgement.violated(
                    "\(run.run) succeeded and \(life.job), which comes after it, was not queued",
                    final.shown,
                    "\(end.shown) runs/\(run.run) is gone"
                )
            }
        }
    }
}
