extension UnixTime: CustomStringConvertible {
    /// The RFC 3339 text in UTC.
    package var description: String { rfc3339 }

    /// RFC 3339 in UTC: `2026-11-20T13:00:00Z`.
    package var rfc3339: String { rfc3339Text(offset: 0) + "Z" }

    /// RFC 3339 as the clocks of a zone show it, with the offset: `2026-11-20T21:00:00+08:00`.
    ///
    /// An offset with seconds (before about 1930) is written as RFC 9557 demands of writers, rounded to the
    /// minute, with the clock time moved along, so that the text still names the same instant.
    package func rfc3339(in zone: TimeZoneRules) -> String {
        let exact = zone.offset(at: self)
        let minutes = floorDivide(exact + 30, 60)
        let magnitude = abs(minutes)
        return rfc3339Text(offset: minutes * 60)
            + "\(minutes < 0 ? "-" : "+")\(twoDigits(magnitude / 60)):\(twoDigits(magnitude % 60))"
    }

    /// The compact form for names and ids: `20261120T130000Z`.
    package var compact: String {
        let local = LocalTime(secondsSince1970: Int(seconds))
        let date = local.date
        return "\(UnixTime.yearText(date.year))\(twoDigits(date.month))\(twoDigits(date.day))T"
            + "\(twoDigits(local.hour))\(twoDigits(local.minute))\(twoDigits(local.second))Z"
    }

    private func rfc3339Text(offset: Int) -> String {
        LocalTime(secondsSince1970: Int(adding(seconds: Int64(offset)).seconds)).description
    }

    /// A year in at least four digits.
    static func yearText(_ year: Int) -> String {
        let digits = String(abs(year))
        let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return year < 0 ? "-" + padded : padded
    }
}

extension UnixTime {
    /// Reads RFC 3339 (`2026-11-20T21:00:00.5+08:00`); the seconds' fraction is dropped, downwards.
    ///
    /// `t`, `z` and a space instead of `T` are accepted as the RFC allows. An instant without an offset is
    /// refused, since it would depend on where it is read; so is a leap second, which this count does not have.
    package init(rfc3339 text: String) throws(CronError) {
        var scan = InstantScanner(text)
        let year = try scan.digits(4, "year")
        try scan.expect("-")
        let month = try scan.digits(2, "month", 1...12)
        try scan.expect("-")
        let day = try scan.digits(2, "day", 1...31)
        let date = try scan.date(year, month, day)
        try scan.expect("T", "t", " ")
        let hour = try scan.digits(2, "hour", 0...23)
        try scan.expect(":")
        let minute = try scan.digits(2, "minute", 0...59)
        try scan.expect(":")
        let second = try scan.digits(2, "second", 0...59)
        if scan.skip(".") { try scan.skipDigits() }
        var offset = 0
        if !scan.skip("Z"), !scan.skip("z") {
            let isWest = scan.skip("-")
            if !isWest, !scan.skip("+") {
                throw scan.error(
                    "the offset from UTC is missing",
                    hint: "end it with Z or with an offset like +08:00"
                )
            }
            offset = try scan.digits(2, "offset hour", 0...23) * 3600
            try scan.expect(":")
            offset += try scan.digits(2, "offset minute", 0...59) * 60
            if isWest { offset = -offset }
        }
        try scan.expectEnd()
        let clock = hour * 3600 + minute * 60 + second
        self.init(seconds: Int64(date.daysSince1970 * 86_400 + clock - offset))
        guard (UnixTime.earliest...UnixTime.latest).contains(self) else {
            throw CronError(.invalidInstant, "the instant is outside the years 0000 to 9999 in UTC", in: text)
        }
    }

    /// Reads the compact form `20261120T130000Z`, exactly as `compact` writes it.
    package init(compact text: String) throws(CronError) {
        var scan = InstantScanner(text)
        let year = try scan.digits(4, "year")
        let month = try scan.digits(2, "month", 1...12)
        let day = try scan.digits(2, "day", 1...31)
        let date = try scan.date(year, month, day)
        try scan.expect("T")
        let hour = try scan.digits(2, "hour", 0...23)
        let minute = try scan.digits(2, "minute", 0...59)
        let second = try scan.digits(2, "second", 0...59)
        try scan.expect("Z")
        try scan.expectEnd()
        self.init(seconds: Int64(date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second))
    }
}

/// Reads the fixed-width parts of an instant and says where one is wrong.
private struct InstantScanner {
    private let text: String
    private let characters: [Character]
    private var index = 0

    init(_ text: String) {
        self.text = text
        characters = Array(text)
    }

    mutating func digits(
        _ count: Int,
        _ name: String,
        _ range: ClosedRange<Int> = 0...9999
    ) throws(CronError) -> Int {
        var value = 0
        for position in index..<index + count {
            guard position < characters.count, let digit = asciiDigit(characters[position]) else {
                throw error(
                    "the \(name) must be \(count) digits",
                    hint: "the form is 2026-11-20T21:00:00+08:00"
                )
            }
            value = value * 10 + digit
        }
        guard range.contains(value) else {
            throw error("\(name) \(value) is outside \(range.lowerBound)-\(range.upperBound)")
        }
        index += count
        return value
    }

    func date(_ year: Int, _ month: Int, _ day: Int) throws(CronError) -> CivilDate {
        guard let date = CivilDate(exactlyYear: year, month: month, day: day) else {
            throw error("there is no day \(day) in month \(month) of \(year)")
        }
        return date
    }

    mutating func skip(_ character: Character) -> Bool {
        guard index < characters.count, characters[index] == character else { return false }
        index += 1
        return true
    }

    mutating func skipDigits() throws(CronError) {
        let start = index
        while index < characters.count, asciiDigit(characters[index]) != nil { index += 1 }
        if index == start { throw error("digits are missing after the point") }
    }

    mutating func expect(_ choices: Character...) throws(CronError) {
        for choice in choices where skip(choice) { return }
        throw error("expected \"\(choices[0])\"", hint: "the form is 2026-11-20T21:00:00+08:00")
    }

    func expectEnd() throws(CronError) {
        if index < characters.count { throw error("unexpected text after the instant") }
    }

    func error(_ message: String, hint: String? = nil) -> CronError {
        CronError(.invalidInstant, message, in: text, at: min(index, characters.count), hint: hint)
    }
}

/// The value of an ASCII digit; other scripts' digits are not numbers here.
func asciiDigit(_ character: Character) -> Int? {
    guard let byte = character.asciiValue, byte >= 48, byte <= 57 else { return nil }
    return Int(byte) - 48
}
