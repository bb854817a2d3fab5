/// A cron expression: on which days and at which times of day a schedule fires.
///
/// **Dialect.** Vixie cron: five fields `minute hour day-of-month month day-of-week`, or six with the second first
/// when asked for. A field is a list of numbers, ranges `a-b`, steps `*/n`, `a-b/n` and `a/n` (from a to the field's
/// end), and three-letter names in any case; 0 and 7 are Sunday. When day-of-month and day-of-week are both restricted,
/// a day matches when **either** does; when one of them *begins* with `*` (so also `*/2`), both must match.
/// `?` is another `*` in these two fields. Beyond Vixie: `L` (last day of the month), `L-3`, `15W` (the weekday nearest
/// to the 15th within the month), `LW` (last weekday), `fri#2` (second Friday) and `friL` (last Friday); numbers of
/// weekdays stay 0 to 7 there. `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// **Daylight saving.** An expression whose second, minute or hour field begins with `*` *runs on elapsed time*: it
/// fires at every instant at which the zone's clocks show a matching time, and at no other. So `*/15 * * * *` goes on
/// every 15 real minutes where clocks change, in both passes of a repeated hour; and `*/10 2 * * *` does not
/// fire on the day on which there is no hour 2. Any other expression names *fixed wall times*: each matching time of
/// each matching date fires once, however the clocks change, as `DaylightSavingPolicy` says: a time that is jumped
/// over fires at the first instant after the gap or not at all, a time that comes twice fires at the first, the second
/// or both. Times that fall onto one instant fire once. A date that a zone left out altogether (Apia, 2011-12-30) is a
/// long gap.
///
/// A value of 48 bytes, without storage on the heap.
package struct CronExpression: Hashable, Sendable {
    /// What kind of field was written where; it changes the meaning, not only the set of numbers.
    struct Traits: OptionSet, Hashable, Sendable {
        let rawValue: UInt8
        static let startsWithSecondStar = Traits(rawValue: 1)
        static let startsWithMinuteStar = Traits(rawValue: 2)
        static let startsWithHourStar = Traits(rawValue: 4)
        static let startsWithDayOfMonthStar = Traits(rawValue: 8)
        static let startsWithDayOfWeekStar = Traits(rawValue: 16)
        static let hasSeconds = Traits(rawValue: 32)
    }

    /// Bit n is second n.
    var seconds: UInt64 = 1
    /// Bit n is minute n.
    var minutes: UInt64 = 0
    /// Bit n is hour n.
    var hours: UInt32 = 0
    /// Bit n is day n.
    var daysOfMonth: UInt32 = 0
    /// Bit n is the day n days before the last of the month.
    var daysFromEnd: UInt32 = 0
    /// Bit n is the weekday nearest to day n; bit 0 is the last weekday of the month.
    var nearestWeekdays: UInt32 = 0
    /// Bit 7 (n − 1) + d is the n-th weekday d of the month, for n to 5; bit 35 + d is the last.
    var nthWeekdays: UInt64 = 0
    /// Bit n is month n.
    var months: UInt16 = 0
    /// Bit n is weekday n, 0 is Sunday.
    var weekdays: UInt8 = 0
    var traits: Traits = []

    /// Reads an expression.
    ///
    /// - Parameters:
    ///   - text: the fields, or a macro.
    ///   - seconds: six fields are expected, the second first. Macros such as `@daily` are taken either way.
    /// - Throws: what is wrong and where; also for an expression that no calendar day matches (30 February).
    package init(_ text: String, seconds: Bool = false) throws(CronError) {
        self = try CronParser(text: text, hasSeconds: seconds).parse()
        guard matchesSomeDay else {
            throw CronError(
                .neverFires,
                "this schedule never fires: no calendar day matches its day and month fields",
                in: text
            )
        }
    }

    /// An expression that matches nothing yet, for the parser.
    init(traits: Traits) { self.traits = traits }

    /// Whether six fields were read.
    package var hasSeconds: Bool { traits.contains(.hasSeconds) }

    /// Whether daylight saving leaves it alone, since its second, minute or hour field begins with `*`.
    package var runsOnElapsedTime: Bool {
        !traits.isDisjoint(with: [.startsWithSecondStar, .startsWithMinuteStar, .startsWithHourStar])
    }

    /// Whether a wall time matches all fields.
    package func matches(_ local: LocalTime) -> Bool {
        let date = local.date
        return seconds >> local.second & 1 == 1 && minutes >> local.minute & 1 == 1
            && hours >> local.hour & 1 == 1 && days(ofMonth: date.month, in: date.year) >> date.day & 1 == 1
    }

    /// The matching days of a month, bit n for day n.
    func days(ofMonth month: Int, in year: Int) -> UInt32 {
        guard months >> month & 1 == 1 else { return 0 }
        let count = CivilDate.dayCount(ofMonth: month, in: year)
        let all = UInt32.max >> UInt32(31 - count) & ~1
        // Nearly all expressions in use restrict neither, and the weekday need not be known.
        if traits.isSuperset(of: [.startsWithDayOfMonthStar, .startsWithDayOfWeekStar]),
            daysOfMonth | 1 == .max, weekdays == 0x7F
        {
            return all
        }
        let first = CivilDate.weekday(
            daysSince1970: CivilDate(year: year, month: month, day: 1).daysSince1970
        )
        let byDay = dayOfMonthMatches(count: count, first: first)
        let byWeekday = weekdayMatches(count: count, first: first)
        let both = traits.isDisjoint(with: [.startsWithDayOfMonthStar, .startsWithDayOfWeekStar])
        return (both ? byDay | byWeekday : byDay & byWeekday) & all
    }

    private func dayOfMonthMatches(count: Int, first: Int) -> UInt32 {
        var matching = daysOfMonth
        if daysFromEnd != 0 {
            for day in 1...count where daysFromEnd >> (count - day) & 1 == 1 { matching |= 1 << day }
        }
        if nearestWeekdays != 0 {
            if nearestWeekdays & 1 == 1 {
                matching |= 1 << Self.nearestWeekday(to: count, count: count, first: first)
            }
            for day in 1...count where nearestWeekdays >> day & 1 == 1 {
                matching |= 1 << Self.nearestWeekday(to: day, count: count, first: first)
            }
        }
        return matching
    }

    private func weekdayMatches(count: Int, first: Int) -> UInt32 {
        // One bit in seven, 1, 8, 15, 22 and 29, moved to the first day of each weekday.
        let weekly: UInt64 = 0x2040_8102
        var matching: UInt64 = 0
        var rest = weekdays
        while rest != 0 {
            let weekday = rest.trailingZeroBitCount
            rest &= rest - 1
            matching |= weekly << UInt64((weekday - first + 7) % 7)
        }
        var nth = nthWeekdays
        while nth != 0 {
            let bit = nth.trailingZeroBitCount
            nth &= nth - 1
            let earliest = 1 + (bit % 7 - first + 7) % 7
            if bit < 35 {
                matching |= 1 << UInt64(earliest + bit / 7 * 7)
            } else {
                matching |= 1 << UInt64(earliest + (count - earliest) / 7 * 7)
            }
        }
        return UInt32(truncatingIfNeeded: matching)
    }

    /// The Monday to Friday nearest to a day within its month.
    private static func nearestWeekday(to day: Int, count: Int, first: Int) -> Int {
        switch (first + day - 1) % 7 {
        case 6: day > 1 ? day - 1 : day + 2
        case 0: day < count ? day + 1 : day - 2
        default: day
        }
    }

    /// Every kind of year (first weekday, leap or not) is among any 28 in a row within a century.
    private var matchesSomeDay: Bool {
        (2000..<2028).contains { year in (1...12).contains { days(ofMonth: $0, in: year) != 0 } }
    }
}
