/// **I17, cancel is honoured.** After a cancel or kill was accepted nothing of the run begins, and it ends
/// as was asked.
///
/// For each accepted `cancel` and `kill`, from the commit of its verdict on:
/// - no attempt of the run is assigned;
/// - no start is committed (T4) later than the tolerance: a worker may have begun a start that the commit
///   overtook, and
///   then is told to stop what it started;
/// - the run's final record, where there is one, is `cancelled` (`killed`, after a kill).
func judgeCancels(_ evidence: Evidence, _ judgement: inout Judgement) {
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
