/// The mirror's content at one moment, as a dump of Redis gives it.
package struct MirrorDump: Sendable {
    /// A run's hash.
    package struct Run: Hashable, Sendable {
        package var state: String
        package var isFinal: Bool
        package var term: Int64
        package var commit: Int64
        package var place: String
    }

    /// An attempt's field.
    package struct Attempt: Hashable, Sendable {
        package var record: JSON
        package var isFinal: Bool
        package var term: Int64
        package var commit: Int64
        package var place: String
    }

    package var runs: [String: Run] = [:]
    package var attempts: [AttemptKey: Attempt] = [:]
    /// Names of jobs that are not deleted.
    package var jobs: Set<String> = []
    /// Members of `runs:state:<state>`, by state, as ids of runs.
    package var index: [String: Set<String>] = [:]
    /// Ids of the runs in `runs`.
    package var listed: Set<String> = []

    package init(_ lines: [Line]) throws(UnreadableInput) {
        for line in lines {
            guard let key = line.json["key"]?.string else {
                throw UnreadableInput(line.place, "no key in it")
            }
            // `<prefix>:{<cluster id>}:<rest>`
            guard let brace = key.range(of: "}:") else { continue }
            let rest = key[brace.upperBound...]
            let value = line.json["value"]
            if rest.hasPrefix("run:") {
                run(String(rest.dropFirst(4)), value, line.place)
            } else if rest.hasPrefix("attempts:") {
                attempts(of: String(rest.dropFirst(9)), value, line.place)
            } else if rest.hasPrefix("job:") {
                if value?["deleted"]?.string != "1" { jobs.insert(String(rest.dropFirst(4))) }
            } else if rest == "runs" {
                listed = Set(value?.array?.compactMap { $0.string.flatMap(Self.run(member:)) } ?? [])
            } else if rest.hasPrefix("runs:state:") {
                index[String(rest.dropFirst(11))] =
                    Set(value?.array?.compactMap { $0.string.flatMap(Self.run(member:)) } ?? [])
            }
        }
    }

    private mutating func run(_ id: String, _ value: JSON?, _ place: String) {
        runs[id] = Run(
            state: value?["state"]?.string ?? "",
            isFinal: value?["final"]?.string == "1",
            term: value?["term"]?.string.flatMap { Int64($0) } ?? -1,
            commit: value?["commit"]?.string.flatMap { Int64($0) } ?? -1,
            place: place
        )
    }

    /// `<task>~<partition>~<n>` to `<term>-<commit>-<final> <JSON>`.
    private mutating func attempts(of run: String, _ value: JSON?, _ place: String) {
        for (field, text) in value?.object ?? [:] {
            guard let key = AttemptKey("\(run)~\(field)"), let text = text.string,
                let blank = text.firstIndex(of: " "),
                let record = JSON(text: String(text[text.index(after: blank)...]))
            else { continue }
            let numbers = text[..<blank].split(separator: "-").compactMap { Int64($0) }
            guard numbers.count == 3 else { continue }
            attempts[key] = Attempt(
                record: record,
                isFinal: numbers[2] == 1,
                term: numbers[0],
                commit: numbers[1],
                place: place
            )
        }
    }

    /// A member is `<logical time><job>@<suffix>`; the id of the run is `<job>@<logical time>[.<suffix>]`.
    private static func run(member: String) -> String? {
        guard member.utf8.count > 16, let at = member.lastIndex(of: "@") else { return nil }
        let start = member.index(member.startIndex, offsetBy: 16)
        guard start <= at else { return nil }
        let suffix = member[member.index(after: at)...]
        let base = "\(member[start..<at])@\(member[..<start])"
        return suffix.isEmpty ? base : "\(base).\(suffix)"
    }
}

extension String {
    /// The first place of a text within this one.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
