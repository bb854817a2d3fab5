/// One of the fields of a cron expression.
enum CronField: String, Sendable, CaseIterable {
    case second
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"

    /// The numbers that may be written; 7 is another Sunday.
    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// The numbers that `*` means.
    var starRange: ClosedRange<Int> { self == .dayOfWeek ? 0...6 : range }

    /// The three-letter names that stand for numbers, in order.
    var names: [String] {
        switch self {
        case .second, .minute, .hour, .dayOfMonth: []
        case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        case .dayOfWeek: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        }
    }

    /// The number of a name in any case; nil when it is none.
    func value(named name: String) -> Int? {
        names.firstIndex(of: name.lowercased()).map { $0 + starRange.lowerBound }
    }
}
