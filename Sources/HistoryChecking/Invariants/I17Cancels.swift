/// **I17, cancel is honoured.** After a cancel or kill was accepted nothing of the run begins, and it ends
/// as was asked.
///
/// For each accepted `cancel` and `kill`, from the commit of its verdict on:
/// - no attempt of the run is assigned;
/// - no start is committed (T4) later than the tolerance: a worker may have begun a start that the commit
///   overtook, and
///   then is told to stop what it started;
/// - the run's final record, where there is one, is `cancelled` (`killed`, after a kill).
/// By the client's log: each `cancel` and `kill` that was answered ok has such a command, accepted by then.
func judgeCancels(_ evidence: Evidence, _ judgement: inout Judgement) {
    if let calls = evidence.calls {
        judgePromises(calls, evidence, &judgement)
    } else {
        judgement.needs("--client")
    }
    for command in evidence.history.commands where command.isAccepted == true {
        guard command.kind == "cancel" || command.kind == "kill", let run = command.target,
            let verdict = command.verdict
        else { continue }
        judgement.look()
        let wasKilled = evidence.history.commands.contains {
            $0.kind == "kill" && $0.isAccepted == true && $0.target == run
        }
        if let final = evidence.finalRuns[run]?.last, final.moment >= verdict {
            if final.state != (wasKilled ? "killed" : "cancelled") {
                judgement.violated("\(run) did not end as was accepted", command.shown, final.shown)
            }
        }
        for unit in evidence.unitsOfRun[run] ?? [] {
            for attempt in evidence.attempts[unit] ?? [] {
                if attempt.begin > verdict {
                    judgement.violated(
                        "\(attempt.key) was assigned after its run was stopped",
                        "\(verdict.shown) verdict",
                        attempt.shown
                    )
                }
                if let start = attempt.starts.first, start > verdict,
                    start.time > verdict.time + evidence.settings.tolerance
                {
                    judgement.violated(
                        "\(attempt.key) was started after its run was stopped",
                        "\(verdict.shown) verdict",
                        "\(start.shown) T4"
                    )
                }
            }
        }
    }
}

private func judgePromises(_ calls: [ClientCall], _ evidence: Evidence, _ judgement: inout Judgement) {
    let accepted = Dictionary(
        grouping: evidence.history.commands.filter { $0.isAccepted == true && $0.target != nil },
        by: { "\($0.kind ?? "") \($0.target ?? "")" }
    )
    for call in calls where call.outcome == .ok && ["cancel", "kill"].contains(call.operation) {
        guard let run = call.argument("run") else { continue }
        judgement.look()
        let answered = call.end / 1_000_000 + evidence.settings.tolerance
        let commands = accepted["\(call.operation) \(run)"] ?? []
        if !commands.contains(where: { $0.verdict.map { $0.time <= answered } ?? false }) {
            judgement.violated("a \(call.operation) of \(run) was promised and never accepted", call.shown)
        }
    }
}
