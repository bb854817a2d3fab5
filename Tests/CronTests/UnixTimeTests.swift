import Foundation
import Testing

@testable import Cron

@Suite struct UnixTimeTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-20T13:00:00Z", 1_795_179_600),
        ("2026-11-20T21:00:00+08:00", 1_795_179_600),
        ("2026-11-20t21:00:00.999+08:00", 1_795_179_600), ("2026-11-20 07:30:00-05:30", 1_795_179_600),
        ("1969-12-31T23:59:59.5z", -1), ("2038-01-19T03:14:08Z", 2_147_483_648),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ]) func readsRFC3339(text: String, seconds: Int64) throws {
        #expect(try UnixTime(rfc3339: text).seconds == seconds)
    }

    @Test(arguments: [
        ("2026-11-20T13:00:00", 19, "the offset from UTC is missing"),
        ("2026-02-29T00:00:00Z", 10, "there is no day 29"),
        ("2026-11-20T24:00:00Z", 11, "hour 24 is outside 0-23"), ("2026-11-20T13:00:60Z", 17, "second 60"),
        ("26-11-20", 0, "the year must be 4 digits"), ("2026-11-20T13:00:00Zx", 20, "unexpected text"),
        ("2026-11-20T13:00:00.Z", 20, "digits are missing"), ("", 0, "the year"),
        ("２０２６-11-20T13:00:00Z", 0, "the year"),
    ]) func refusesOtherText(text: String, offset: Int, message: String) throws {
        let error = try #require(throws: CronError.self) { try UnixTime(rfc3339: text) }
        #expect(error.code == .invalidInstant)
        #expect(error.offset == offset)
        #expect(error.message.hasPrefix(message), "\(error)")
    }

    @Test func bothFormsReadBackWhatTheyWrite() throws {
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<2000 {
            let time = UnixTime(seconds: Int64(generator.int(-62_167_219_200...253_402_300_799)))
            #expect(try UnixTime(rfc3339: time.rfc3339) == time, "seed 42: \(time.seconds)")
            #expect(try UnixTime(compact: time.compact) == time, "seed 42: \(time.seconds)")
        }
        #expect(UnixTime(seconds: 1_795_179_600).compact == "20261120T130000Z")
        #expect(throws: CronError.self) { try UnixTime(compact: "20261120T130000") }
        #expect(throws: CronError.self) { try UnixTime(compact: "20260230T130000Z") }
    }

    @Test func writesTheClockOfAZone() throws {
        let time = try time("2026-11-20T13:00:00Z")
        #expect(time.rfc3339(in: try zones.zone(named: "Asia/Shanghai")) == "2026-11-20T21:00:00+08:00")
        #expect(time.rfc3339(in: try zones.zone(named: "America/St_Johns")) == "2026-11-20T09:30:00-03:30")
        // Liberia was 44 minutes and 30 seconds behind.
        let monrovia = UnixTime(seconds: 0).rfc3339(in: try zones.zone(named: "Africa/Monrovia"))
        #expect(try UnixTime(rfc3339: monrovia).seconds == 0)
    }

    @Test func isRFC3339InJSON() throws {
        let data = try JSONEncoder().encode([UnixTime(seconds: 1_795_179_600)])
        #expect(String(decoding: data, as: UTF8.self) == "[\"2026-11-20T13:00:00Z\"]")
        #expect(try JSONDecoder().decode([UnixTime].self, from: data) == [UnixTime(seconds: 1_795_179_600)])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([UnixTime].self, from: Data("[\"now\"]".utf8))
        }
        #expect(throws: EncodingError.self) { try JSONEncoder().encode([UnixTime(seconds: .max)]) }
    }

    @Test func extremeInstantsAreHarmless() throws {
        #expect(UnixTime(seconds: .max).adding(seconds: 1).seconds == .max)
        #expect(UnixTime(seconds: .min).adding(seconds: -1).seconds == .min)
        let zone = try zones.zone(named: "America/New_York")
        let expression = try CronExpression("0 0 * * *")
        #expect(expression.next(after: UnixTime(seconds: .max), zone: zone) == nil)
        #expect(expression.next(after: .latest, zone: zone) == nil)
        #expect(expression.next(after: UnixTime(seconds: .min), zone: zone) != nil)
        #expect(expression.previous(before: UnixTime(seconds: .min), zone: zone) == nil)
        #expect(expression.previous(before: UnixTime(seconds: .max), zone: zone) != nil)
        #expect(expression.next(after: UnixTime.latest.adding(seconds: -10), zone: zone) == nil)
        #expect(zone.offset(at: UnixTime(seconds: .max)) != 0)
        #expect(UnixTime(seconds: 400_000_000_000).rfc3339.hasPrefix("14645-"))
    }
}
