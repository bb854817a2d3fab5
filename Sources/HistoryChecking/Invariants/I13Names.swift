/// **I13, names.** A name has one owner, and every client was told the truth.
///
/// By the log: no definition of a job is created while another of the same job exists (an edit and a move
/// delete the old one in the same
/// transaction). By the client's log: each `submit` that was answered ok has a claim of the name (a creation
/// of
/// `jobname/<job>`) of its own between its sending and its answer, up to the tolerance; each that was
/// refused with 409 met a
/// name that was taken at some moment of its way. What was refused for certain (4xx) is not there: a name
/// is not claimed more often than submits of it were answered ok or have an unknown end, and a run under a
/// key that was only ever refused is not remembered as asked for.
func judgeNames(_ evidence: Evidence, _ judgement: inout Judgement) {
    for (job, lives) in evidence.definitions.sorted(by: { $0.key < $1.key }) {
        judgement.look()
        for (first, second) in zip(lives, lives.dropFirst())
        where first.end.map({ $0 > second.begin }) ?? true {
            judgement.violated(
                "\(job) has two definitions",
                "\(first.begin.shown) jobs/\(first.owner)/\(job)@\(first.version)",
                "\(second.begin.shown) jobs/\(second.owner)/\(job)@\(second.version)"
            )
        }
    }
    guard let calls = evidence.calls else { return judgement.needs("--client") }
    let tolerance = evidence.settings.tolerance
    var taken: Set<Moment> = []
    for call in calls.sorted(by: { $0.end < $1.end }) where call.operation == "submit" {
        guard let job = call.argument("job").map(ClientLog.jobName) else { continue }
        let from = call.begin / 1_000_000 - tolerance
        let to = call.end == .max ? Int64.max : call.end / 1_000_000 + tolerance
        let lives = evidence.jobs[job] ?? []
        switch call.outcome {
        case .ok:
            judgement.look()
            if let claim = lives.first(where: {
                $0.begin.time >= from && $0.begin.time <= to && !taken.contains($0.begin)
            }) {
                taken.insert(claim.begin)
            } else {
                judgement.violated(
                    "\(job) was given to a client and nothing claimed it for them",
                    call.shown,
                    lives.map { "\($0.begin.shown) jobname/\(job)" }.joined(separator: ", ")
                )
            }
        case .fail where call.status == 409:
            judgement.look()
            if !lives.contains(where: { $0.begin.time <= to && ($0.end?.time ?? .max) >= from }) {
                judgement.violated("a client was told that \(job) is taken, and it was free", call.shown)
            }
        case .fail, .info: break
        }
    }
    judgeRefusals(calls, evidence, &judgement)
}

private func judgeRefusals(_ calls: [ClientCall], _ evidence: Evidence, _ judgement: inout Judgement) {
    // By what a request would have stored: the calls that may have stored it, and the last refusal.
    var mayHave: [[String]: Int] = [:]
    var refused: [[String]: ClientCall] = [:]
    for call in calls {
        guard let job = call.argument("job").map(ClientLog.jobName) else { continue }
        let what: [String]
        switch (call.operation, call.argument("key")) {
        case ("submit", _): what = [job]
        case ("run", let key?): what = [job, key]
        default: continue
        }
        if call.outcome == .fail, (400..<500).contains(call.status) {
            refused[what] = call
        } else {
            mayHave[what, default: 0] += 1
        }
    }
    for (what, call) in refused.sorted(by: { $0.value.begin < $1.value.begin }) {
        judgement.look()
        let stored =
            what.count == 1
            ? (evidence.jobs[what[0]] ?? []).map { "\($0.begin.shown) jobname/\(what[0])" }
            : evidence.history.requests.filter { [$0.job, $0.key] == what }.map {
                "\($0.moment.shown) fired/\($0.job): \($0.key) is \($0.run)"
            }
        let limit = mayHave[what] ?? 0
        if stored.count > limit, let last = stored.last {
            judgement.violated("\(what.joined(separator: " ")) was refused and is stored", call.shown, last)
        }
    }
}
