import Testing

@testable import Cron

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("30s", 30_000), ("10m", 600_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("250ms", 250),
        ("0s", 0),
        ("1d2h3m4s5ms", 93_784_005), ("90m", 5_400_000), ("1s500ms", 1500),
    ]) func reads(text: String, milliseconds: Int64) throws {
        #expect(try DurationText.milliseconds(parsing: text) == milliseconds)
        let again = try DurationText.milliseconds(parsing: DurationText.text(milliseconds: milliseconds))
        #expect(again == milliseconds)
    }

    @Test(
        arguments: [
            ("", nil, "the duration is empty"), ("30", 2, "the unit is missing"), ("1.5h", 1, "fractions"),
            ("5w", 1, "\"w\" is not a unit"), ("30S", 2, "\"S\" is not a unit"),
            ("30m1h", 4, "unit \"h\" must come once"),
            ("1h1h", 3, "unit \"h\" must come once"), ("-5s", 0, "expected a number"),
            ("h", 0, "expected a number"),
            ("1h 30m", 2, "expected a number"), ("99999999999999999999s", 0, "the number is too large"),
            ("9223372036854775807d", 0, "the duration is too long"), ("5分", 1, "\"分\" is not a unit"),
        ] as [(String, Int?, String)]
    ) func refuses(text: String, offset: Int?, message: String) throws {
        let error = try #require(throws: CronError.self) { try DurationText.milliseconds(parsing: text) }
        #expect(error.code == .invalidDuration)
        #expect(error.offset == offset)
        #expect(error.message.hasPrefix(message), "\(error)")
    }

    @Test func writesTheFewestUnits() {
        #expect(DurationText.text(milliseconds: 5_400_000) == "1h30m")
        #expect(DurationText.text(milliseconds: 0) == "0s")
        #expect(DurationText.text(milliseconds: -1500) == "-1s500ms")
        #expect(DurationText.text(milliseconds: .min).hasPrefix("-"))
    }
}
