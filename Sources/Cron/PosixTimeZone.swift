/// The rule of a POSIX `TZ` string, as the last line of a TZif file gives it: `CET-1CEST,M3.5.0,M10.5.0/3`.
///
/// Grammar of POSIX.1-2017 §8.3 with the extension of RFC 9636 §3.3.1 (times of -167 to 167 hours). Offsets here are
/// seconds east of Greenwich, the reverse of the string's sign.
struct PosixTimeZone: Hashable, Sendable {
    /// A day of the year and the wall time on it at which the clocks change.
    struct Rule: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// `Jn`: day 1 to 365, 29 February is never counted.
            case julian(Int)
            /// `n`: day 0 to 365, 29 February is counted.
            case zeroBased(Int)
            /// `Mm.w.d`: weekday d (0 is Sunday) of week w (5 is the last) of month m.
            case weekday(month: Int, week: Int, weekday: Int)
        }

        let day: Day
        /// Seconds from the midnight that begins the day; may be negative or beyond a day.
        let time: Int

        /// The wall time of the change in a year.
        func localSeconds(in year: Int) -> Int {
            days(in: year) * 86_400 + time
        }

        private func days(in year: Int) -> Int {
            let newYear = CivilDate(year: year, month: 1, day: 1).daysSince1970
            switch day {
            case .julian(let number):
                return newYear + number - 1 + (CivilDate.isLeap(year) && number >= 60 ? 1 : 0)
            case .zeroBased(let number):
                return newYear + number
            case .weekday(let month, let week, let weekday):
                let first = CivilDate(year: year, month: month, day: 1).daysSince1970
                let offset = floorRemainder(weekday - CivilDate.weekday(daysSince1970: first), 7)
                var day = offset + (week - 1) * 7
                if day >= CivilDate.dayCount(ofMonth: month, in: year) { day -= 7 }
                return first + day
            }
        }
    }

    /// The half of the year with the other offset.
    struct Daylight: Hashable, Sendable {
        /// Seconds east of Greenwich.
        let offset: Int
        let start: Rule
        let end: Rule
    }

    /// A change of offset.
    struct Transition {
        let time: Int
        /// The offset from then on.
        let offset: Int
    }

    /// Seconds east of Greenwich in the other half, or always.
    let standardOffset: Int
    let daylight: Daylight?

    /// The two changes of a year in order of time; none when the zone has one offset.
    ///
    /// - Returns: the changes named by the year of their rule; with times beyond a day they may lie in another year.
    func transitions(in year: Int) -> [Transition] {
        guard let daylight else { return [] }
        let start = Transition(
            time: daylight.start.localSeconds(in: year) - standardOffset,
            offset: daylight.offset
        )
        let end = Transition(
            time: daylight.end.localSeconds(in: year) - daylight.offset,
            offset: standardOffset
        )
        return start.time < end.time ? [start, end] : [end, start]
    }
}

extension PosixTimeZone {
    /// Reads a `TZ` string; nil when it is malformed.
    init?(_ text: String) {
        var scan = Scanner(bytes: Array(text.utf8))
        guard scan.skipName(), let written = scan.clock(maximumHours: 24) else { return nil }
        // The string counts westwards.
        standardOffset = -written
        if scan.isAtEnd {
            daylight = nil
            return
        }
        guard scan.skipName() else { return nil }
        var offset = standardOffset + 3600
        if !scan.isAtEnd, scan.current != UInt8(ascii: ",") {
            guard let written = scan.clock(maximumHours: 24) else { return nil }
            offset = -written
        }
        // A string without rules means those of the United States, as everywhere else.
        if scan.isAtEnd { scan = Scanner(bytes: Array(",M3.2.0,M11.1.0".utf8)) }
        guard scan.skip(","), let start = scan.rule(), scan.skip(","), let end = scan.rule(), scan.isAtEnd
        else {
            return nil
        }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    private struct Scanner {
        let bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index >= bytes.count }
        var current: UInt8 { isAtEnd ? 0 : bytes[index] }

        mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
            guard !isAtEnd, bytes[index] == UInt8(ascii: scalar) else { return false }
            index += 1
            return true
        }

        /// Three letters or more, or anything of letters, digits and signs within `<` and `>`.
        mutating func skipName() -> Bool {
            let isQuoted = skip("<")
            let start = index
            while !isAtEnd, isLetter(current) || (isQuoted && isQuotable(current)) { index += 1 }
            return index - start >= 3 && (!isQuoted || skip(">"))
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func clock(maximumHours: Int) -> Int? {
            let isNegative = skip("-")
            if !isNegative { _ = skip("+") }
            guard let hours = number(0...maximumHours) else { return nil }
            var seconds = hours * 3600
            if skip(":") {
                guard let minutes = number(0...59) else { return nil }
                seconds += minutes * 60
                if skip(":") {
                    guard let rest = number(0...59) else { return nil }
                    seconds += rest
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func rule() -> Rule? {
            let day: Rule.Day
            if skip("M") {
                guard let month = number(1...12), skip("."), let week = number(1...5), skip("."),
                    let weekday = number(0...6)
                else { return nil }
                day = .weekday(month: month, week: week, weekday: weekday)
            } else if skip("J") {
                guard let number = number(1...365) else { return nil }
                day = .julian(number)
            } else {
                guard let number = number(0...365) else { return nil }
                day = .zeroBased(number)
            }
            guard skip("/") else { return Rule(day: day, time: 2 * 3600) }
            guard let time = clock(maximumHours: 167) else { return nil }
            return Rule(day: day, time: time)
        }

        private mutating func number(_ range: ClosedRange<Int>) -> Int? {
            let start = index
            var value = 0
            while !isAtEnd, current >= 48, current <= 57, index - start < 4 {
                value = value * 10 + Int(current) - 48
                index += 1
            }
            return index > start && range.contains(value) ? value : nil
        }

        private func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }

        private func isQuotable(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        }
    }
}
