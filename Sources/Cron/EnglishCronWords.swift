/// Puts a cron expression into English.
struct EnglishCronWords {
    let expression: CronExpression

    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
        "November", "December",
    ]

    var sentence: String {
        let days = dayWords
        switch expression.timeWords {
        case .clock(let times):
            return "At \(list(times.map(expression.clockText)))" + (days.isEmpty ? " every day" : ", \(days)")
        case .parts(let second, let minute, let hour):
            return partWords(second, minute, hour) + (days.isEmpty ? "" : ", \(days)")
        }
    }

    private func partWords(
        _ second: CronExpression.PartWords,
        _ minute: CronExpression.PartWords,
        _ hour: CronExpression.PartWords
    ) -> String {
        var phrases: [String] = []
        if second != .zero { phrases.append(phrase(second, unit: "second")) }
        if minute != .every || second == .zero {
            // "Every hour" says the same as "at minute 0 of every hour".
            if !(minute == .zero && second == .zero && (hour == .every || isStep(hour))) {
                phrases.append(phrase(minute, unit: "minute"))
            }
        }
        switch hour {
        case .every:
            phrases.append(
                phrases.isEmpty ? "every hour" : minute == .every || isStep(minute) ? "" : "every hour"
            )
        case .step(let step): phrases.append("every \(step) hours")
        case .zero: phrases.append("hour 0")
        case .list(let ranges): phrases.append("hour" + (isOne(ranges) ? " " : "s ") + numbers(ranges))
        }
        let text = phrases.filter { !$0.isEmpty }.joined(separator: " of ")
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    private func phrase(_ part: CronExpression.PartWords, unit: String) -> String {
        switch part {
        case .every: "every \(unit)"
        case .step(let step): "every \(step) \(unit)s"
        case .zero: "\(unit) 0"
        case .list(let ranges): unit + (isOne(ranges) ? " " : "s ") + numbers(ranges)
        }
    }

    private var dayWords: String {
        var parts: [String] = []
        if expression.restrictsDays { parts.append(dayOfMonthWords) }
        if expression.restrictsWeekdays { parts.append(weekdayWords) }
        var text = parts.joined(separator: expression.eitherDayIsEnough ? " or " : " and also ")
        if expression.restrictsMonths {
            let names = CronExpression.ranges(UInt64(expression.months)).map { range in
                range.count == 1
                    ? Self.months[range.lowerBound - 1]
                    : "\(Self.months[range.lowerBound - 1]) to \(Self.months[range.upperBound - 1])"
            }
            text += (text.isEmpty ? "every day" : "") + " in \(list(names))"
        }
        return text
    }

    private var dayOfMonthWords: String {
        var parts: [String] = []
        if expression.daysOfMonth != 0 {
            let ranges = CronExpression.ranges(UInt64(expression.daysOfMonth))
            parts.append("on day\(isOne(ranges) ? "" : "s") \(numbers(ranges)) of the month")
        }
        for number in CronExpression.numbers(UInt64(expression.nearestWeekdays)) {
            parts.append(
                number == 0
                    ? "on the last weekday (Monday to Friday) of the month"
                    : "on the weekday (Monday to Friday) nearest to day \(number)"
            )
        }
        for number in CronExpression.numbers(UInt64(expression.daysFromEnd)) {
            parts.append(
                number == 0
                    ? "on the last day of the month"
                    : "\(number) day\(number == 1 ? "" : "s") before the last day of the month"
            )
        }
        return list(parts)
    }

    private var weekdayWords: String {
        var parts: [String] = []
        if expression.weekdays != 0 {
            // A week is told from Monday on, so that a weekend is one range.
            let mondayFirst = UInt64(expression.weekdays >> 1) | UInt64(expression.weekdays & 1) << 6
            let names = CronExpression.ranges(mondayFirst).map { range in
                let first = Self.weekdays[(range.lowerBound + 1) % 7]
                return range.count == 1 ? first : "\(first) to \(Self.weekdays[(range.upperBound + 1) % 7])"
            }
            parts.append("on \(list(names))")
        }
        for bit in CronExpression.numbers(expression.nthWeekdays) {
            let ordinals = ["first", "second", "third", "fourth", "fifth", "last"]
            parts.append("on the \(ordinals[bit / 7]) \(Self.weekdays[bit % 7]) of the month")
        }
        return list(parts)
    }

    private func isStep(_ part: CronExpression.PartWords) -> Bool {
        if case .step = part { return true }
        return false
    }

    private func isOne(_ ranges: [ClosedRange<Int>]) -> Bool { ranges.count == 1 && ranges[0].count == 1 }

    private func numbers(_ ranges: [ClosedRange<Int>]) -> String {
        list(ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" })
    }

    private func list(_ items: [String]) -> String {
        guard let last = items.last, items.count > 1 else { return items.first ?? "" }
        return items.dropLast().joined(separator: ", ") + " and " + last
    }
}
