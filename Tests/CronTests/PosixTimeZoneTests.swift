import Testing

@testable import Cron

@Suite struct PosixTimeZoneTests {
    /// A zone that has nothing but the rule.
    private func zone(_ text: String) throws -> TimeZoneRules {
        let rule = try #require(PosixTimeZone(text), "\(text)")
        var file = TimeZoneFile(fixedOffset: rule.standardOffset)
        file.footer = rule
        return TimeZoneRules(name: text, file: file)
    }

    @Test(arguments: [
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2030-03-31T01:00:00Z", 7200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2030-10-27T01:00:00Z", 3600),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2030-01-01T00:00:00Z", 0),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2030-07-01T00:00:00Z", 3600),
        ("<+03>-3", "2030-01-01T00:00:00Z", 10_800),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-03-31T01:00:00Z", -3600),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-03-31T00:59:59Z", -7200),
        ("IST-2IDT,M3.4.4/26,M10.5.0", "2030-03-29T00:00:00Z", 10_800),
        ("IST-2IDT,M3.4.4/26,M10.5.0", "2030-03-28T23:59:59Z", 7200),
        ("EST5EDT,0/0,J365/25", "2030-01-01T05:00:00Z", -14_400),
        ("EST5EDT,0/0,J365/25", "2450-12-31T12:00:00Z", -14_400),
        ("<+0330>-3:30<+0430>,J79/24,J263/24", "2028-03-20T20:30:00Z", 16_200),
        ("<+0330>-3:30<+0430>,J79/24,J263/24", "2028-03-20T20:29:59Z", 12_600),
        ("AAA1BBB,59,300", "2028-02-29T03:00:00Z", 0), ("AAA1BBB,J60,300", "2028-02-29T12:00:00Z", -3600),
        ("EST5EDT", "2030-07-01T00:00:00Z", -14_400),
        ("LHS-10:30LHD-11,M10.1.0,M4.1.0", "2030-01-01T00:00:00Z", 39_600),
        ("LMT0:44:30", "2030-01-01T00:00:00Z", -2670),
    ]) func rulesHold(text: String, instant: String, offset: Int) throws {
        #expect(try zone(text).offset(at: try time(instant)) == offset)
    }

    @Test(arguments: [
        "", "E5", "EST", "EST25", "EST5EDT,", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0",
        "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,J0,J9", "EST5EDT,366,9", "EST5EDT,M3.2.0/168,M11.1.0", "<+03-3",
        "EST5EDT,M3.2.0,M11.1.0x",
        "EST5:60", "+03-3",
    ]) func malformedRulesAreRefused(text: String) {
        #expect(PosixTimeZone(text) == nil)
    }

    @Test func permanentDaylightSavingHasNoChanges() throws {
        let zone = try zone("EST5EDT,0/0,J365/25")
        for year in [2030, 2099, 2100, 2101, 2450] {
            let start = UnixTime(
                seconds: Int64(CivilDate(year: year, month: 6, day: 1).daysSince1970 * 86_400)
            )
            let expression = try CronExpression("30 * * * *")
            let hits = Schedule.cron(expression, zone, .init()).occurrences(
                after: start,
                through: start.adding(seconds: 366 * 86_400),
                limit: 10_000
            )
            #expect(hits.count == 366 * 24)
            #expect(
                zone.span(at: Int(start.seconds)).previousOffset == zone.span(at: Int(start.seconds)).offset
                    || year <= 2100
            )
        }
    }
}
