/// When a trigger is due, found in the most naive way: each second is asked whether it is.
///
/// The reading of expressions follows the product's reference: Vixie cron with `L`, `W`, `#` and macros; a
/// second, minute
/// or hour field that begins with `*` makes the expression run on elapsed time; else each wall time fires
/// once, with the
/// `dst` policy for times that are jumped over or come twice. Written for this checker alone.
package struct DueOracle: Sendable {
    private enum Kind: Sendable {
        case cron(Expression, ZoneFile, gap: String, overlap: String)
        case every(period: Int64, anchor: Int64)
        case at(Int64)
    }

    private let kind: Kind

    /// Reads a trigger of a stored definition; `anchor` is where `every` begins without `from`, in seconds.
    /// `nil` for what
    /// this oracle does not understand.
    package init?(_ trigger: JSON, anchor: Int64) {
        if let text = trigger["cron"]?.string {
            guard let expression = Expression(text, hasSeconds: trigger["seconds"]?.bool ?? false),
                let zone = ZoneFile(named: trigger["zone"]?.string ?? "UTC")
            else { return nil }
            kind = .cron(
                expression,
                zone,
                gap: trigger["dst"]?["gap"]?.string ?? "next_valid",
                overlap: trigger["dst"]?["overlap"]?.string ?? "first"
            )
        } else if let text = trigger["every"]?.string {
            guard let period = Spans.milliseconds(text), period >= 1000 else { return nil }
            var start = anchor
            if let from = trigger["from"]?.string {
                guard let time = Instants.milliseconds(rfc3339: from) else { return nil }
                start = time.floored(by: 1000)
            }
            kind = .every(period: period / 1000, anchor: start)
        } else if let at = trigger["at"]?.string, let time = Instants.milliseconds(rfc3339: at) {
            kind = .at(time.floored(by: 1000))
        } else {
            return nil
        }
    }

    /// Whether the trigger is due at an instant, in seconds since 1970.
    package func isDue(_ time: Int64) -> Bool {
        switch kind {
        case .every(let period, let anchor): return time >= anchor && (time - anchor) % period == 0
        case .at(let moment): return time == moment
        case .cron(let expression, let zone, let gap, let overlap):
            let offset = zone.offset(at: time)
            let wall = time + Int64(offset)
            if expression.runsOnElapsedTime { return expression.matches(wall) }
            let before = zone.offset(at: time - 1)
            if gap == "next_valid", offset > before,
                ((time + Int64(before))..<wall).contains(where: { expression.matches($0) })
            {
                return true
            }
            guard expression.matches(wall) else { return false }
            // The same wall time may come again, or have been before, where the clocks are set back.
            let others = Self.instants(of: wall, zone)
            guard others.count > 1 else { return true }
            switch overlap {
            case "both": return true
            case "second": return time == others.max()
            default: return time == others.min()
            }
        }
    }

    /// The steps in which instants must be asked: whole minutes unless seconds matter.
    package var step: Int64 {
        switch kind {
        case .cron(let expression, _, _, _): expression.hasSeconds ? 1 : 60
        case .every, .at: 1
        }
    }

    /// All instants with a wall time: offsets of a day around are enough.
    private static func instants(of wall: Int64, _ zone: ZoneFile) -> Set<Int64> {
        var result: Set<Int64> = []
        var probe = wall - 93_600
        while probe <= wall + 93_600 {
            let candidate = wall - Int64(zone.offset(at: probe))
            if candidate + Int64(zone.offset(at: candidate)) == wall { result.insert(candidate) }
            probe += 1800
        }
        return result
    }

    /// The fields of an expression as sets.
    private struct Expression: Sendable {
        var seconds: Set<Int> = [0]
        var minutes: Set<Int> = []
        var hours: Set<Int> = []
        var months: Set<Int> = []
        var weekdays: Set<Int> = []
        var days: Set<Int> = []
        /// `L-n`: n days before the last.
        var fromEnd: Set<Int> = []
        /// `nW`; 0 is `LW`.
        var nearest: Set<Int> = []
        /// `d#n`; n 0 is `dL`.
        var nth: Set<[Int]> = []
        var hasSeconds = false
        var runsOnElapsedTime = false
        var bothDays = false

        private static let macros = [
            "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
            "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
        ]
        private static let monthNames = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ]
        private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

        init?(_ text: String, hasSeconds: Bool) {
            let lower = text.lowercased()
            var fields = (Self.macros[lower] ?? lower).split { $0 == " " || $0 == "\t" }.map(String.init)
            self.hasSeconds = hasSeconds && Self.macros[lower] == nil
            guard fields.count == (self.hasSeconds ? 6 : 5) else { return nil }
            if self.hasSeconds {
                guard let set = Self.set(fields[0], 0...59, []) else { return nil }
                seconds = set
            }
            let times = fields.prefix(fields.count - 3)
            runsOnElapsedTime = times.contains { $0.hasPrefix("*") }
            fields = Array(fields.suffix(5))
            guard let minutes = Self.set(fields[0], 0...59, []), let hours = Self.set(fields[1], 0...23, []),
                let months = Self.set(fields[3], 1...12, Self.monthNames), days(fields[2]),
                weekdays(fields[4])
            else { return nil }
            (self.minutes, self.hours, self.months) = (minutes, hours, months)
            bothDays = [fields[2], fields[4]].contains { $0.hasPrefix("*") || $0.hasPrefix("?") }
        }

        private mutating func days(_ field: String) -> Bool {
            for item in field.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                if item == "l" {
                    fromEnd.insert(0)
                } else if item == "lw" {
                    nearest.insert(0)
                } else if item.hasPrefix("l-"), let number = Int(item.dropFirst(2)) {
                    fromEnd.insert(number)
                } else if item.hasSuffix("w"), let number = Int(item.dropLast()) {
                    nearest.insert(number)
                } else {
                    guard let set = Self.set(item, 1...31, []) else { return false }
                    days.formUnion(set)
                }
            }
            return true
        }

        private mutating func weekdays(_ field: String) -> Bool {
            for item in field.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                if let hash = item.firstIndex(of: "#") {
                    guard let day = Self.value(String(item[..<hash]), Self.dayNames, 0),
                        let number = Int(item[item.index(after: hash)...])
                    else { return false }
                    nth.insert([day % 7, number])
                } else if item.count > 1, item.hasSuffix("l"),
                    let day = Self.value(String(item.dropLast()), Self.dayNames, 0)
                {
                    nth.insert([day % 7, 0])
                } else {
                    guard let set = Self.set(item, 0...7, Self.dayNames) else { return false }
                    weekdays.formUnion(set.map { $0 % 7 })
                }
            }
            return true
        }

        private static func value(_ text: String, _ names: [String], _ base: Int) -> Int? {
            names.firstIndex(of: text).map { $0 + base } ?? Int(text)
        }

        private static func set(_ field: String, _ range: ClosedRange<Int>, _ names: [String]) -> Set<Int>? {
            var result: Set<Int> = []
            let base = names.count == 12 ? 1 : 0
            for item in field.split(separator: ",", omittingEmptySubsequences: false) {
                let parts = item.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                guard parts.count <= 2, let span = parts.first else { return nil }
                var step = 1
                if parts.count == 2 {
                    guard let number = Int(parts[1]), number > 0 else { return nil }
                    step = number
                }
                let low: Int
                let high: Int
                if span == "*" || span == "?" {
                    (low, high) = (range.lowerBound, names.count == 7 ? 6 : range.upperBound)
                } else {
                    let ends = span.split(separator: "-").map { value(String($0), names, base) }
                    guard let first = ends.first, let first, ends.count <= 2 else { return nil }
                    low = first
                    if ends.count == 2 {
                        guard let second = ends[1] else { return nil }
                        high = second
                    } else {
                        high = parts.count == 2 ? range.upperBound : low
                    }
                }
                guard range.contains(low), range.contains(high), low <= high else { return nil }
                result.formUnion(stride(from: low, through: high, by: step))
            }
            return result
        }

        /// Whether a wall time matches, given in seconds as if it were UTC.
        func matches(_ wall: Int64) -> Bool {
            let dayNumber = Int(wall.floored(by: 86_400))
            let second = Int(wall - Int64(dayNumber) * 86_400)
            guard seconds.contains(second % 60), minutes.contains(second / 60 % 60),
                hours.contains(second / 3600)
            else { return false }
            let (year, month, day) = Instants.date(days: dayNumber)
            guard months.contains(month) else { return false }
            let next = Instants.days(
                year: month == 12 ? year + 1 : year,
                month: month == 12 ? 1 : month + 1,
                day: 1
            )
            let first = dayNumber - day + 1
            let count = next - first
            let weekday = ((dayNumber + 4) % 7 + 7) % 7
            let byDay =
                days.contains(day) || fromEnd.contains(count - day)
                || nearest.contains { day == Self.nearestWeekday(to: $0 == 0 ? count : $0, count, first) }
            let byWeekday =
                weekdays.contains(weekday) || nth.contains([weekday, (day - 1) / 7 + 1])
                || (nth.contains([weekday, 0]) && day + 7 > count)
            return bothDays ? byDay && byWeekday : byDay || byWeekday
        }

        private static func nearestWeekday(to day: Int, _ count: Int, _ first: Int) -> Int? {
            guard day <= count else { return nil }
            switch ((first + day - 1 + 4) % 7 + 7) % 7 {
            case 6: return day > 1 ? day - 1 : day + 2
            case 0: return day < count ? day + 1 : day - 2
            default: return day
            }
        }
    }
}
