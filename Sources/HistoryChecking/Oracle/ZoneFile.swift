/// A time zone, read from the system's zoneinfo (TZif, RFC 8536) by this module's own reader.
package struct ZoneFile: Hashable, Sendable {
    private static let directory = "/usr/share/zoneinfo"

    /// Instants from which an offset holds, ascending, with the offset in seconds east of Greenwich.
    private var transitions: [(at: Int64, offset: Int)]
    private var firstOffset: Int
    /// What holds after the last transition, in the form of POSIX `TZ`.
    private var rule: Rule?

    package static func == (left: ZoneFile, right: ZoneFile) -> Bool {
        left.firstOffset == right.firstOffset && left.transitions.elementsEqual(right.transitions, by: ==)
    }
    package func hash(into hasher: inout Hasher) { hasher.combine(transitions.count) }

    /// The zone of that name; `nil` where the system has none.
    package init?(named name: String) {
        guard name.utf8.allSatisfy({ $0 != 0 }), !name.split(separator: "/").contains(".."),
            !name.hasPrefix("/")
        else {
            return nil
        }
        do {
            self.init(try InputFile.bytes(of: "\(Self.directory)/\(name)"))
        } catch {
            return nil  // no such zone: the caller says that it cannot judge
        }
    }

    /// Reads a TZif file.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count > 44, bytes[0..<4].elementsEqual("TZif".utf8), bytes[4] >= UInt8(ascii: "2") else {
            return nil
        }
        func number(_ at: Int, _ count: Int) -> Int64 {
            var value: Int64 = bytes[at] & 0x80 != 0 && count > 1 ? -1 : 0
            for byte in bytes[at..<at + count] { value = value << 8 | Int64(byte) }
            return value
        }
        func counts(_ at: Int) -> [Int] { (0..<6).map { Int(number(at + 20 + 4 * $0, 4)) } }
        // The first block is for readers of 32 bits: isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt.
        let old = counts(0)
        let second = 44 + old[3] * 5 + old[4] * 6 + old[5] + old[2] * 8 + old[1] + old[0]
        guard bytes.count > second + 44 else { return nil }
        let new = counts(second)
        let (times, types) = (new[3], new[4])
        let start = second + 44
        let kinds = start + times * 9
        let footer = kinds + types * 6 + new[5] + new[2] * 12 + new[1] + new[0]
        guard types > 0, bytes.count > footer else { return nil }
        let offsets = (0..<types).map { Int(number(kinds + 6 * $0, 4)) }
        transitions = []
        for index in 0..<times {
            let kind = Int(bytes[start + times * 8 + index])
            guard kind < types else { return nil }
            transitions.append((number(start + 8 * index, 8), offsets[kind]))
        }
        firstOffset = offsets[0]
        let text = String(decoding: bytes[footer...].drop { $0 == 0x0A }.prefix { $0 != 0x0A }, as: UTF8.self)
        rule = text.isEmpty ? nil : Rule(text)
        if !text.isEmpty, rule == nil { return nil }
    }

    /// Seconds east of Greenwich at an instant.
    package func offset(at time: Int64) -> Int {
        guard let last = transitions.last else { return rule?.offset(at: time) ?? firstOffset }
        if time >= last.at { return rule?.offset(at: time) ?? last.offset }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? firstOffset : transitions[low - 1].offset
    }

    /// `CST-8`, `EST5EDT,M3.2.0,M11.1.0/2`.
    private struct Rule: Hashable, Sendable {
        struct Day: Hashable, Sendable {
            var month = 0
            var week = 0
            var weekday = 0
            /// For `Jn` (1 to 365, no 29 February) and `n` (0 to 365).
            var dayOfYear: Int?
            var countsLeapDay = false
            var seconds = 7200
        }

        var standard = 0
        var summer: Int?
        var begin = Day()
        var end = Day()

        init?(_ text: String) {
            var rest = Substring(text)
            guard Self.name(&rest), let offset = Self.time(&rest) else { return nil }
            standard = -offset
            guard !rest.isEmpty else { return }
            guard Self.name(&rest) else { return nil }
            if rest.first == "," {
                summer = standard + 3600
            } else {
                guard let offset = Self.time(&rest) else { return nil }
                summer = -offset
            }
            let parts = rest.split(separator: ",")
            guard parts.count == 2, let first = Self.day(parts[0]), let second = Self.day(parts[1]) else {
                return nil
            }
            (begin, end) = (first, second)
        }

        private static func name(_ rest: inout Substring) -> Bool {
            if rest.first == "<" {
                guard let close = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: close)...]
                return true
            }
            let letters = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3
        }

        private static func time(_ rest: inout Substring) -> Int? {
            var sign = 1
            if let first = rest.first, first == "-" || first == "+" {
                sign = first == "-" ? -1 : 1
                rest = rest.dropFirst()
            }
            let text = rest.prefix { $0.isNumber || $0 == ":" }
            guard !text.isEmpty else { return nil }
            rest = rest.dropFirst(text.count)
            var total = 0
            for (part, scale) in zip(text.split(separator: ":"), [3600, 60, 1]) {
                guard let number = Int(part) else { return nil }
                total += number * scale
            }
            return sign * total
        }

        private static func day(_ text: Substring) -> Day? {
            var day = Day()
            let parts = text.split(separator: "/")
            guard let first = parts.first else { return nil }
            if parts.count == 2 {
                var rest = parts[1]
                guard let seconds = time(&rest), rest.isEmpty else { return nil }
                day.seconds = seconds
            }
            if first.first == "M" {
                let numbers = first.dropFirst().split(separator: ".").compactMap { Int($0) }
                guard numbers.count == 3 else { return nil }
                (day.month, day.week, day.weekday) = (numbers[0], numbers[1], numbers[2])
            } else if first.first == "J" {
                guard let number = Int(first.dropFirst()) else { return nil }
                day.dayOfYear = number
            } else {
                guard let number = Int(first) else { return nil }
                day.dayOfYear = number
                day.countsLeapDay = true
            }
            return day
        }

        func offset(at time: Int64) -> Int {
            guard let summer else { return standard }
            let year = Instants.date(days: Int((time + Int64(standard)).floored(by: 86_400))).year
            let on = Self.instant(begin, year) - Int64(standard)
            let off = Self.instant(end, year) - Int64(summer)
            let isSummer = on < off ? time >= on && time < off : time >= on || time < off
            return isSummer ? summer : standard
        }

        /// The wall time of a change in a year, in seconds as if it were UTC.
        private static func instant(_ day: Day, _ year: Int) -> Int64 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            var days: Int
            if let number = day.dayOfYear {
                days = Instants.days(year: year, month: 1, day: 1)
                days += day.countsLeapDay ? number : number - 1 + (isLeap && number >= 60 ? 1 : 0)
            } else {
                let first = Instants.days(year: year, month: day.month, day: 1)
                let weekday = ((first + 4) % 7 + 7) % 7
                days = first + (day.weekday - weekday + 7) % 7 + (day.week - 1) * 7
                let next = Instants.days(
                    year: day.month == 12 ? year + 1 : year,
                    month: day.month == 12 ? 1 : day.month + 1,
                    day: 1
                )
                while days >= next { days -= 7 }
            }
            return Int64(days) * 86_400 + Int64(day.seconds)
        }
    }
}

extension Int64 {
    /// The quotient, rounded down.
    func floored(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}
