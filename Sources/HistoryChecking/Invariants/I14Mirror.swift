/// **I14, mirror.** In the end the mirror says what the log says.
///
/// Judged with a dump taken at `quiet`:
/// - each final record that entered the outbox before `quiet`, less the time to settle, is in the mirror:
///   the run's hash is final, has the state of the record, and is listed under that state alone; the attempt's
///   field is final, and says what its last record says: worker, outcome, exit code, token, times. Both are of the
///   (term, commit) of the record, or of a later one: a new leader shows what is not forgotten yet once more;
/// - what is final in the mirror has a record in the log;
/// - a run that is live at `quiet`, for the time to settle at least, is in the mirror, with a state that it
///   had;
/// - a job that exists at `quiet`, for that time at least, is in the mirror; one that is gone for that time
///   is not, nor one that never was.
/// The last fault (no `stop`) whose name begins with `redis` and says `flush` or `empty` emptied the mirror:
/// records that entered the outbox before it are not demanded, as the mirror may have had them, and history
/// is as durable as its own disk. Everything that ended later, and all that lives, is. Judged at the end
/// alone: one dump does not say whether a value ever went back.
func judgeMirror(_ evidence: Evidence, _ judgement: inout Judgement) {
    guard let mirror = evidence.mirror else { return judgement.needs("--mirror") }
    guard let quiet = evidence.quiet else { return judgement.needs("the mark quiet in --faults") }
    let history = evidence.history
    let flush = evidence.faults?.faults.last {
        $0.phase != "stop" && $0.name.hasPrefix("redis")
            && ($0.name.contains("flush") || $0.name.contains("empty"))
    }
    let old = quiet.time - evidence.settle
    func isDemanded(_ moment: Moment) -> Bool {
        moment.time <= old && flush.map { moment.time > $0.milliseconds } ?? true
    }
    var lastFinal: [String: FinalRun] = [:]
    for final in history.finalRuns { lastFinal[final.run] = final }
    for final in history.finalRuns where isDemanded(final.moment) {
        judgement.look()
        guard let shown = mirror.runs[final.run] else {
            judgement.violated("the mirror does not have \(final.run)", final.shown)
            continue
        }
        if lastFinal[final.run] == final {
            check(final, shown, mirror, &judgement)
        }
    }
    var lastAttempt: [AttemptKey: FinalAttempt] = [:]
    for final in history.finalAttempts { lastAttempt[final.key] = final }
    for final in history.finalAttempts where isDemanded(final.moment) {
        judgement.look()
        guard let shown = mirror.attempts[final.key] else {
            judgement.violated("the mirror does not have \(final.key)", final.shown)
            continue
        }
        guard lastAttempt[final.key] == final else { continue }
        if !shown.isFinal || (shown.term, shown.commit) < (final.term, final.commit)
            || shown.record != final.record
        {
            judgement.violated(
                "the mirror shows \(final.key) otherwise",
                "\(final.shown): \(final.record.text)",
                "\(shown.place) final \(shown.isFinal), of \(shown.term)-\(shown.commit): \(shown.record.text)"
            )
        }
    }
    for (key, shown) in mirror.attempts.sorted(by: { $0.key < $1.key })
    where shown.isFinal && lastAttempt[key] == nil {
        judgement.violated(
            "the mirror has an end of \(key) that is not in the log",
            "\(shown.place) of \(shown.term)-\(shown.commit): \(shown.record.text)"
        )
    }
    for (run, shown) in mirror.runs.sorted(by: { $0.key < $1.key }) {
        judgement.look()
        let place = "\(shown.place) \(run) \(shown.state) of \(shown.term)-\(shown.commit)"
        if shown.isFinal {
            if lastFinal[run] == nil {
                judgement.violated("the mirror has an end that is not in the log", place)
            }
        } else if let life = evidence.runs[run]?.last, life.begin.lives(until: life.end, at: quiet) {
            if !life.states.contains(where: { $0.state == shown.state }), shown.state != "queued" {
                judgement.violated("the mirror shows a state that the run never had", life.shown, place)
            }
        } else if evidence.entries[run]?.contains(where: { $0.begin.lives(until: $0.end, at: quiet) })
            != true,
            lastFinal[run].map({ isDemanded($0.moment) }) ?? true
        {
            judgement.violated(
                "the mirror shows a run as live that is not",
                place,
                lastFinal[run]?.shown ?? "it has no end either"
            )
        }
    }
    for run in history.runs where run.begin.lives(until: run.end, at: quiet) && run.begin.time <= old {
        judgement.look()
        if mirror.runs[run.run] == nil {
            judgement.violated("the mirror does not have \(run.run), which lives", run.shown)
        }
    }
    judgeJobs(mirror, at: quiet, settledBy: old, evidence, &judgement)
}

private func judgeJobs(
    _ mirror: MirrorDump,
    at quiet: Moment,
    settledBy old: Int64,
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    for job in mirror.jobs.sorted() where evidence.jobs[job] == nil {
        judgement.violated("the mirror shows a job that never was", job)
    }
    for (job, lives) in evidence.jobs.sorted(by: { $0.key < $1.key }) {
        guard let last = lives.last(where: { $0.begin <= quiet }) else { continue }
        judgement.look()
        if let end = last.end, end <= quiet {
            if end.time <= old, mirror.jobs.contains(job) {
                judgement.violated("the mirror shows \(job), which is deleted", "\(end.shown) jobname/\(job)")
            }
        } else if last.begin.time <= old, !mirror.jobs.contains(job) {
            judgement.violated(
                "the mirror does not have the job \(job)",
                "\(last.begin.shown) jobname/\(job)"
            )
        }
    }
}

private func check(
    _ final: FinalRun,
    _ shown: MirrorDump.Run,
    _ mirror: MirrorDump,
    _ judgement: inout Judgement
) {
    let place = "\(shown.place) \(shown.state), final \(shown.isFinal), of \(shown.term)-\(shown.commit)"
    if !shown.isFinal || shown.state != final.state
        || (shown.term, shown.commit) < (final.term, final.commit)
    {
        judgement.violated("the mirror shows \(final.run) otherwise", final.shown, place)
        return
    }
    if !mirror.listed.contains(final.run) {
        judgement.violated("\(final.run) is not in the list of runs", final.shown)
    }
    let lists = mirror.index.filter { $0.value.contains(final.run) }.keys.sorted()
    if lists != [final.state] {
        judgement.violated("\(final.run) is listed under \(lists)", final.shown, place)
    }
}
