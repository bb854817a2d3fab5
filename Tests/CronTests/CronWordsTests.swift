import Testing

@testable import Cron

@Suite struct CronWordsTests {
    @Test(arguments: [
        ("10 0 * * *", "At 00:10 every day", "每天 00:10"),
        ("*/15 * * * *", "Every 15 minutes", "每 15 分钟"),
        ("* * * * *", "Every minute", "每分钟"),
        ("0 * * * *", "Every hour", "每小时整点"),
        ("30 * * * *", "Minute 30 of every hour", "每小时第 30 分"),
        ("0 */2 * * *", "Every 2 hours", "每 2 小时整点"),
        ("*/10 2 * * *", "Every 10 minutes of hour 2", "2 点内每 10 分钟"),
        ("0 9 * * 1-5", "At 09:00, on Monday to Friday", "每周一至周五 09:00"),
        ("0 0 1,15 * 5", "At 00:00, on days 1 and 15 of the month or on Friday", "每月 1、15 日或周五 00:00"),
        ("0 0 L * *", "At 00:00, on the last day of the month", "每月最后一天 00:00"),
        ("0 0 * * fri#2", "At 00:00, on the second Friday of the month", "每月第 2 个周五 00:00"),
        ("0 0 1 1 *", "At 00:00, on day 1 of the month in January", "每年 1 月 1 日 00:00"),
        ("0 6 * 7,8 1-5", "At 06:00, on Monday to Friday in July and August", "每年 7、8 月的周一至周五 06:00"),
        ("0 6 * 1-3 *", "At 06:00, every day in January to March", "每年 1–3 月每天 06:00"),
        ("0 9,18 * * 6,0", "At 09:00 and 18:00, on Saturday and Sunday", "每周六、周日 09:00、18:00"),
    ]) func fiveFields(text: String, english: String, chinese: String) throws {
        let expression = try CronExpression(text)
        #expect(expression.describe(in: .english) == english)
        #expect(expression.describe(in: .chinese) == chinese)
    }

    @Test(arguments: [
        ("* * * * * *", "Every second", "每秒"), ("*/10 * * * * *", "Every 10 seconds", "每 10 秒"),
        ("30 15 2 * * *", "At 02:15:30 every day", "每天 02:15:30"),
        ("0 15 2 * * *", "At 02:15 every day", "每天 02:15"),
    ]) func sixFields(text: String, english: String, chinese: String) throws {
        let expression = try CronExpression(text, seconds: true)
        #expect(expression.describe(in: .english) == english)
        #expect(expression.describe(in: .chinese) == chinese)
    }

    @Test func everyExpressionHasWords() throws {
        let seed: UInt64 = 5
        var random = RandomCron(generator: SeededGenerator(seed: seed))
        for _ in 0..<2000 {
            let text = random.expression(seconds: false, isDense: false)
            do {
                let expression = try CronExpression(text)
                for language in ScheduleLanguage.allCases {
                    let words = expression.describe(in: language)
                    #expect(
                        !words.isEmpty && !words.contains("  ") && !words.hasPrefix(" "),
                        "seed \(seed): \(text): \(words)"
                    )
                }
            } catch {
                #expect(error.code == .neverFires)
            }
        }
    }
}
