/// What a clock on the wall shows: date and time of day without a zone.
///
/// Kept as one count of seconds, as if the wall showed UTC, so that comparing and searching is arithmetic.
package struct LocalTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Seconds from 1970-01-01T00:00:00 on the same wall.
    package let secondsSince1970: Int

    package init(secondsSince1970: Int) {
        self.secondsSince1970 = secondsSince1970
    }

    /// Makes a wall time of a date and a time of day.
    package init(_ date: CivilDate, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        secondsSince1970 = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days from 1970-01-01.
    package var daysSince1970: Int { floorDivide(secondsSince1970, 86_400) }
    /// Seconds since local midnight as the wall counts, 0 to 86,399.
    package var secondOfDay: Int { floorRemainder(secondsSince1970, 86_400) }
    package var date: CivilDate { CivilDate(daysSince1970: daysSince1970) }
    package var hour: Int { secondOfDay / 3600 }
    package var minute: Int { secondOfDay / 60 % 60 }
    package var second: Int { secondOfDay % 60 }

    /// `2026-11-20T21:00:00`, without an offset.
    package var description: String {
        "\(date)T\(twoDigits(hour)):\(twoDigits(minute)):\(twoDigits(second))"
    }

    package static func < (left: LocalTime, right: LocalTime) -> Bool {
        left.secondsSince1970 < right.secondsSince1970
    }
}
