import Testing

@testable import Cron

@Suite struct CronParserTests {
    @Test(arguments: [
        ("@yearly", "0 0 1 1 *"), ("@ANNUALLY", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@hourly", "0 * * * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * JAN-mar Mon,FRI", "0 0 * 1-3 1,5"), ("  5\t4 * * *  ", "5 4 * * *"),
        ("0 0 ? * ?", "0 0 * * *"),
        ("10/20 0 * * *", "10,30,50 0 * * *"), ("0 0 * * fri-sun", "0 0 * * 5,6,0"),
        ("0 0 * * 5-7", "0 0 * * 5,6,0"),
        ("0 0 * 7/6 *", "0 0 * 7 *"), ("0 0 l * *", "0 0 L * *"),
        ("0-20/5,3 0 * * *", "0,3,5,10,15,20 0 * * *"),
        ("0 0 * * 7#2", "0 0 * * sun#2"), ("0 0 * * FriL", "0 0 * * 5L"), ("0 0 * * 1/2", "0 0 * * 1,3,5"),
    ]) func spellingsMeanTheSame(text: String, plain: String) throws {
        #expect(try CronExpression(text) == CronExpression(plain))
    }

    @Test(
        arguments: [
            ("75 * * * *", 0, "minute 75 is outside 0-59"), ("0 24 * * *", 2, "hour 24 is outside 0-23"),
            ("0 0 0 * *", 4, "day of month 0 is outside 1-31"), ("0 0 * 13 *", 6, "month 13 is outside 1-12"),
            ("0 0 * * 8", 8, "day of week 8 is outside 0-7"), ("0 0 * *", 7, "expected 5 fields"),
            ("0 0 * * * *", 10, "expected 5 fields"), ("0 0 0 1 1 ? 2030", 12, "expected 5 fields"),
            ("", nil, "the cron expression is empty"), ("   ", nil, "the cron expression is empty"),
            ("*/0 * * * *", 2, "step 0"), ("*/90 * * * *", 2, "minute step 90 is larger"),
            ("*/60 * * * *", 2, "minute step 60"),
            ("30-10 * * * *", 0, "the minute range 30-10 runs backwards"),
            ("1,,2 * * * *", 2, "an item of the minute list is empty"),
            (", * * * *", 0, "an item"), ("1, * * * *", 2, "an item"),
            ("0 0 * foo *", 6, "\"foo\" is not a month"),
            ("0 0 * * L", 8, "\"L\" alone"), ("0 0 * * fri#6", 12, "expected 1 to 5"),
            ("H * * * *", 0, "\"H\" cannot be a minute"),
            ("1~5 * * * *", 1, "unexpected \"~\""), ("＊ * * * *", 0, "unexpected \"＊\""),
            ("😀 * * * *", 0, "unexpected \"😀\""),
            ("5x * * * *", 1, "unexpected \"x\""), ("@reboot", 0, "@reboot is not supported"),
            ("@every 5m", 7, "@every stands alone"),
            ("CRON_TZ=UTC 0 0 * * *", 0, "a cron expression cannot set variables"),
            ("? 0 * * *", 0, "\"?\" stands alone"),
            ("0 0 L-31 * *", 6, "expected 1 to 30"), ("0 0 15W-3 * *", 7, "unexpected \"-\""),
            ("0 0 W * *", 4, "\"W\" cannot be"),
            ("1- * * * *", 2, "the minute field ends"), ("*/ * * * *", 2, "expected a number after"),
            ("99999999999999999999 * * * *", 0, "minute 999999999 is outside"),
            ("-5 * * * *", 0, "unexpected \"-\""),
            ("*5 * * * *", 1, "unexpected \"5\""), ("0 0 * * monday", 11, "unexpected \"d\""),
        ] as [(String, Int?, String)]
    ) func mistakesAreNamed(text: String, offset: Int?, message: String) throws {
        let error = try #require(throws: CronError.self) { try CronExpression(text) }
        #expect(error.code == .invalidExpression)
        #expect(error.offset == offset, "\(error)")
        #expect(error.message.hasPrefix(message), "\(error)")
    }

    @Test func hintsSayWhatToWrite() throws {
        func hint(_ text: String, seconds: Bool = false) throws -> String {
            try #require(#require(throws: CronError.self) { try CronExpression(text, seconds: seconds) }.hint)
        }
        #expect(try hint("0 0 * * * *").contains("seconds: true"))
        #expect(try hint("0 0 * * *", seconds: true).contains("seconds: true"))
        #expect(try hint("* 22-2 * * *") == "write 22-23,0-2")
        #expect(try hint("* * * * fri-mon") == "write 5-6,0-1")
        #expect(try hint("＊ * * * *").hasSuffix("write *"))
        #expect(try hint("*/60 * * * *") == "hourly is 0 * * * *")
        #expect(try hint("*/90 * * * *").contains("every: 90m"))
    }

    @Test(arguments: [
        "0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 feb *", "0 0 L-29 2 *", "0 0 29W-31 2 *",
    ]) func schedulesThatNeverFireAreRefused(text: String) throws {
        let error = try #require(throws: CronError.self) { try CronExpression(text) }
        #expect(error.code == (text.contains("W") ? .invalidExpression : .neverFires), "\(error)")
    }

    @Test func eitherDayFieldCanSaveTheOther() throws {
        #expect(throws: Never.self) { try CronExpression("0 0 31 2 1") }
        #expect(throws: CronError.self) { try CronExpression("0 0 31 2 */1") }
        #expect(throws: Never.self) { try CronExpression("0 0 29 2 *") }
    }

    @Test func secondsComeFirst() throws {
        let expression = try CronExpression("*/10 30 2 * * *", seconds: true)
        #expect(expression.hasSeconds && expression.runsOnElapsedTime)
        #expect(expression.seconds.nonzeroBitCount == 6)
        #expect(try CronExpression("0 30 2 * * *", seconds: true).runsOnElapsedTime == false)
        #expect(try CronExpression("@daily", seconds: true) == CronExpression("@daily"))
    }

    @Test func randomTextNeverTraps() {
        let seed: UInt64 = 4711
        var generator = SeededGenerator(seed: seed)
        let letters = Array("0123456789*/-,?LW# \tabcjanfri@~é＊")
        var read = 0
        for _ in 0..<20_000 {
            let text = (0..<generator.pick([1, 5, 5, 5, 6])).map { _ in
                generator.chance(40)
                    ? "*" : String((0..<generator.int(1...4)).map { _ in generator.pick(letters) })
            }.joined(separator: " ")
            do {
                let expression = try CronExpression(text, seconds: generator.chance(50))
                _ = expression.next(after: UnixTime(seconds: 0), zone: .utc)
                read += 1
            } catch {
                #expect(!error.message.isEmpty && (error.offset ?? 0) <= text.count, "seed \(seed): \(text)")
            }
        }
        #expect(read > 100)
        print("random text: \(read) of 20000 were expressions, seed \(seed)")
    }
}
