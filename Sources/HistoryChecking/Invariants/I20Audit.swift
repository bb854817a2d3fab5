/// **I20, audit.** Every change has its place, and every command its request.
///
/// Violations:
/// - a change that is the leader's alone (runs, assignments, their removal, consumed reports and entries,
///   outcomes, the
///   outbox, verdicts, dropped definitions) in a transaction that does not begin with a set of `term`, that
/// is,
///   without (term, commit);
/// - such a change by another session than the one that holds `master`;
/// - an outbox entry whose name, or whose own `version`, is not the (term, commit) of its transaction;
/// - a command without kind or time; a command whose effect is seen without its request: a run that ended
///   `cancelled` or `killed` and no accepted command asked for that.
func judgeAudit(_ evidence: Evidence, _ judgement: inout Judgement) {
    let history = evidence.history
    for write in history.leaderWrites {
        judgement.look()
        if !write.isInLane {
            judgement.violated(
                "a change without (term, commit)",
                "\(write.moment.shown) \(write.path) by session \(write.session.hexadecimal)"
            )
        }
    }
    var next = 0
    var holder: RegistrationLife?
    for write in history.leaderWrites {
        while next < history.masters.count, history.masters[next].begin <= write.moment {
            holder = history.masters[next]
            next += 1
        }
        guard write.isInLane, let holder, holder.session != write.session else { continue }
        judgement.violated(
            "a change by a session that does not lead",
            "\(write.moment.shown) \(write.path) by session \(write.session.hexadecimal)",
            "\(holder.begin.shown) master \(holder.worker), session \(holder.session.hexadecimal)"
        )
    }
    for entry in history.outbox {
        judgement.look()
        guard let commit = entry.commit else { continue }
        let name = "\(commit.term)-\(commit.commit)"
        if entry.name != name || entry.version.term != commit.term || entry.version.commit != commit.commit {
            judgement.violated(
                "an outbox entry is not named after its commit",
                "\(entry.begin.shown) outbox/\(entry.name), version \(entry.version.term ?? -1)-\(entry.version.commit ?? -1)",
                "the commit is \(name)"
            )
        }
    }
    for command in history.commands {
        judgement.look()
        if command.kind == nil || command.at.flatMap(Instants.milliseconds(rfc3339:)) == nil {
            judgement.violated("a command without kind or time", command.shown)
        }
    }
    let stopped = Set(
        history.commands.filter { $0.isAccepted == true && ($0.kind == "cancel" || $0.kind == "kill") }
            .compactMap(\.target)
    )
    for final in history.finalRuns where final.state == "cancelled" || final.state == "killed" {
        judgement.look()
        if !stopped.contains(final.run) {
            judgement.violated("\(final.run) was stopped and nobody asked for it", final.shown)
        }
    }
}
