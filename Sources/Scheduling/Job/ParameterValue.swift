internal import Cron

/// The rule for values of parameters: for defaults, for `enum` and for what a run is given.
package enum ParameterValue {
    /// Whether a text is a value of the kind.
    package static func isValid(_ text: String, _ kind: Parameter.Kind) -> Bool {
        switch kind {
        case .string: true
        case .integer: Int64(text) != nil
        case .number: Double(text)?.isFinite ?? false
        case .boolean: text == "true" || text == "false"
        case .date: isDate(text)
        }
    }

    /// What a value of the kind looks like, in words.
    package static func expectation(_ kind: Parameter.Kind) -> String {
        switch kind {
        case .string: "a text"
        case .integer: "an integer"
        case .number: "a number"
        case .boolean: "true or false"
        case .date: "a date like 2026-11-20"
        }
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            text.utf8.allSatisfy({ $0 == 0x2D || (48...57).contains($0) }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return false }
        return CivilDate(exactlyYear: year, month: month, day: day) != nil
    }
}
