/// **I19, version.** What is executed is the version that was admitted.
///
/// Violations:
/// - a run whose record names a version that its job did not have when it was admitted;
/// - a run whose record names another version later, or whose final record does;
/// - an attempt whose command is not that of the admitted version (looked at where the command is a list
///   without
///   expressions);
/// - a pinned definition that is deleted while a run of that version lives.
func judgeVersions(_ evidence: Evidence, _ judgement: inout Judgement) {
    for run in evidence.history.runs {
        judgement.look()
        guard let name = RunName(run.run) else { continue }
        let current = evidence.definitions[name.job]?.last {
            $0.begin <= run.begin && $0.end.map { $0 > run.begin } ?? true
        }
        if current?.version != run.jobVersion {
            judgement.violated(
                "\(run.run) was admitted at version \(run.jobVersion)",
                run.shown,
                current.map { "\($0.begin.shown) jobs/\($0.owner)/\($0.job)@\($0.version)" }
                    ?? "the job had no definition"
            )
        }
        if let other = run.otherVersions.first {
            judgement.violated(
                "\(run.run) changed its version",
                run.shown,
                "\(other.moment.shown) version \(other.version)"
            )
        }
        if let final = evidence.finalRuns[run.run]?.first(where: { $0.moment >= run.begin }),
            final.jobVersion != run.jobVersion
        {
            judgement.violated("\(run.run) ended at version \(final.jobVersion)", run.shown, final.shown)
        }
    }
    for attempt in evidence.history.attempts {
        guard let command = attempt.command,
            let wanted = evidence.definition(of: attempt.key.unit.run)?.task(attempt.key.unit.task)?
                .plainCommand
        else { continue }
        judgement.look()
        if command != wanted {
            judgement.violated(
                "\(attempt.key) runs another command than the admitted version has",
                "\(attempt.shown): \(command.joined(separator: " "))",
                "the version says: \(wanted.joined(separator: " "))"
            )
        }
    }
    for pinned in evidence.history.pinned {
        guard let end = pinned.end else { continue }
        judgement.look()
        if let run = evidence.runsOfJob[pinned.job]?.first(where: {
            $0.jobVersion == pinned.version
                && $0.begin
                    > (claims(pinned.job, evidence).last { $0 <= pinned.begin } ?? Moment(zxid: 0, time: 0))
                && $0.begin.lives(until: $0.end, at: end) && $0.end != end
        }) {
            judgement.violated(
                "a definition was dropped while a run of it lived",
                run.shown,
                "\(end.shown) pinned/\(pinned.job)@\(pinned.version) deleted"
            )
        }
    }
}

/// When the name was claimed.
private func claims(_ job: String, _ evidence: Evidence) -> [Moment] {
    (evidence.jobs[job] ?? []).map(\.begin)
}
