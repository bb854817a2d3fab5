/// A contradiction, with the records that make it.
package struct Finding: Hashable, Sendable {
    /// What is wrong, in a sentence.
    package var what: String
    /// The two or three records that cannot all be: `zxid` or `file:line`, and what they say.
    package var witness: [String]
}

/// What became of one invariant.
package struct Verdict: Hashable, Sendable {
    /// Green, violated, or not to be judged from what was given.
    package enum State: Hashable, Sendable {
        case green
        case violated
        case notJudged(missing: String)
    }

    /// `I1` to `I20`.
    package var id: String
    package var title: String
    package var state: State
    /// How many facts were looked at.
    package var facts: Int
    /// The first contradictions; `violations` counts all.
    package var findings: [Finding]
    package var violations: Int
    package var remarks: [String]
}

/// Gathers facts and contradictions of one invariant.
package struct Judgement: Sendable {
    /// The most contradictions that are kept: the first are the ones to look into.
    private static let maximumFindings = 20

    private(set) package var facts = 0
    private(set) var violations = 0
    private var findings: [Finding] = []
    private var missing: [String] = []
    private var remarks: [String] = []

    /// Counts facts that were looked at.
    mutating func look(_ count: Int = 1) { facts += count }

    /// Something contradicts.
    mutating func violated(_ what: String, _ witness: String...) {
        violations += 1
        if findings.count < Self.maximumFindings { findings.append(Finding(what: what, witness: witness)) }
    }

    /// Something that is needed was not given. Without a contradiction elsewhere the invariant is not judged.
    mutating func needs(_ what: String) {
        if !missing.contains(what) { missing.append(what) }
    }

    /// Something that people should know and that changes nothing.
    mutating func remark(_ text: String) {
        if !remarks.contains(text), remarks.count < Self.maximumFindings { remarks.append(text) }
    }

    func verdict(_ invariant: Invariant) -> Verdict {
        let state: Verdict.State =
            if violations > 0 {
                .violated
            } else if !missing.isEmpty {
                .notJudged(missing: missing.joined(separator: "; "))
            } else if facts == 0 {
                .notJudged(missing: "no \(invariant.subject) in the history")
            } else {
                .green
            }
        return Verdict(
            id: invariant.id,
            title: invariant.title,
            state: state,
            facts: facts,
            findings: findings,
            violations: violations,
            remarks: remarks
        )
    }
}

/// One of the invariants, and the function that judges it.
package struct Invariant: Sendable {
    package var id: String
    package var title: String
    /// What its facts are, for "no … in the history".
    var subject: String
    var judge: @Sendable (Evidence, inout Judgement) -> Void

    /// All of them, in order.
    package static let all: [Invariant] = [
        Invariant(id: "I1", title: "uniqueness", subject: "run", judge: judgeUniqueness),
        Invariant(id: "I2", title: "completeness", subject: "schedule", judge: judgeCompleteness),
        Invariant(id: "I3", title: "single live attempt", subject: "attempt", judge: judgeSingleAttempt),
        Invariant(id: "I4", title: "fencing", subject: "ended attempt", judge: judgeFencing),
        Invariant(id: "I5", title: "order of tasks", subject: "task that needs another", judge: judgeOrder),
        Invariant(id: "I6", title: "successors once", subject: "unit", judge: judgeSuccessors),
        Invariant(id: "I7", title: "nothing accepted is lost", subject: "run", judge: judgeNothingLost),
        Invariant(id: "I8", title: "start is committed first", subject: "probe", judge: judgeStartCommitted),
        Invariant(id: "I9", title: "convergence", subject: "end", judge: judgeConvergence),
        Invariant(id: "I10", title: "terms grow", subject: "commit", judge: judgeTerms),
        Invariant(id: "I11", title: "lease", subject: "exclusive attempt with a probe", judge: judgeLease),
        Invariant(
            id: "I12",
            title: "no leftovers",
            subject: "ended attempt with a probe",
            judge: judgeLeftovers
        ),
        Invariant(id: "I13", title: "names", subject: "submit", judge: judgeNames),
        Invariant(id: "I14", title: "mirror", subject: "final record", judge: judgeMirror),
        Invariant(id: "I15", title: "bounds", subject: "znode", judge: judgeBounds),
        Invariant(id: "I16", title: "ends are final", subject: "ended run", judge: judgeEnds),
        Invariant(
            id: "I17",
            title: "cancel is honoured",
            subject: "accepted cancel or kill",
            judge: judgeCancels
        ),
        Invariant(id: "I18", title: "concurrency", subject: "attempt", judge: judgeConcurrency),
        Invariant(id: "I19", title: "version", subject: "run", judge: judgeVersions),
        Invariant(id: "I20", title: "audit", subject: "change by a leader", judge: judgeAudit),
    ]
}
