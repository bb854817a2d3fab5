/// **I4, fencing.** What counts is what the attempt with the highest token said.
///
/// The fencing token of an attempt is the zxid that created its assignment; it grows with the number of the
/// attempt.
/// Violations:
/// - an attempt with a higher number and a lower or equal token than one before it;
/// - a final record of an attempt, other than `lost`, after a later attempt of the unit was assigned;
/// - two final records of one attempt that differ in their state;
/// - a final record, or a probe, that names another token than the assignment has.
func judgeFencing(_ evidence: Evidence, _ judgement: inout Judgement) {
    for attempts in evidence.attempts.values {
        let ordered = attempts.sorted { $0.key.number < $1.key.number }
        for (first, second) in zip(ordered, ordered.dropFirst())
        where second.key.number > first.key.number && second.token <= first.token {
            judgement.violated("a later attempt has a lower token", first.shown, second.shown)
        }
    }
    for (unit, finals) in evidence.finals.sorted(by: { $0.key < $1.key }) {
        let attempts = evidence.attempts[unit] ?? []
        var states: [Int: FinalAttempt] = [:]
        for final in finals {
            judgement.look()
            if let before = states[final.key.number], before.state != final.state {
                judgement.violated("\(final.key) ended twice", before.shown, final.shown)
            }
            states[final.key.number] = final
            if final.state != "lost",
                let later = attempts.first(where: {
                    $0.key.number > final.key.number && $0.begin < final.moment
                })
            {
                judgement.violated(
                    "\(final.key) counted although a later attempt had been assigned",
                    later.shown,
                    final.shown
                )
            }
            if let token = final.token, let life = attempts.first(where: { $0.key == final.key }),
                token != life.token
            {
                judgement.violated("\(final.key) is recorded with token \(token)", life.shown, final.shown)
            }
        }
    }
    for (key, lines) in evidence.probes ?? [:] {
        guard let line = lines.first, let token = line.token,
            let life = evidence.attempts[key.unit]?.first(where: { $0.key == key })
        else { continue }
        judgement.look()
        if token != life.token {
            judgement.violated("\(key) was given token \(token)", life.shown, line.shown)
        }
    }
    if evidence.probes == nil { judgement.remark("tokens of processes were not looked at: no --probes") }
}
