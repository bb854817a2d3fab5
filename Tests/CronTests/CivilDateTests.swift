import Testing

@testable import Cron

@Suite struct CivilDateTests {
    @Test(arguments: [
        (1970, 1, 1, 0, 4), (1969, 12, 31, -1, 3), (2000, 2, 29, 11_016, 2), (2026, 11, 20, 20_777, 5),
        (1, 1, 1, -719_162, 1), (9999, 12, 31, 2_932_896, 5), (0, 1, 1, -719_528, 6),
    ]) func daysAndWeekdays(year: Int, month: Int, day: Int, days: Int, weekday: Int) {
        let date = CivilDate(year: year, month: month, day: day)
        #expect(date.daysSince1970 == days)
        #expect(date.weekday == weekday)
        #expect(CivilDate(daysSince1970: days) == date)
    }

    @Test func everyDayOfEightCenturiesFollowsTheOneBefore() {
        var (year, month, day) = (1600, 1, 1)
        for number in CivilDate(year: 1600, month: 1, day: 1)
            .daysSince1970..<CivilDate(year: 2400, month: 1, day: 1)
            .daysSince1970
        {
            guard CivilDate(daysSince1970: number) == CivilDate(year: year, month: month, day: day) else {
                Issue.record("day \(number) is not \(year)-\(month)-\(day)")
                return
            }
            day += 1
            if day > CivilDate.dayCount(ofMonth: month, in: year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test func daysThatDoNotExistAreRefused() {
        #expect(CivilDate(exactlyYear: 2100, month: 2, day: 29) == nil)
        #expect(CivilDate(exactlyYear: 2096, month: 2, day: 29) != nil)
        #expect(CivilDate(exactlyYear: 2026, month: 13, day: 1) == nil)
        #expect(CivilDate(exactlyYear: 2026, month: 4, day: 31) == nil)
    }
}
