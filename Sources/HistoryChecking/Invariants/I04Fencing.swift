/// **I4, fencing.** What counts is what the attempt with the highest token said.
///
/// The fencing token of an attempt is the zxid that created its assignment; it grows with the number of the
/// attempt.
/// Violations:
/// - an attempt with a higher number and a lower or equal token than one before it;
/// - a final record of an attempt, other than `lost`, after a later attempt of the unit was assigned;
/// - two final records of one attempt that differ in their state;
/// - a final record, or a probe, that names another token or another worker than the assignment has; a final
///   record of an attempt that was assigned and that names no token;
/// - a success whose main process, a probe, did not say `end` with exit code 0, or a failure whose main
///   process did; an exit code in the record that is another than that of the process;
/// - an attempt of a task with `on_lost: fail` that was assigned after a loss of its unit;
/// - an attempt of a task with `on_lost: hold` that was assigned after a loss of its unit, and no `resume` of
///   the run was accepted between the two.
/// A loss is an attempt that had started (T4) and whose first final record is `lost`. One that was lost before
/// that had no effect, and is tried again whatever the task says.
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
            if let life = attempts.first(where: { $0.key == final.key }) {
                if final.token != life.token {
                    judgement.violated(
                        "\(final.key) is recorded "
                            + (final.token.map { "with token \($0)" } ?? "without a token"),
                        life.shown,
                        final.shown
                    )
                }
                if life.worker != final.worker {
                    judgement.violated(
                        "\(final.key) is recorded as of \(final.worker)",
                        life.shown,
                        final.shown
                    )
                }
            }
            if let lines = evidence.probes?[final.key] { judgeResult(final, lines, &judgement) }
        }
    }
    judgeLosses(evidence, &judgement)
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    for (key, lines) in probes.sorted(by: { $0.key < $1.key }) {
        guard let line = lines.first,
            let life = evidence.attempts[key.unit]?.first(where: { $0.key == key })
        else { continue }
        judgement.look()
        if let token = line.token, token != life.token {
            judgement.violated("\(key) was given token \(token)", life.shown, line.shown)
        }
        if let other = lines.first(where: { $0.worker != life.worker }) {
            judgement.violated("\(key) ran on \(other.worker)", life.shown, other.shown)
        }
    }
}

/// Holds what followed a loss against `on_lost` of the definition that the run executed.
private func judgeLosses(_ evidence: Evidence, _ judgement: inout Judgement) {
    let resumes = Dictionary(
        grouping: evidence.history.commands.filter { $0.kind == "resume" && $0.isAccepted == true },
        by: { $0.target ?? "" }
    )
    for (unit, finals) in evidence.firstFinals.sorted(by: { $0.key < $1.key }) {
        guard let task = evidence.definition(of: unit.run)?.task(unit.task), task.onLost != "rerun" else {
            continue
        }
        let attempts = evidence.attempts[unit] ?? []
        for loss in finals where loss.state == "lost" {
            guard let lost = attempts.first(where: { $0.key == loss.key }), !lost.starts.isEmpty else {
                continue
            }
            judgement.look()
            guard let later = attempts.first(where: { $0.key.number > loss.key.number }) else { continue }
            switch task.onLost {
            case "fail":
                judgement.violated(
                    "\(later.key) was assigned although its task is to fail when it is lost",
                    loss.shown,
                    later.shown
                )
            case "hold":
                let own = resumes[unit.run] ?? []
                guard !own.contains(where: { isRelease($0, of: loss, lost, before: later) }) else { continue }
                judgement.violated(
                    "\(later.key) was assigned after a loss and nobody had resumed its run",
                    loss.shown,
                    later.shown
                )
            default: break
            }
        }
    }
}

/// Whether a resume came between a loss and what followed it. In one commit a leader takes reports first, then
/// commands, then what lost workers held.
private func isRelease(
    _ resume: CommandLife,
    of loss: FinalAttempt,
    _ lost: AttemptLife,
    before later: AttemptLife
) -> Bool {
    guard let verdict = resume.verdict, verdict <= later.begin else { return false }
    return verdict > loss.moment || (verdict == loss.moment && lost.reportedOutcome != nil)
}

/// Compares the end of a process with the record of it. A process that never started is I8.
private func judgeResult(_ final: FinalAttempt, _ lines: [ProbeLine], _ judgement: inout Judgement) {
    let main = lines.filter(\.isMain)
    guard let last = main.last else { return }
    let end = main.last { $0.event == "end" }
    switch final.state {
    case "succeeded" where end?.exit != 0:
        judgement.violated(
            "\(final.key) succeeded and its process "
                + (end?.exit.map { "ended with \($0)" } ?? "never said that it ended"),
            final.shown,
            (end ?? last).shown
        )
    case "failed" where end?.exit == 0:
        judgement.violated("\(final.key) failed and its process ended with 0", final.shown, last.shown)
    case "failed":
        if let end, let exit = end.exit, let recorded = final.exitCode, exit != recorded {
            judgement.violated(
                "\(final.key) is recorded with exit code \(recorded) and ended with \(exit)",
                final.shown,
                end.shown
            )
        }
    default: break
    }
}
