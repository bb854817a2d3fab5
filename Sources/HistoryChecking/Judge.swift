/// Judges all invariants.
package enum Judge {
    /// Judges each invariant by what is given.
    package static func verdicts(_ evidence: Evidence) -> [Verdict] {
        Invariant.all.map { invariant in
            var judgement = Judgement()
            invariant.judge(evidence, &judgement)
            return judgement.verdict(invariant)
        }
    }

    /// The exit code: 1 where something is violated, or where one of `required` is not judged.
    package static func exitCode(_ verdicts: [Verdict], required: Set<String> = []) -> Int32 {
        verdicts.contains { verdict in
            switch verdict.state {
            case .green: false
            case .violated: true
            case .notJudged: required.contains(verdict.id)
            }
        } ? 1 : 0
    }

    /// The table for people.
    package static func table(
        _ verdicts: [Verdict],
        evidence: Evidence,
        required: Set<String> = []
    ) -> String {
        var lines: [String] = []
        for verdict in verdicts {
            let state =
                switch verdict.state {
                case .green: "green"
                case .violated: "VIOLATED (\(verdict.violations))"
                case .notJudged(let missing):
                    (required.contains(verdict.id) ? "NOT JUDGED, AND REQUIRED: " : "not judged: ") + missing
                }
            lines.append(
                "\(pad(verdict.id, 4))\(pad(verdict.title, 26))\(pad("\(verdict.facts)", 8))\(state)"
            )
            for finding in verdict.findings {
                lines.append("      \(finding.what)")
                for record in finding.witness { lines.append("        | \(record)") }
            }
            if verdict.violations > verdict.findings.count {
                lines.append("      … \(verdict.violations - verdict.findings.count) more")
            }
            for remark in verdict.remarks { lines.append("      (\(remark))") }
        }
        let history = evidence.history
        lines.append(
            "\(history.transactionCount) transactions, \(history.runs.count) live runs, \(history.finalRuns.count) ends, "
                + "\(history.attempts.count) attempts, \(history.commits.count) commits, "
                + "\(history.masters.count) terms, \(evidence.probes?.values.reduce(0) { $0 + $1.count } ?? 0) probe lines"
        )
        for oddity in evidence.oddities.prefix(10) { lines.append("odd: \(oddity)") }
        return lines.joined(separator: "\n")
    }

    /// The same for programs.
    package static func json(_ verdicts: [Verdict], required: Set<String> = []) -> String {
        JSON.array(
            verdicts.map { verdict in
                var members: [String: JSON] = [
                    "id": .string(verdict.id),
                    "title": .string(verdict.title),
                    "facts": .int(Int64(verdict.facts)),
                    "violations": .int(Int64(verdict.violations)),
                    "required": .bool(required.contains(verdict.id)),
                    "findings": .array(
                        verdict.findings.map {
                            .object([
                                "what": .string($0.what), "witness": .array($0.witness.map { .string($0) }),
                            ])
                        }
                    ),
                    "remarks": .array(verdict.remarks.map { .string($0) }),
                ]
                switch verdict.state {
                case .green: members["verdict"] = "green"
                case .violated: members["verdict"] = "violated"
                case .notJudged(let missing):
                    members["verdict"] = "not judged"
                    members["missing"] = .string(missing)
                }
                return .object(members)
            }
        ).text
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
