/// Puts a cron expression into Chinese.
struct ChineseCronWords {
    let expression: CronExpression

    private static let weekdays = ["周日", "周一", "周二", "周三", "周四", "周五", "周六"]

    var sentence: String {
        let days = dayWords
        switch expression.timeWords {
        case .clock(let times):
            return (days.isEmpty ? "每天" : days) + " " + list(times.map(expression.clockText))
        case .parts(let second, let minute, let hour):
            return (days.isEmpty ? "" : days + "，") + partWords(second, minute, hour)
        }
    }

    private func partWords(
        _ second: CronExpression.PartWords,
        _ minute: CronExpression.PartWords,
        _ hour: CronExpression.PartWords
    ) -> String {
        var text = ""
        switch hour {
        case .every: text += isRepeating(minute) || (minute == .every && second != .zero) ? "" : "每小时"
        case .step(let step): text += "每 \(step) 小时"
        case .zero: text += "0 点"
        case .list(let ranges): text += numbers(ranges) + " 点"
        }
        let isInsideHour = !text.isEmpty
        switch minute {
        case .every: text += second == .zero || isInsideHour ? (isInsideHour ? "内每分钟" : "每分钟") : ""
        case .step(let step): text += (isInsideHour ? "内" : "") + "每 \(step) 分钟"
        case .zero: text += second == .zero && (hour == .every || isRepeating(hour)) ? "整点" : "第 0 分"
        case .list(let ranges): text += "第 \(numbers(ranges)) 分"
        }
        switch second {
        case .zero: break
        case .every: text += (text.isEmpty ? "" : "内") + "每秒"
        case .step(let step): text += (text.isEmpty ? "" : "内") + "每 \(step) 秒"
        case .list(let ranges): text += (text.isEmpty ? "每分钟" : "") + "第 \(numbers(ranges)) 秒"
        }
        return text
    }

    private var dayWords: String {
        var parts: [String] = []
        if expression.restrictsDays { parts.append(dayOfMonthWords) }
        if expression.restrictsWeekdays { parts.append(weekdayWords) }
        let days = parts.joined(separator: expression.eitherDayIsEnough ? "或" : "且为")
        let isOfWeek = !expression.restrictsDays && expression.weekdays != 0
        guard expression.restrictsMonths else {
            return days.isEmpty ? "" : spaced(isOfWeek ? "每" : "每月", days)
        }
        let months = "每年 \(numbers(CronExpression.ranges(UInt64(expression.months)))) 月"
        return days.isEmpty ? months + "每天" : spaced(months + (isOfWeek ? "的" : ""), days)
    }

    /// Puts a space between a word and a number.
    private func spaced(_ start: String, _ end: String) -> String {
        end.first?.isASCII == true ? "\(start) \(end)" : start + end
    }

    private var dayOfMonthWords: String {
        var parts: [String] = []
        if expression.daysOfMonth != 0 {
            parts.append(numbers(CronExpression.ranges(UInt64(expression.daysOfMonth))) + " 日")
        }
        for number in CronExpression.numbers(UInt64(expression.nearestWeekdays)) {
            parts.append(number == 0 ? "最后一个工作日（周一至周五）" : "最接近 \(number) 日的工作日（周一至周五）")
        }
        for number in CronExpression.numbers(UInt64(expression.daysFromEnd)) {
            parts.append(number == 0 ? "最后一天" : "倒数第 \(number + 1) 天")
        }
        return list(parts)
    }

    private var weekdayWords: String {
        var parts: [String] = []
        if expression.weekdays != 0 {
            let mondayFirst = UInt64(expression.weekdays >> 1) | UInt64(expression.weekdays & 1) << 6
            parts += CronExpression.ranges(mondayFirst).map { range in
                let first = Self.weekdays[(range.lowerBound + 1) % 7]
                return range.count == 1 ? first : "\(first)至\(Self.weekdays[(range.upperBound + 1) % 7])"
            }
        }
        for bit in CronExpression.numbers(expression.nthWeekdays) {
            let day = Self.weekdays[bit % 7]
            let month = expression.weekdays == 0 ? "" : "当月"
            parts.append(month + (bit < 35 ? "第 \(bit / 7 + 1) 个\(day)" : "最后一个\(day)"))
        }
        return list(parts)
    }

    private func isRepeating(_ part: CronExpression.PartWords) -> Bool {
        switch part {
        case .every, .step: true
        case .list, .zero: false
        }
    }

    private func numbers(_ ranges: [ClosedRange<Int>]) -> String {
        list(ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" })
    }

    private func list(_ items: [String]) -> String { items.joined(separator: "、") }
}
