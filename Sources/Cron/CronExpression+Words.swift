/// The languages that a schedule can be told in.
package enum ScheduleLanguage: String, Hashable, Sendable, CaseIterable {
    case english = "en"
    case chinese = "zh"
}

extension CronExpression {
    /// The expression in words: "At 00:10 every day", "每天 00:10".
    package func describe(in language: ScheduleLanguage = .english) -> String {
        switch language {
        case .english: EnglishCronWords(expression: self).sentence
        case .chinese: ChineseCronWords(expression: self).sentence
        }
    }

    /// The times of day in a form that can be put into words.
    enum TimeWords {
        /// Few enough to name each: seconds since midnight.
        case clock([Int])
        /// By parts: second, minute and hour.
        case parts(second: PartWords, minute: PartWords, hour: PartWords)
    }

    /// One of second, minute and hour.
    enum PartWords: Equatable {
        case every
        case step(Int)
        case list([ClosedRange<Int>])
        /// Only 0; for the second it need not be said.
        case zero
    }

    var timeWords: TimeWords {
        let count = hours.nonzeroBitCount * minutes.nonzeroBitCount * seconds.nonzeroBitCount
        if count <= 6, !runsOnElapsedTime {
            let times = Self.numbers(UInt64(hours)).flatMap { hour in
                Self.numbers(minutes).flatMap { minute in
                    Self.numbers(seconds).map { hour * 3600 + minute * 60 + $0 }
                }
            }
            return .clock(times)
        }
        return .parts(
            second: Self.part(seconds, count: 60),
            minute: Self.part(minutes, count: 60),
            hour: Self.part(UInt64(hours), count: 24)
        )
    }

    /// `hh:mm`, and `:ss` when the expression has seconds other than 0.
    func clockText(_ time: Int) -> String {
        let text = "\(twoDigits(time / 3600)):\(twoDigits(time / 60 % 60))"
        return seconds == 1 ? text : text + ":\(twoDigits(time % 60))"
    }

    var restrictsDays: Bool {
        daysOfMonth | 1 != .max && (daysOfMonth | daysFromEnd | nearestWeekdays) != 0
    }

    var restrictsWeekdays: Bool { weekdays != 0x7F && (weekdays != 0 || nthWeekdays != 0) }

    var restrictsMonths: Bool { months != 0x1FFE }

    /// Whether one of the two day fields is enough.
    var eitherDayIsEnough: Bool {
        traits.isDisjoint(with: [.startsWithDayOfMonthStar, .startsWithDayOfWeekStar])
    }

    /// The numbers of a mask, with runs of three or more as ranges.
    static func ranges(_ mask: UInt64) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers(mask) {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.flatMap {
            $0.count == 2 ? [$0.lowerBound...$0.lowerBound, $0.upperBound...$0.upperBound] : [$0]
        }
    }

    static func numbers(_ mask: UInt64) -> [Int] {
        (0..<64).filter { mask >> UInt64($0) & 1 == 1 }
    }

    private static func part(_ mask: UInt64, count: Int) -> PartWords {
        if mask == 1 { return .zero }
        if mask.nonzeroBitCount == count { return .every }
        for step in 2...count / 2 where count % step == 0 && mask.nonzeroBitCount == count / step {
            if stride(from: 0, to: count, by: step).allSatisfy({ mask >> UInt64($0) & 1 == 1 }) {
                return .step(step)
            }
        }
        return .list(ranges(mask))
    }
}
