import Cron
import HTTPTypes
import Scheduling

/// A query parameter that a route takes: what is checked is what the description of the API says.
package struct QueryParameter: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case text
        case integer(ClosedRange<Int>)
        /// `1`, `true`, `0`, `false`, or nothing, which is true.
        case flag
        /// RFC 3339, or a span back from now such as `24h`.
        case time
        case oneOf([String])
        /// May be repeated, and takes lists with commas.
        case someOf([String])
    }

    package var name: String
    package var kind: Kind
    package var summary: String

    package init(_ name: String, _ kind: Kind, _ summary: String) {
        self.name = name
        self.kind = kind
        self.summary = summary
    }
}

/// The query of a request, read strictly: what is not known or cannot be is collected, and refused all at once.
struct Query {
    private var values: [String: [String]] = [:]
    private var declared: [String: QueryParameter] = [:]
    private(set) var errors: [ProblemDetail] = []
    private let now: WallTime

    init(_ text: String?, takes parameters: [QueryParameter], now: WallTime) {
        self.now = now
        for parameter in parameters { declared[parameter.name] = parameter }
        for pair in (text ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? PercentEncoding.decode(parts[1], plusIsSpace: true) : ""
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true), let value else {
                errors.append(
                    ProblemDetail(
                        code: APICode.badQuery.rawValue,
                        message: "broken percent-encoding in the query",
                        pointer: "query"
                    )
                )
                continue
            }
            guard let parameter = declared[name] else {
                let hint =
                    Spelling.hint(for: name, among: declared.keys)
                    ?? (declared.isEmpty
                        ? "this path takes none" : "known: " + declared.keys.sorted().joined(separator: ", "))
                errors.append(
                    ProblemDetail(
                        code: APICode.badQuery.rawValue,
                        message: "unknown query parameter \"\(name)\"",
                        pointer: "query/\(name)",
                        hint: hint
                    )
                )
                continue
            }
            if case .someOf = parameter.kind {
                values[name, default: []] += value.split(separator: ",").map(String.init)
            } else if values[name] != nil {
                refuse(name, "is given twice")
            } else {
                values[name] = [value]
            }
        }
    }

    /// Refuses the request where anything was wrong. Called once all values were read.
    func check() throws(Problem) {
        guard errors.isEmpty else { throw Problem(.badRequest, errors: errors) }
    }

    mutating func refuse(_ name: String, _ message: String, hint: String? = nil) {
        errors.append(
            ProblemDetail(
                code: APICode.badQuery.rawValue,
                message: "query parameter \"\(name)\" \(message)",
                pointer: "query/\(name)",
                hint: hint
            )
        )
    }

    /// Notes what is wrong with a parameter where reading it throws.
    mutating func reading<Value>(_ name: String, _ read: (String) throws -> Value) -> Value? {
        guard let text = self.text(name) else { return nil }
        do {
            return try read(text)
        } catch let error as CronError {
            refuse(name, "cannot be read: \(error.message)", hint: error.hint)
        } catch {
            refuse(name, "cannot be read: \(error)")
        }
        return nil
    }

    func text(_ name: String) -> String? {
        precondition(declared[name] != nil, "query parameter \(name) is read but not declared")
        return values[name]?.first
    }

    mutating func integer(_ name: String) -> Int? {
        guard let text = text(name), case .integer(let range) = declared[name]?.kind else { return nil }
        guard let value = Int(text), range.contains(value) else {
            let bound =
                range.upperBound == Int.max
                ? "from \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            refuse(name, "must be a whole number, \(bound)")
            return nil
        }
        return value
    }

    mutating func flag(_ name: String) -> Bool {
        switch text(name) {
        case nil, "0", "false": return false
        case "1", "true", "": return true
        default:
            refuse(name, "must be 1 or 0")
            return false
        }
    }

    mutating func time(_ name: String) -> WallTime? {
        guard let text = text(name) else { return nil }
        do {
            return WallTime(milliseconds: now.milliseconds - (try DurationText.milliseconds(parsing: text)))
        } catch {
            // A plus of an offset that was not encoded has been read as a space.
            let text = text.split(separator: " ").joined(separator: text.contains("T") ? "+" : " ")
            if let time = WallTime(rfc3339: text) { return time }
            refuse(name, "must be a time (RFC 3339, with offset) or a span back from now such as 24h")
            return nil
        }
    }

    mutating func choice(_ name: String) -> String? {
        guard let text = text(name), case .oneOf(let known) = declared[name]?.kind else { return nil }
        return known.contains(text) ? text : refuseChoice(name, text, known)
    }

    mutating func choices(_ name: String) -> [String] {
        guard let texts = values[name], case .someOf(let known) = declared[name]?.kind else { return [] }
        return texts.compactMap { known.contains($0) ? $0 : refuseChoice(name, $0, known) }
    }

    private mutating func refuseChoice(_ name: String, _ text: String, _ known: [String]) -> String? {
        refuse(
            name,
            "cannot be \"\(text)\"",
            hint: Spelling.hint(for: text, among: known) ?? "known: " + known.joined(separator: ", ")
        )
        return nil
    }
}
