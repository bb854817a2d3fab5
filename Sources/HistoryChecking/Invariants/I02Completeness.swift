/// **I2, completeness.** Every due time of every schedule has a run, or a record that says why not; nothing
/// runs that was
/// not due.
///
/// The window is from the mark `observe-from` (else the first transaction) to `observe-to` (else `quiet`
/// less the time to
/// settle). For each version of a definition, due times count from the second after it was stored to its
/// end; those within
/// the time to settle before an edit or a deletion are not demanded. A due time that lies more than the
/// larger of the
/// misfire window and an hour before it could be queued is not demanded where a later one that old has an
/// entry: of an
/// absence that long the last one tells of all.
/// Violations:
/// - a due time without an entry in `queue/job` and without a final record;
/// - an entry with cause `schedule` for a time that the oracle does not know;
/// - an entry that is not suppressed and came so late that its time was missed for certain (a minute and the time to
///   settle), with `skip`, beyond the misfire window, or with `run_once` where a later time was missed by then as well;
/// - a record `skipped` whose reason the policy does not allow: `E3001` (an earlier run is not over) only
///   with
///   `overlap: skip` and while another run of the job lives; `E3002` (missed) with `run_once` only where a
/// later time
///   runs, or the window is exceeded, with `run_all` only where the window is exceeded; else the job must
/// have been deleted
///   or the run stopped by a command.
func judgeCompleteness(_ evidence: Evidence, _ judgement: inout Judgement) {
    let history = evidence.history
    let from = evidence.faults?.mark("observe-from") ?? history.first.time
    let to: Int64
    if let mark = evidence.faults?.mark("observe-to") {
        to = mark
    } else if let quiet = evidence.faults?.mark("quiet") {
        to = quiet - evidence.settle
    } else {
        judgement.needs("the mark observe-to or quiet in --faults")
        return
    }
    for (job, lives) in evidence.definitions.sorted(by: { $0.key < $1.key }) {
        var known: [Int64: [EntryLife]] = [:]
        for (name, entry) in evidence.entriesOfJob[job] ?? [] where name.isPlain {
            known[name.logicalTime, default: []].append(entry)
        }
        for life in versions(lives) {
            guard let definition = life.definition, !definition.triggers.isEmpty else { continue }
            let oracles = definition.triggers.compactMap {
                DueOracle($0, anchor: definition.storedAt.floored(by: 1000))
            }
            guard oracles.count == definition.triggers.count else {
                judgement.needs("an oracle for the triggers of \(job)@\(life.version)")
                continue
            }
            let schedule = VersionSchedule(
                job: job,
                definition: definition,
                oracles: oracles,
                begin: max(definition.storedAt, from),
                end: life.end?.time
            )
            demand(schedule, until: to, known, evidence, &judgement)
            checkExtras(schedule, life, known, evidence, &judgement)
        }
    }
    for final in history.finalRuns where final.state == "skipped" {
        judgement.look()
        checkReason(final, evidence, &judgement)
    }
}

/// The triggers of one version of one job and the time they hold.
private struct VersionSchedule {
    var job: String
    var definition: Definition
    var oracles: [DueOracle]
    /// Milliseconds since 1970.
    var begin: Int64
    /// When the version was replaced or deleted.
    var end: Int64?

    func isDue(_ time: Int64) -> Bool { oracles.contains { $0.isDue(time) } }
}

/// Definitions move between owners: what counts is from the first to the last place of a version.
private func versions(_ lives: [DefinitionLife]) -> [DefinitionLife] {
    var result: [DefinitionLife] = []
    for life in lives {
        if let last = result.last, last.version == life.version, last.end == life.begin {
            result[result.count - 1].end = life.end
        } else {
            result.append(life)
        }
    }
    return result
}

private func demand(
    _ schedule: VersionSchedule,
    until limit: Int64,
    _ known: [Int64: [EntryLife]],
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    var end = limit
    if let ended = schedule.end { end = min(end, ended - evidence.settle) }
    let step = schedule.oracles.map(\.step).min() ?? 1
    let horizon = max(schedule.definition.misfireWindowSeconds, 3600)
    // A node fires while its clock is within two seconds of the store's.
    let clockSlack: Int64 = 3
    let later = known.keys.sorted()
    var time = schedule.begin.floored(by: 1000) + 1
    if step == 60 { time = (time + 59).floored(by: 60) * 60 }
    while time * 1000 <= end {
        defer { time += step }
        guard schedule.isDue(time) else { continue }
        judgement.look()
        let run = "\(schedule.job)@\(compact(time))"
        guard known[time] == nil, evidence.finalRuns[run] == nil else { continue }
        // The record of the last one that is passed over is older than the horizon itself.
        if let next = later.first(where: { $0 > time }), let entry = known[next]?.first,
            entry.begin.time / 1000 - next > horizon - clockSlack
        {
            continue
        }
        let previous = later.last { $0 < time }.flatMap { known[$0]?.last }
        judgement.violated(
            "\(schedule.job) was due at \(Instants.text(time * 1000)) and there is no record of it",
            "version \(schedule.definition.version) stored \(Instants.text(schedule.definition.storedAt)): "
                + JSON.array(schedule.definition.triggers).text,
            previous.map { "the entry before: \($0.shown)" } ?? "there is no entry before",
            later.first { $0 > time }.flatMap { known[$0]?.first }.map { "the entry after: \($0.shown)" }
                ?? "there is no entry after"
        )
    }
}

private func checkExtras(
    _ schedule: VersionSchedule,
    _ life: DefinitionLife,
    _ known: [Int64: [EntryLife]],
    _ evidence: Evidence,
    _ judgement: inout Judgement
) {
    let times = known.keys.sorted()
    for (time, entries) in known.sorted(by: { $0.key < $1.key }) {
        for entry in entries
        where entry.cause == "schedule" && entry.jobVersion == life.version && life.begin <= entry.begin
            && life.end.map({ $0 > entry.begin }) ?? true
        {
            judgement.look()
            if !schedule.isDue(time) {
                judgement.violated(
                    "\(entry.run) was fired and is not due at that time",
                    entry.shown,
                    JSON.array(schedule.definition.triggers).text
                )
            }
            if let objection = misfireObjection(to: entry, time, times, schedule.definition, evidence) {
                judgement.violated(
                    "\(entry.run) is to run: \(objection)",
                    entry.shown,
                    "misfire \(schedule.definition.misfire), window \(schedule.definition.misfireWindowSeconds) s"
                )
            }
        }
    }
}

/// Why an entry should have been suppressed; `nil` where it was, or may run. `times` are the due times of its job that
/// have entries, in order.
private func misfireObjection(
    to entry: EntryLife,
    _ time: Int64,
    _ times: [Int64],
    _ definition: Definition,
    _ evidence: Evidence
) -> String? {
    // A node decides some time before its firing is committed.
    let decided = (entry.begin.time - evidence.settle) / 1000
    guard entry.suppression == nil, time + 60 <= decided else { return nil }
    if time + definition.misfireWindowSeconds < decided {
        return "it was missed by more than the misfire window"
    }
    switch definition.misfire {
    case "skip": return "it was missed, and nothing that was missed runs"
    case "run_once":
        guard let later = times.first(where: { $0 > time }), later + 60 <= decided else { return nil }
        return "it was missed, and so was \(Instants.text(later * 1000)), which runs instead"
    default: return nil
    }
}

private func checkReason(_ final: FinalRun, _ evidence: Evidence, _ judgement: inout Judgement) {
    guard let name = RunName(final.run) else { return }
    let reason = final.reason ?? ""
    let entry = evidence.entries[final.run]?.last { $0.begin <= final.moment }
    let definition =
        evidence.definition(of: final.run, version: final.jobVersion, at: final.moment)
    func refuse(_ what: String) {
        judgement.violated(
            "\(final.run) was skipped: \(what)",
            final.shown,
            entry?.shown ?? "it has no entry"
        )
    }
    if reason.hasPrefix("E3001") {
        let current = evidence.definitions[name.job]?.last { $0.begin <= final.moment }?.definition
        guard current?.overlap == "skip" else { return refuse("its job allows overlap") }
        // One that ended in the very commit counts as living for its decision.
        let isOther = evidence.runsOfJob[name.job]?.contains { other in
            other.run != final.run && other.begin <= final.moment
                && other.end.map { $0 >= final.moment } ?? true
        }
        if isOther != true { refuse("no other run of the job lived then") }
    } else if reason.hasPrefix("E3002") {
        guard let entry, let definition else { return refuse("there is no entry that says so") }
        guard entry.suppression != nil else { return refuse("its entry was not suppressed") }
        let late = entry.begin.time / 1000 - name.logicalTime
        let isBeyond = late >= definition.misfireWindowSeconds
        switch definition.misfire {
        case "skip": break
        case "run_all": if !isBeyond { refuse("run_all runs what is within the window") }
        default:
            guard !isBeyond else { return }
            let runsLater = evidence.entriesOfJob[name.job]?.contains { other in
                other.entry.suppression == nil && other.entry.cause == "schedule"
                    && other.name.logicalTime > name.logicalTime
            }
            if runsLater != true { refuse("run_once, and no later time runs") }
        }
    } else if reason.contains("deleted") {
        if evidence.jobs[name.job]?.contains(where: { $0.end.map { $0 <= final.moment } ?? false }) != true {
            refuse("the job was not deleted")
        }
    } else if !evidence.history.commands.contains(where: { $0.target == final.run && $0.isAccepted == true })
    {
        refuse("\"\(reason)\" is no reason that a policy gives")
    }
}

private func compact(_ time: Int64) -> String {
    Instants.text(time * 1000).prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
}
