import Testing

@testable import Cron

@Suite struct TimeZoneRulesTests {
    private func wall(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int = 0) -> LocalTime {
        LocalTime(CivilDate(year: year, month: month, day: day), hour: hour, minute: minute)
    }

    @Test func wallTimesNameNoneOneOrTwoInstants() throws {
        let zone = try zones.zone(named: "America/New_York")
        #expect(zone.instants(of: wall(2027, 3, 14, 2, 30)) == .gap(end: try time("2027-03-14T07:00:00Z")))
        #expect(zone.instants(of: wall(2027, 3, 14, 3)) == .one(try time("2027-03-14T07:00:00Z")))
        #expect(
            zone.instants(of: wall(2027, 11, 7, 1, 30))
                == .two(first: try time("2027-11-07T05:30:00Z"), second: try time("2027-11-07T06:30:00Z"))
        )
        #expect(zone.instants(of: wall(2027, 11, 7, 2)) == .one(try time("2027-11-07T07:00:00Z")))
        // Far beyond the table the rule goes on.
        #expect(zone.instants(of: wall(2427, 3, 14, 2, 30)) == .gap(end: try time("2427-03-14T07:00:00Z")))
        #expect(zone.localTime(at: try time("2600-07-01T04:00:00Z")).hour == 0)
    }

    @Test func aDayCanBeMissing() throws {
        let zone = try zones.zone(named: "Pacific/Apia")
        #expect(zone.instants(of: wall(2011, 12, 30, 12)) == .gap(end: try time("2011-12-30T10:00:00Z")))
        #expect(zone.localTime(at: try time("2011-12-30T10:00:00Z")) == wall(2011, 12, 31, 0))
    }

    @Test func zonesOfOneOffsetHaveNoChanges() throws {
        #expect(
            try zones.zone(named: "Asia/Shanghai").nextTransition(after: try time("2000-01-01T00:00:00Z"))
                == nil
        )
        #expect(TimeZoneRules.utc.instants(of: wall(2026, 1, 1, 0)) == .one(try time("2026-01-01T00:00:00Z")))
        #expect(try zones.zone(named: "Etc/GMT-8").offset(at: UnixTime(seconds: 0)) == 28_800)
    }
}
