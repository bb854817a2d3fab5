/// **I12, no leftovers.** When an attempt has ended, no process of it is left.
///
/// - An attempt that its worker reported (any outcome): no line of any of its processes is later than that
///   transaction's time by more than the tolerance.
/// - An attempt that was taken from its worker: no line is later than `quiet`; nor is one of an attempt that
///   never was
///   assigned. (While its worker is out of contact it may run on, unless it is exclusive: that is I11.)
func judgeLeftovers(_ evidence: Evidence, _ judgement: inout Judgement) {
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    let quiet = evidence.faults?.mark("quiet")
    for (key, lines) in probes.sorted(by: { $0.key < $1.key }) {
        guard let last = lines.max(by: { $0.realtime < $1.realtime }) else { continue }
        let attempt = evidence.attempts[key.unit]?.last { $0.key == key }
        if let attempt, let outcome = attempt.reportedOutcome, let end = attempt.end {
            judgement.look()
            if last.milliseconds > end.time + evidence.settings.tolerance {
                judgement.violated(
                    "a process of \(key) lived after its end was reported",
                    "\(end.shown) \(outcome)",
                    last.shown
                )
            }
        } else if let quiet, attempt == nil || attempt?.end != nil {
            judgement.look()
            if last.milliseconds > quiet + evidence.settings.tolerance {
                judgement.violated(
                    "a process of \(key) is left",
                    attempt?.end.map { "\($0.shown) taken from \(attempt?.worker ?? "")" }
                        ?? "never assigned",
                    last.shown
                )
            }
        }
    }
    if quiet == nil { judgement.needs("the mark quiet in --faults") }
}
