/// A place in the total order of writes, with the time that the server gave it.
package struct Moment: Hashable, Sendable, Comparable {
    /// The transaction.
    package var zxid: Int64
    /// Its time in milliseconds since 1970, taken before the commit.
    package var time: Int64

    package static func < (left: Moment, right: Moment) -> Bool { left.zxid < right.zxid }
}

/// One try of one unit: a task, or one partition of it, of a run.
package struct UnitKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var run: String
    package var task: String
    package var partition: Int

    package static func < (left: UnitKey, right: UnitKey) -> Bool {
        (left.run, left.task, left.partition) < (right.run, right.task, right.partition)
    }

    package var description: String { "\(run)~\(task)~\(partition)" }
}

/// An attempt of a unit, as its znode is named.
package struct AttemptKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var unit: UnitKey
    package var number: Int

    package init(unit: UnitKey, number: Int) {
        self.unit = unit
        self.number = number
    }

    /// Reads `<run>~<task>~<partition>~<n>`.
    package init?(_ name: some StringProtocol) {
        let parts = name.split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count == 4, let partition = Int(parts[2]), let number = Int(parts[3]) else { return nil }
        self.init(
            unit: UnitKey(run: String(parts[0]), task: String(parts[1]), partition: partition),
            number: number
        )
    }

    package static func < (left: AttemptKey, right: AttemptKey) -> Bool {
        (left.unit, left.number) < (right.unit, right.number)
    }

    package var description: String { "\(unit)~\(number)" }
}

/// The parts of a run's id: `<job>@<yyyyMMddTHHmmssZ>` and perhaps `.m<n>` or `.r<n>`.
package struct RunName: Hashable, Sendable {
    package var job: String
    /// Seconds since 1970.
    package var logicalTime: Int64
    /// Whether it was neither asked for by hand nor a repetition.
    package var isPlain: Bool

    package init?(_ text: String) {
        guard let at = text.lastIndex(of: "@") else { return nil }
        let rest = text[text.index(after: at)...]
        let parts = rest.split(separator: ".", maxSplits: 1)
        guard let first = parts.first, let time = Instants.seconds(compact: String(first)) else { return nil }
        job = String(text[..<at])
        logicalTime = time
        isPlain = parts.count == 1
    }
}

/// Times as text, by plain arithmetic.
package enum Instants {
    /// Days since 1970-01-01 of a date of the Gregorian calendar.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The date of a number of days since 1970-01-01.
    package static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    /// Seconds since 1970 of `yyyyMMddTHHmmssZ`.
    package static func seconds(compact text: String) -> Int64? {
        let digits = Array(text.utf8)
        guard digits.count == 16, digits[8] == UInt8(ascii: "T"), digits[15] == UInt8(ascii: "Z") else {
            return nil
        }
        let parts = [(0, 4), (4, 2), (6, 2), (9, 2), (11, 2), (13, 2)].map { start, count in
            Int(String(decoding: digits[start..<start + count], as: UTF8.self))
        }
        guard let year = parts[0], let month = parts[1], let day = parts[2], let hour = parts[3],
            let minute = parts[4], let second = parts[5]
        else { return nil }
        return Int64(days(year: year, month: month, day: day)) * 86_400
            + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Milliseconds since 1970 of RFC 3339: `2026-11-24T10:46:37.798Z`, or with an offset.
    package static func milliseconds(rfc3339 text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        func number(_ start: Int, _ count: Int) -> Int? {
            start + count <= bytes.count
                ? Int(String(decoding: bytes[start..<start + count], as: UTF8.self)) : nil
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2)
        else { return nil }
        var position = 19
        var milliseconds: Int64 = 0
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            var scale: Int64 = 100
            while position < bytes.count, bytes[position] >= UInt8(ascii: "0"),
                bytes[position] <= UInt8(ascii: "9")
            {
                milliseconds += Int64(bytes[position] - UInt8(ascii: "0")) * scale
                scale /= 10
                position += 1
            }
        }
        guard position < bytes.count else { return nil }
        var offset = 0
        switch bytes[position] {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): break
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard let hours = number(position + 1, 2), let minutes = number(position + 4, 2) else {
                return nil
            }
            offset = (hours * 3600 + minutes * 60) * (bytes[position] == UInt8(ascii: "-") ? -1 : 1)
        default: return nil
        }
        let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
        return Int64(seconds - offset) * 1000 + milliseconds
    }

    /// RFC 3339 in UTC of milliseconds since 1970.
    package static func text(_ milliseconds: Int64) -> String {
        let seconds = Int(milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000)
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let (year, month, day) = date(days: days)
        let rest = seconds - days * 86_400
        func padded(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(rest / 3600, 2)):"
            + "\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))."
            + "\(padded(Int(milliseconds) - seconds * 1000, 3))Z"
    }
}

/// Spans of time as job files write them: `90s`, `1h30m`, `200ms`.
package enum Spans {
    /// Milliseconds; `nil` for anything else.
    package static func milliseconds(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000),
        ]
        var total: Int64 = 0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            guard let unit = units.first(where: { $0.0 == name }) else { return nil }
            rest = rest.dropFirst(name.count)
            total += number * unit.1
        }
        return total
    }
}
