/// **I3, single live attempt.** A unit is tried in one place at a time. Where its task is exclusive, so is that
/// task, or partition, of the job, whichever runs the attempts are of.
///
/// By the log: no assignment is created while another of the same unit exists. By the probes: the life of an
/// attempt is from its first line to its last, of all its processes; one clock serves all. Two processes
/// that say `start` as the main process of one attempt are a violation. Two attempts whose lives overlap are a
/// violation where the task is exclusive, but for what a machine writes that wakes (`lived`); else those of one unit are one unless the first owner's registration
/// ended by the expiry of its session before the second attempt was assigned.
func judgeSingleAttempt(_ evidence: Evidence, _ judgement: inout Judgement) {
    let assigned = Dictionary(grouping: evidence.history.attempts) { evidence.contended($0.key.unit) }
    for (unit, attempts) in assigned.sorted(by: { $0.key < $1.key }) {
        judgement.look(attempts.count)
        for (first, second) in zip(attempts, attempts.dropFirst())
        where first.begin.lives(until: first.end, at: second.begin) {
            judgement.violated("\(unit) is assigned twice at once", first.shown, second.shown)
        }
    }
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    let freezes = evidence.faults?.freezes ?? []
    var lives: [UnitKey: [(key: AttemptKey, lines: [ProbeLine])]] = [:]
    for (key, lines) in probes {
        judgement.look()
        let starts = lines.filter { $0.event == "start" && $0.isMain }
        if let first = starts.first, let second = starts.dropFirst().first {
            judgement.violated("\(key) was started twice", first.shown, second.shown)
        }
        let isExclusive = evidence.isExclusive(key.unit)
        lives[evidence.contended(key.unit), default: []].append(
            (key, isExclusive ? lines.lived(freezes) : lines)
        )
    }
    for (unit, attempts) in lives.sorted(by: { $0.key < $1.key }) where attempts.count > 1 {
        let ordered = attempts.sorted { $0.lines[0].monotonic < $1.lines[0].monotonic }
        var latest = ordered[0]
        for next in ordered.dropFirst() {
            if let end = latest.lines.last, let start = next.lines.first, start.monotonic < end.monotonic {
                judgeOverlap(unit, (latest.key, end), (next.key, start), evidence, &judgement)
            }
            if (next.lines.last?.monotonic ?? 0) > (latest.lines.last?.monotonic ?? 0) { latest = next }
        }
    }
}

private func judgeOverlap(
    _ unit: UnitKey,
    _ first: (key: AttemptKey, end: ProbeLine),
    _ second: (key: AttemptKey, start: ProbeLine),
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    let isExclusive = evidence.isExclusive(first.key.unit)
    let attempts = evidence.attempts[unit] ?? []
    if !isExclusive, let one = attempts.first(where: { $0.key == first.key }),
        let other = attempts.first(where: { $0.key == second.key }),
        evidence.registrations[one.worker]?.contains(where: { registration in
            guard let end = registration.end, case .session = registration.ending else { return false }
            return one.begin < end && end < other.begin
        }) == true
    {
        return
    }
    judgement.violated(
        isExclusive
            ? "two attempts of \(unit), which is exclusive, lived at once"
            : "two attempts of \(unit) lived at once, and the session of the first owner had not expired",
        first.end.shown,
        second.start.shown
    )
}
