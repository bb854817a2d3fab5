/// **I1, uniqueness.** Per life of a job's name and logical time there is at most one run.
///
/// A run *is admitted* when `runs/<run>` is created, or when its final record enters the outbox without it
/// having
/// lived before (a suppressed entry, a run of no-ops); a second end of one life is I16. Violation: a run id
/// without `.m<n>` or `.r<n>` is admitted twice while
/// the same claim of `jobname/<job>` stands; with such a suffix, twice at all. Allowed: the same id again
/// after the job was deleted and its name claimed anew; a second queue entry that is dropped without being
/// admitted.
func judgeUniqueness(_ evidence: Evidence, _ judgement: inout Judgement) {
    for run in Set(evidence.runs.keys).union(evidence.finalRuns.keys).sorted() {
        judgement.look()
        let lives = evidence.runs[run] ?? []
        var admissions: [(moment: Moment, shown: String)] = lives.map { ($0.begin, $0.shown) }
        let first = lives.first?.begin
        for final in evidence.finalRuns[run] ?? [] where first.map({ $0 > final.moment }) ?? true {
            admissions.append((final.moment, final.shown))
        }
        guard admissions.count > 1 else { continue }
        admissions.sort { $0.moment < $1.moment }
        let name = RunName(run)
        for (first, second) in zip(admissions, admissions.dropFirst()) {
            let isNewJob =
                name?.isPlain == true
                && evidence.jobs[name?.job ?? ""]?.contains {
                    first.moment < $0.begin && $0.begin <= second.moment
                } == true
            if !isNewJob { judgement.violated("\(run) was admitted twice", first.shown, second.shown) }
        }
    }
}
