/// **I16, ends are final.** What is over stays as it ended.
///
/// Violations:
/// - two final records of one run;
/// - a record of a live run whose state is an end, followed by another state;
/// - a final record that differs from the end that the run's record had;
/// - a unit whose state was an end and then is another;
/// - an attempt that is assigned after its run ended.
func judgeEnds(_ evidence: Evidence, _ judgement: inout Judgement) {
    let ends: Set<String> = ["succeeded", "failed", "killed", "cancelled", "skipped"]
    for (run, finals) in evidence.finalRuns.sorted(by: { $0.key < $1.key }) {
        judgement.look()
        // The same id of a job that was deleted and claimed again is another run: I1 sees to that.
        for (first, second) in zip(finals, finals.dropFirst())
        where !isClaimedAnew(run, first.moment, second.moment, evidence) {
            judgement.violated("\(run) ended twice", first.shown, second.shown)
        }
        for life in evidence.runs[run] ?? [] {
            guard let final = finals.first(where: { $0.moment >= life.begin }) else { continue }
            if let end = life.states.first(where: { ends.contains($0.state) }), end.state != final.state {
                judgement.violated(
                    "\(run) ended as two things",
                    "\(end.moment.shown) runs/\(run) \(end.state)",
                    final.shown
                )
            }
        }
    }
    for life in evidence.history.runs {
        for (first, second) in zip(life.states, life.states.dropFirst()) where ends.contains(first.state) {
            judgement.violated(
                "\(life.run) was over and went on",
                "\(first.moment.shown) \(first.state)",
                "\(second.moment.shown) \(second.state)"
            )
        }
    }
    for revival in evidence.history.revivals {
        judgement.violated(
            "unit \(revival.unit) of \(revival.run) was \(revival.from) and is \(revival.to)",
            "\(revival.moment.shown) runs/\(revival.run)"
        )
    }
    for attempt in evidence.history.attempts {
        if let final = evidence.finalRuns[attempt.key.unit.run]?.first, attempt.begin > final.moment,
            !isClaimedAnew(attempt.key.unit.run, final.moment, attempt.begin, evidence)
        {
            judgement.violated(
                "\(attempt.key) was assigned after its run had ended",
                final.shown,
                attempt.shown
            )
        }
    }
}

/// Whether the name of a run's job was claimed anew between two moments.
private func isClaimedAnew(_ run: String, _ first: Moment, _ second: Moment, _ evidence: Evidence) -> Bool {
    guard let name = RunName(run) else { return false }
    return evidence.jobs[name.job]?.contains { first < $0.begin && $0.begin <= second } == true
}
