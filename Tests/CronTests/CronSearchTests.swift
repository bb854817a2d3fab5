import Testing

@testable import Cron

/// Firings around changes of clocks, as tables that can be checked by hand.
@Suite struct CronSearchTests {
    /// The firings between two instants, as the clocks of the zone show them.
    private func firings(
        _ expression: String,
        _ zone: String,
        _ start: String,
        _ end: String,
        _ policy: DaylightSavingPolicy = DaylightSavingPolicy()
    ) throws -> [String] {
        let rules = try zones.zone(named: zone)
        return Schedule.cron(try CronExpression(expression), rules, policy)
            .occurrences(after: try time(start), through: try time(end), limit: 1000)
            .map { $0.rfc3339(in: rules) }
    }

    private let springDay = ("2027-03-14T05:00:00Z", "2027-03-15T05:00:00Z")
    private let autumnDay = ("2027-11-07T03:59:59Z", "2027-11-08T04:59:59Z")

    @Test func fixedTimesInTheGapFireAfterIt() throws {
        #expect(
            try firings("30 2 * * *", "America/New_York", springDay.0, springDay.1) == [
                "2027-03-14T03:00:00-04:00"
            ]
        )
        // Four missing times and 03:00 itself are one firing.
        #expect(
            try firings("0,15,30,45 2-3 * * *", "America/New_York", springDay.0, springDay.1) == [
                "2027-03-14T03:00:00-04:00", "2027-03-14T03:15:00-04:00", "2027-03-14T03:30:00-04:00",
                "2027-03-14T03:45:00-04:00",
            ]
        )
        let skip = DaylightSavingPolicy(gap: .skip)
        #expect(try firings("30 2 * * *", "America/New_York", springDay.0, springDay.1, skip).isEmpty)
    }

    @Test func fixedTimesInTheOverlapFollowThePolicy() throws {
        func fired(_ overlap: DaylightSavingPolicy.Overlap) throws -> [String] {
            try firings("30 1 * * *", "America/New_York", autumnDay.0, autumnDay.1, .init(overlap: overlap))
        }
        #expect(try fired(.first) == ["2027-11-07T01:30:00-04:00"])
        #expect(try fired(.second) == ["2027-11-07T01:30:00-05:00"])
        #expect(try fired(.both) == ["2027-11-07T01:30:00-04:00", "2027-11-07T01:30:00-05:00"])
    }

    @Test func starsRunOnElapsedTime() throws {
        for policy in [DaylightSavingPolicy(), .init(gap: .skip, overlap: .second)] {
            for day in [springDay, autumnDay] {
                let schedule = Schedule.cron(
                    try CronExpression("*/15 * * * *"),
                    try zones.zone(named: "America/New_York"),
                    policy
                )
                let found = schedule.occurrences(
                    after: try time(day.0),
                    through: try time(day.1),
                    limit: 1000
                )
                #expect(zip(found, found.dropFirst()).allSatisfy { $1.seconds - $0.seconds == 900 })
            }
            // `30 * * * *` is once in each real hour: 23 in spring, 25 in autumn.
            let day = ("2027-03-14T04:59:59Z", "2027-03-15T03:59:59Z")
            #expect(try firings("30 * * * *", "America/New_York", day.0, day.1, policy).count == 23)
            #expect(
                try firings("30 * * * *", "America/New_York", autumnDay.0, autumnDay.1, policy).count == 25
            )
        }
    }

    @Test func aStarInOneFieldIsEnough() throws {
        // The minute's star: there is no hour 2 on this day, and hour 1 comes twice in autumn.
        #expect(try firings("*/10 2 * * *", "America/New_York", springDay.0, springDay.1).isEmpty)
        #expect(try firings("*/30 1 * * *", "America/New_York", autumnDay.0, autumnDay.1).count == 4)
        // The hour's star: 2 is missing, nothing takes its place.
        #expect(
            try firings("0 */2 * * *", "America/New_York", springDay.0, "2027-03-14T09:00:00Z")
                == ["2027-03-14T04:00:00-04:00"]
        )
        // Written as a range it is not a star.
        #expect(
            try firings("0 0-23 * * *", "America/New_York", autumnDay.0, autumnDay.1).count == 24
        )
    }

    @Test func aDayThatWasLeftOutIsALongGap() throws {
        let days = ("2011-12-29T11:00:00Z", "2011-12-31T09:00:00Z")
        #expect(
            try firings("0 12 * * *", "Pacific/Apia", days.0, days.1)
                == ["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"]
        )
    }

    @Test func halfHourAndTwoHourChangesWork() throws {
        #expect(
            try firings("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", "2027-10-02T20:00:00Z")
                == ["2027-10-03T02:30:00+11:00"]
        )
        #expect(
            try firings("30 1,2 * * *", "Antarctica/Troll", "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z")
                == ["2027-03-28T03:00:00+02:00"]
        )
    }

    @Test func previewsSayWhatHappened() throws {
        let zone = try zones.zone(named: "America/New_York")
        let expression = try CronExpression("30 2 * * *")
        let moved = try #require(expression.next(after: try time(springDay.0), zone: zone))
        let wall = LocalTime(CivilDate(year: 2027, month: 3, day: 14), hour: 2, minute: 30)
        #expect(expression.daylightSavingNote(at: moved, zone: zone) == .movedOutOfGap(wall: wall))
        let next = try #require(expression.next(after: moved, zone: zone))
        #expect(expression.daylightSavingNote(at: next, zone: zone) == nil)
        let double = try CronExpression("30 1 * * *")
        #expect(double.daylightSavingNote(at: try time("2027-11-07T05:30:00Z"), zone: zone) == .firstOfTwo)
        #expect(double.daylightSavingNote(at: try time("2027-11-07T06:30:00Z"), zone: zone) == .secondOfTwo)
    }

    @Test(
        arguments: [
            ("0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"),
            ("0 0 13 * 5", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"),
            ("0 0 */13 * 5", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"),
            ("0 0 29 2 */8", "2026-01-01T00:00:00Z", nil),
            ("0 0 L * *", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 L-1 * *", "2026-02-01T00:00:00Z", "2026-02-27T00:00:00Z"),
            ("0 0 1W * *", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z"),
            ("0 0 31W 5 *", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"),
            ("0 0 LW * *", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"),
            ("0 0 * * fri#5", "2026-11-20T00:00:00Z", "2027-01-29T00:00:00Z"),
            ("0 0 * * 1L", "2026-11-20T00:00:00Z", "2026-11-30T00:00:00Z"),
            ("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
            ("59 23 31 12 *", "2037-12-31T23:59:00Z", "2038-12-31T23:59:00Z"),
            ("14 3 19 1 *", "2038-01-19T03:13:59Z", "2038-01-19T03:14:00Z"),
        ] as [(String, String, String?)]
    ) func datesAreFound(text: String, start: String, expected: String?) throws {
        guard let expected else {
            #expect(throws: CronError.self) { try CronExpression(text) }
            return
        }
        #expect(try CronExpression(text).next(after: try time(start), zone: .utc)?.rfc3339 == expected)
    }

    @Test func theLongestWaitIsFortyYears() throws {
        // 29 February on a Sunday: 2072-02-29 is a Monday; with `*/7` both fields must match.
        let expression = try CronExpression("0 0 29 2 */7")
        var time = try time("1970-01-01T00:00:00Z")
        var longest: Int64 = 0
        while let next = expression.next(after: time, zone: .utc), next.seconds < 50_000_000_000 {
            longest = max(longest, next.seconds - time.seconds)
            #expect(next.rfc3339.contains("-02-29T"))
            time = next
        }
        #expect(longest > 39 * 365 * 86_400)
    }

    @Test func aScheduleThatDaylightSavingAlwaysSkipsEnds() throws {
        let zone = try zones.zone(named: "America/New_York")
        let expression = try CronExpression("30 2 8/1 3 */7")
        let policy = DaylightSavingPolicy(gap: .skip)
        let fired = expression.next(after: try time("2026-01-01T00:00:00Z"), zone: zone, policy: policy)
        #expect(fired?.rfc3339 == "2026-03-15T06:30:00Z")
        let never = try CronExpression("30 2 8-14 3 */7")
        #expect(never.next(after: try time("2026-01-01T00:00:00Z"), zone: zone, policy: policy) == nil)
        #expect(never.previous(before: try time("2080-01-01T00:00:00Z"), zone: zone, policy: policy) == nil)
    }
}
