/// **I9, convergence.** After the faults, at `quiet`, everything is in its place.
///
/// Violations, each looked at in the tree as it was at that mark:
/// - `master` is not there, or its worker is not that of the last commit;
/// - the registered workers are not those of `live_workers`, where these are given;
/// - a job has not exactly one definition, or its owner is not registered;
/// - an assignment is for a worker that is not registered, or its run is gone;
/// - an entry of the queue (unless it waits for other jobs or the cluster is paused), a report, a command
///   without verdict, or an
///   outbox entry is older than the time to settle;
/// - a live run is neither paused nor has an assignment, and has not changed for that time.
func judgeConvergence(_ evidence: Evidence, _ judgement: inout Judgement) {
    guard let quiet = evidence.quiet else { return judgement.needs("the mark quiet in --faults") }
    let history = evidence.history
    let old = quiet.time - evidence.settle
    judgement.look()
    let master = history.masters.last { $0.begin.lives(until: $0.end, at: quiet) }
    let commit = history.commits.last { $0.moment <= quiet }
    if let master {
        if let commit, commit.worker != master.worker {
            judgement.violated(
                "the leader is not who committed last",
                "\(master.begin.shown) master \(master.worker)",
                "\(commit.moment.shown) term \(commit.term) of \(commit.worker ?? "nobody")"
            )
        }
    } else {
        judgement.violated("there is no leader", "\(quiet.shown) quiet")
    }
    let registered = Set(
        history.registrations.filter { $0.begin.lives(until: $0.end, at: quiet) }.map(\.worker)
    )
    if let wanted = evidence.settings.liveWorkers {
        judgement.look(wanted.count)
        for worker in Set(wanted).symmetricDifference(registered).sorted() {
            let last = evidence.registrations[worker]?.last { $0.begin <= quiet }
            judgement.violated(
                registered.contains(worker)
                    ? "\(worker) is registered and should not be" : "\(worker) is not registered",
                last.map { "\($0.begin.shown) registered" + ($0.end.map { ", gone \($0.shown)" } ?? "") }
                    ?? "it never was"
            )
        }
    }
    judgeOwners(quiet, registered, evidence, &judgement)
    judgeMailboxes(quiet, old, registered, evidence, &judgement)
}

private func judgeOwners(
    _ quiet: Moment,
    _ registered: Set<String>,
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    for job in evidence.history.jobs where job.begin.lives(until: job.end, at: quiet) {
        judgement.look()
        let owners = (evidence.definitions[job.job] ?? []).filter { $0.begin.lives(until: $0.end, at: quiet) }
        if owners.count != 1 {
            judgement.violated(
                "\(job.job) has \(owners.count) definitions",
                "\(job.begin.shown) jobname/\(job.job)",
                owners.map { "\($0.begin.shown) jobs/\($0.owner)/\($0.job)@\($0.version)" }.joined(
                    separator: ", "
                )
            )
        } else if !registered.contains(owners[0].owner) {
            judgement.violated(
                "\(job.job) is owned by \(owners[0].owner), which is not registered",
                "\(owners[0].begin.shown) jobs/\(owners[0].owner)/\(job.job)@\(owners[0].version)",
                "\(quiet.shown) quiet"
            )
        }
    }
}

private func judgeMailboxes(
    _ quiet: Moment,
    _ old: Int64,
    _ registered: Set<String>,
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    let history = evidence.history
    let isPaused = history.pauses.last { $0.moment <= quiet }?.isPaused ?? false
    var assigned: Set<String> = []
    for attempt in history.attempts where attempt.begin.lives(until: attempt.end, at: quiet) {
        judgement.look()
        assigned.insert(attempt.key.unit.run)
        if !registered.contains(attempt.worker) {
            judgement.violated(
                "an assignment is for \(attempt.worker), which is not registered",
                attempt.shown
            )
        }
        let isLive = evidence.runs[attempt.key.unit.run]?.contains {
            $0.begin.lives(until: $0.end, at: quiet)
        }
        if isLive != true { judgement.violated("an assignment is left and its run is gone", attempt.shown) }
    }
    for run in history.runs
    where run.begin.lives(until: run.end, at: quiet) && !assigned.contains(run.run) && !isPaused {
        judgement.look()
        guard let last = run.states.last(where: { $0.moment <= quiet }), last.moment.time <= old,
            last.state != "paused",
            // A unit between two attempts, or waiting for its backoff, has just ended one.
            evidence.history.finalAttempts.last(where: { $0.key.unit.run == run.run && $0.moment <= quiet })
                .map({ $0.moment.time <= old }) ?? true
        else { continue }
        judgement.violated(
            "\(run.run) lives and nothing of it runs",
            run.shown,
            "\(last.moment.shown) state \(last.state)"
        )
    }
    for report in history.reports
    where report.begin.lives(until: report.end, at: quiet) && report.begin.time <= old {
        judgement.violated(
            "a report was not consumed",
            "\(report.begin.shown) \(report.key).\(report.outcome)"
        )
    }
    for outbox in history.outbox
    where outbox.begin.lives(until: outbox.end, at: quiet) && outbox.begin.time <= old {
        judgement.violated(
            "the mirror did not take an outbox entry",
            "\(outbox.begin.shown) outbox/\(outbox.name)"
        )
    }
    for command in history.commands
    where command.begin.time <= old && command.begin <= quiet && command.verdict == nil {
        judgement.violated("a command has no verdict", command.shown)
    }
    for entry in history.entries
    where entry.begin.lives(until: entry.end, at: quiet) && entry.begin.time <= old && !isPaused {
        if !entry.waitsForUpstreams
            || evidence.definition(of: entry.run, version: entry.jobVersion, at: entry.begin)?.after.isEmpty
                != false
        {
            judgement.violated("the queue was not drained", entry.shown)
        }
    }
}
