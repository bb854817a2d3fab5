/// **I10, terms grow.** One leader per term, one commit after the other.
///
/// Each set of `term` continues the one before: the same term, worker and session with the next commit
/// number; or, in the
/// transaction that creates `master`, the next term with commit 0. Anything else is a violation: a commit of
/// an older
/// term, a number twice or left out, a commit by another session than the one that won the term.
func judgeTerms(_ evidence: Evidence, _ judgement: inout Judgement) {
    var previous: CommitFact?
    for commit in evidence.history.commits {
        judgement.look()
        defer { previous = commit }
        let shown =
            "\(commit.moment.shown) term \(commit.term) commit \(commit.commit) of \(commit.worker ?? "nobody")"
        let before = previous.map {
            "\($0.moment.shown) term \($0.term) commit \($0.commit) of \($0.worker ?? "nobody")"
        }
        if commit.isElection {
            if commit.term != (previous?.term ?? 0) + 1 || commit.commit != 0 {
                judgement.violated(
                    "a term does not follow the one before",
                    before ?? "it is the first",
                    shown
                )
            }
            continue
        }
        guard let last = previous, let before else {
            judgement.violated("a commit without an election before", shown)
            continue
        }
        if commit.term != last.term || commit.commit != last.commit + 1 {
            judgement.violated("a commit does not follow the one before", before, shown)
        } else if commit.session != last.session || commit.worker != last.worker {
            judgement.violated(
                "a term has two leaders",
                "\(before), session \(last.session.hexadecimal)",
                "\(shown), session \(commit.session.hexadecimal)"
            )
        }
    }
}
