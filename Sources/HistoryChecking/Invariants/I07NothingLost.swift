/// **I7, nothing accepted is lost.** What was answered 2xx exists; what was accepted ends.
///
/// By the client's log: after `submit` was answered ok, `jobname/<job>` and a definition had been created by
/// then, and
/// they stand at `quiet` unless a deletion of the job was asked for; after `run`, `retry` or `rerun` was
/// answered with an id, a queue entry of
/// that id had been created by then, and no request other than this one (another key, another job) was
/// answered with the same id. By the log, at `quiet`: every entry that was queued longer ago than the
/// time to
/// settle has a final record of its run. Allowed: an entry that is still queued and waits for the success of
/// other jobs, or is paused; a second entry of a run that has one; runs that are paused.
func judgeNothingLost(_ evidence: Evidence, _ judgement: inout Judgement) {
    if let calls = evidence.calls {
        judgeAnswers(calls, evidence, &judgement)
    } else {
        judgement.needs("--client")
    }
    guard let quiet = evidence.quiet else { return judgement.needs("the mark quiet in --faults") }
    let isPaused = evidence.history.pauses.last { $0.moment <= quiet }?.isPaused ?? false
    for entry in evidence.history.entries where entry.begin.time <= quiet.time - evidence.settle {
        judgement.look()
        if evidence.finalRuns[entry.run]?.isEmpty == false { continue }
        let life = evidence.runs[entry.run]?.last
        if let life {
            guard life.states.last?.state != "paused" else { continue }
            judgement.violated(
                "\(entry.run) was accepted and has no end",
                entry.shown,
                life.shown + ", last state \(life.states.last?.state ?? "?") since "
                    + (life.states.last?.moment.shown ?? "?")
                    + (life.end.map { ", gone \($0.shown)" } ?? ", still there")
            )
        } else if entry.begin.lives(until: entry.end, at: quiet) {
            guard !isPaused, !waits(entry, evidence) else { continue }
            judgement.violated("\(entry.run) is still queued", entry.shown, "\(quiet.shown) quiet")
        } else {
            judgement.violated(
                "\(entry.run) was accepted and left the queue without a run",
                entry.shown,
                "\(entry.end?.shown ?? "?") deleted"
            )
        }
    }
}

/// Whether an entry waits for other jobs by right.
private func waits(_ entry: EntryLife, _ evidence: Evidence) -> Bool {
    guard entry.waitsForUpstreams else { return false }
    let definition = evidence.definition(of: entry.run, version: entry.jobVersion, at: entry.begin)
    return definition?.after.isEmpty == false
}

private func judgeAnswers(_ calls: [ClientCall], _ evidence: Evidence, _ judgement: inout Judgement) {
    let tolerance = evidence.settings.tolerance
    var requests: [String: ClientCall] = [:]
    for call in calls where call.outcome == .ok {
        let answered = call.end / 1_000_000 + tolerance
        switch call.operation {
        case "submit":
            guard let job = call.argument("job").map(ClientLog.jobName) else { continue }
            judgement.look()
            guard let life = evidence.jobs[job]?.last(where: { $0.begin.time <= answered }),
                evidence.definitions[job]?.contains(where: { $0.begin.time <= answered }) == true
            else {
                judgement.violated("\(job) was accepted and never stored", call.shown)
                continue
            }
            if let end = life.end, !isDeletion(of: job, before: end, calls, evidence) {
                judgement.violated(
                    "\(job) is gone and nobody deleted it",
                    call.shown,
                    "\(end.shown) jobname/\(job) deleted"
                )
            }
        case "run", "retry", "rerun":
            guard let run = call.result["id"]?.string ?? call.result["run"]?["id"]?.string else { continue }
            judgement.look()
            if evidence.entries[run]?.contains(where: { $0.begin.time <= answered }) != true {
                judgement.violated("\(run) was accepted and never queued", call.shown)
            }
            guard call.argument("run") != run else { continue }
            if let other = requests[run], !isSameRequest(call, other) {
                judgement.violated("two requests were answered with \(run)", other.shown, call.shown)
            }
            requests[run] = requests[run] ?? call
        default: break
        }
    }
}

/// Whether a call repeats another one: a run by hand does so by its key alone.
private func isSameRequest(_ one: ClientCall, _ other: ClientCall) -> Bool {
    one.operation == other.operation && one.arguments == other.arguments
        && (one.operation != "run" || one.argument("key") != nil)
}

private func isDeletion(
    of job: String,
    before moment: Moment,
    _ calls: [ClientCall],
    _ evidence: Evidence
) -> Bool {
    calls.contains {
        $0.operation == "delete" && $0.argument("job").map(ClientLog.jobName) == job
            && $0.begin / 1_000_000 <= moment.time + evidence.settings.tolerance
    }
}
