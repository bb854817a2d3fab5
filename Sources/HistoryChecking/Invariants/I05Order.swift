/// **I5, order of tasks.** A task starts after all that it needs is over.
///
/// By the log, for every attempt of a task with `needs`: each needed task (through no-ops, which leave no
/// attempt) has ended all its attempts, by final records in the same commit or before, and none of them is
/// tried again
/// later. With `all_success` (the default) the last attempt of each partition succeeded, and there was one,
/// unless the
/// task was carried over from the run that this one repeats, or some partitions may fail (`min_success`). By
/// the probes: the first line of the attempt is later than the last line of the main process of each
/// accepted attempt of what it
/// needs.
func judgeOrder(_ evidence: Evidence, _ judgement: inout Judgement) {
    for (run, units) in Dictionary(grouping: evidence.attempts.keys, by: \.run).sorted(by: { $0.key < $1.key }
    ) {
        guard let definition = evidence.definition(of: run) else { continue }
        let carried = Set(evidence.entries[run]?.first?.carried ?? [])
        var summaries: [String: TaskSummary] = [:]
        for (task, units) in Dictionary(grouping: units, by: \.task) {
            summaries[task] = TaskSummary(units, evidence)
        }
        for (task, units) in Dictionary(grouping: units, by: \.task).sorted(by: { $0.key < $1.key }) {
            guard let own = definition.task(task), !own.needs.isEmpty else { continue }
            for needed in needed(by: own, definition) where !carried.contains(needed.task.id) {
                for unit in units {
                    judgement.look()
                    judgeNeed(
                        unit,
                        needed.task,
                        demandsSuccess: needed.demandsSuccess,
                        summaries[needed.task.id],
                        evidence,
                        &judgement
                    )
                }
            }
        }
    }
    if evidence.probes == nil { judgement.needs("--probes") }
}

/// What a task needs, with no-ops replaced by what these need.
private func needed(
    by task: Definition.Task,
    _ definition: Definition
) -> [(task: Definition.Task, demandsSuccess: Bool)] {
    var result: [(Definition.Task, Bool)] = []
    var seen: Set<String> = []
    var open = task.needs.map { ($0, task.condition == "all_success") }
    while let (id, demandsSuccess) = open.popLast() {
        guard seen.insert(id).inserted, let found = definition.task(id) else { continue }
        if found.kind == "noop" {
            open += found.needs.map { ($0, demandsSuccess && found.condition == "all_success") }
        } else {
            result.append((found, demandsSuccess))
        }
    }
    return result
}

/// What happened to all units of one task of a run.
private struct TaskSummary {
    var lastAssigned: AttemptLife?
    var lastFinal: FinalAttempt?
    /// An attempt without a final record.
    var open: AttemptLife?
    /// A unit whose last attempt did not succeed.
    var failed: FinalAttempt?
    /// The last line of a process whose end was accepted.
    var lastLine: ProbeLine?

    init(_ units: [UnitKey], _ evidence: Evidence) {
        for unit in units {
            let finals = evidence.firstFinals[unit] ?? []
            let ended = Set(finals.map(\.key))
            for attempt in evidence.attempts[unit] ?? [] {
                if attempt.begin > lastAssigned?.begin ?? Moment(zxid: -1, time: 0) { lastAssigned = attempt }
                if !ended.contains(attempt.key) { open = attempt }
            }
            for final in finals where final.moment > lastFinal?.moment ?? Moment(zxid: -1, time: 0) {
                lastFinal = final
            }
            guard let last = finals.max(by: { $0.key.number < $1.key.number }) else { continue }
            if last.state != "succeeded" { failed = last }
            if last.state != "lost",
                let line = evidence.probes?[last.key]?.last(where: \.isMain),
                line.monotonic > lastLine?.monotonic ?? .min
            {
                lastLine = line
            }
        }
    }
}

private func judgeNeed(
    _ unit: UnitKey,
    _ needed: Definition.Task,
    demandsSuccess: Bool,
    _ summary: TaskSummary?,
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    guard let attempt = evidence.attempts[unit]?.first else { return }
    guard let summary else {
        if demandsSuccess {
            judgement.violated(
                "\(unit) was assigned and \(needed.id), which it needs, was never tried",
                attempt.shown
            )
        }
        return
    }
    if let open = summary.open {
        judgement.violated(
            "\(unit) was assigned and \(needed.id), which it needs, has an attempt without an end",
            open.shown,
            attempt.shown
        )
    } else if let final = summary.lastFinal, final.moment > attempt.begin {
        judgement.violated("\(unit) was assigned before \(needed.id) was over", attempt.shown, final.shown)
    } else if let last = summary.lastAssigned, last.begin >= attempt.begin {
        judgement.violated(
            "\(needed.id) was tried again after \(unit) was assigned",
            attempt.shown,
            last.shown
        )
    } else if demandsSuccess, !needed.toleratesFailures, let failed = summary.failed {
        judgement.violated(
            "\(unit) was assigned although \(needed.id) did not succeed",
            failed.shown,
            attempt.shown
        )
    }
    if let end = summary.lastLine, let start = evidence.probes?[attempt.key]?.first,
        start.monotonic < end.monotonic
    {
        judgement.violated("\(unit) started before \(needed.id) ended", start.shown, end.shown)
    }
}
