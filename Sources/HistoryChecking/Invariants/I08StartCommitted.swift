/// **I8, start is committed first.** No command runs before the commit of its start.
///
/// For each `start` of a main process: its attempt has an assignment in the log, which was set (T4) by a
/// transaction whose
/// time is not later than the line's clock (both are the same machine's; the log has milliseconds, so one
/// is allowed for), and the assignment existed at that time. The other way round, what is recorded as a
/// success of a probe was started by one: a task that writes down its own life leaves the line before
/// anything else.
func judgeStartCommitted(_ evidence: Evidence, _ judgement: inout Judgement) {
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    for (key, lines) in probes.sorted(by: { $0.key < $1.key }) {
        for line in lines where line.event == "start" && line.isMain {
            judgement.look()
            guard let attempt = evidence.attempts[key.unit]?.first(where: { $0.key == key }) else {
                judgement.violated("\(key) started and was never assigned", line.shown)
                continue
            }
            guard let start = attempt.starts.first else {
                judgement.violated("\(key) started without a commit of its start", attempt.shown, line.shown)
                continue
            }
            if start.time > line.milliseconds + 1 {
                judgement.violated(
                    "\(key) started before the commit of its start",
                    line.shown,
                    "\(start.shown) T4"
                )
            }
        }
    }
    for final in evidence.history.finalAttempts where final.state == "succeeded" {
        guard let attempt = evidence.attempts[final.key.unit]?.first(where: { $0.key == final.key }),
            attempt.isProbe
        else { continue }
        judgement.look()
        if probes[final.key]?.contains(where: { $0.event == "start" && $0.isMain }) != true {
            judgement.violated("\(final.key) succeeded and never started", attempt.shown, final.shown)
        }
    }
}
