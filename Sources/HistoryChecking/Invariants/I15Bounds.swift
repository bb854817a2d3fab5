/// **I15, bounds.** Nothing grows without limit.
///
/// From the log, the highest value that was ever reached: entries of the queue (`queue_length`), znodes
/// below the root
/// (`znodes`), bytes of one znode (`znode_bytes`, by the layout 524,288), bytes of the outbox
/// (`outbox_bytes`, by the
/// layout 32 MiB and one commit), attempts of one unit (`attempts_per_unit`); failed attempts of a unit are
/// at most one more than its
/// retries, and attempts that lost their worker after their start at most three. From `--samples`, each
/// value against `bounds`, or
/// `bounds_by_role` for the sample's role. A bound that is not given is not looked at; without samples, or
/// where no sample has what a bound is for, what the log says may be violated and is not enough to be green.
func judgeBounds(_ evidence: Evidence, _ judgement: inout Judgement) {
    let history = evidence.history
    let settings = evidence.settings
    let peaks: [(String, Peak, Int64?)] = [
        ("queue_length", history.queuePeak, settings.bound("queue_length")),
        ("znodes", history.znodePeak, settings.bound("znodes")),
        ("znode_bytes", history.sizePeak, settings.bound("znode_bytes") ?? 524_288),
        ("outbox_bytes", history.outboxPeak, settings.bound("outbox_bytes") ?? 33_554_432 + 524_288),
        ("attempts_per_unit", history.attemptPeak, settings.bound("attempts_per_unit")),
    ]
    for (name, peak, bound) in peaks {
        guard let bound else { continue }
        judgement.look()
        if peak.value > bound {
            judgement.violated(
                "\(name) reached \(peak.value), the bound is \(bound)",
                "\(peak.moment?.shown ?? "") \(peak.place)"
            )
        }
    }
    judgeRetries(evidence, &judgement)
    let names = Set((settings.json["bounds"]?.object ?? [:]).keys)
        .union((settings.json["bounds_by_role"]?.object ?? [:]).values.flatMap { ($0.object ?? [:]).keys })
        .subtracting(peaks.map(\.0))
    guard let samples = evidence.samples else { return judgement.needs("--samples") }
    guard !names.isEmpty else { return judgement.needs("bounds of what was sampled") }
    var sampled: Set<String> = []
    for line in samples {
        let role = line.json["role"]?.string
        for name in names.sorted() {
            guard let value = line.json[name]?.int, let bound = settings.bound(name, role: role) else {
                continue
            }
            judgement.look()
            sampled.insert(name)
            if value > bound {
                judgement.violated(
                    "\(name) of \(line.json["source"]?.string ?? "?") is \(value), the bound is \(bound)",
                    line.place
                )
            }
        }
    }
    let unseen = names.subtracting(sampled).sorted()
    if !unseen.isEmpty { judgement.needs("samples of \(unseen.joined(separator: ", "))") }
}

private func judgeRetries(_ evidence: Evidence, _ judgement: inout Judgement) {
    for (unit, finals) in evidence.firstFinals.sorted(by: { $0.key < $1.key }) {
        guard let task = evidence.definition(of: unit.run)?.task(unit.task) else { continue }
        judgement.look()
        let failures = finals.filter { ["failed", "timed_out", "system_failed"].contains($0.state) }
        if failures.count > task.maximumRetries + 1, let last = failures.last {
            judgement.violated(
                "\(unit) failed \(failures.count) times and may be tried again \(task.maximumRetries) times",
                last.shown
            )
        }
        let started = Set((evidence.attempts[unit] ?? []).filter { !$0.starts.isEmpty }.map(\.key))
        let losses = finals.filter { $0.state == "lost" && started.contains($0.key) }
        if losses.count > 3, let last = losses.last {
            judgement.violated(
                "\(unit) lost its worker \(losses.count) times and was tried again",
                last.shown
            )
        }
    }
}
