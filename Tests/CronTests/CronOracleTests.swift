import Testing

@testable import Cron

@Suite struct CronOracleTests {
    private struct Question {
        let zone: String
        let expression: String
        let hasSeconds: Bool
        let policy: DaylightSavingPolicy
        let start: Int64
        let end: Int64

        var line: String {
            let fields = hasSeconds ? 6 : 5
            return
                "cron\t\(zone)\t\(expression)\t\(fields)\t\(policy.gap.rawValue)\t\(policy.overlap.rawValue)"
                + "\t\(start)\t\(end)"
        }
    }

    /// An instant within two days of a change of a zone's clocks if it has one, else anywhere.
    private func instant(_ zone: TimeZoneRules, _ generator: inout SeededGenerator) -> Int64 {
        let any = Int64(generator.int(-631_152_000...4_102_444_800))  // 1950 to 2100
        guard generator.chance(80), let change = zone.nextTransition(after: UnixTime(seconds: any)) else {
            return any
        }
        return change.seconds + Int64(generator.int(-172_800...3600))
    }

    private func check(_ questions: [Question], seed: UInt64) throws {
        let answers = try Oracle.answers(to: questions.map(\.line))
        var fired = 0
        for (question, answer) in zip(questions, answers) {
            let expected = answer.split(separator: " ").compactMap { Int64($0) }
            let schedule = Schedule.cron(
                try CronExpression(question.expression, seconds: question.hasSeconds),
                try zones.zone(named: question.zone),
                question.policy
            )
            let found = schedule.occurrences(
                after: UnixTime(seconds: question.start),
                through: UnixTime(seconds: question.end),
                limit: 200_000
            )
            var backwards: [Int64] = []
            var before = UnixTime(seconds: question.end + 1)
            while let previous = schedule.previous(before: before), previous.seconds > question.start {
                backwards.append(previous.seconds)
                before = previous
            }
            #expect(found.map(\.seconds) == expected, "seed \(seed): \(question.line)")
            #expect(backwards.reversed() == expected, "backwards, seed \(seed): \(question.line)")
            fired += expected.count
        }
        print("oracle: \(questions.count) questions, \(fired) firings, seed \(seed)")
        #expect(fired > questions.count)
    }

    @Test func daysAroundClockChangesAgreeWithBruteForce() throws {
        let seed: UInt64 = 20_261_120
        var random = RandomCron(generator: SeededGenerator(seed: seed))
        var questions: [Question] = []
        while questions.count < 4000 {
            let hasSeconds = random.generator.chance(6)
            let expression = random.expression(seconds: hasSeconds, isDense: true)
            guard isPossible(expression, hasSeconds) else { continue }
            let zone = random.generator.pick(difficultZones)
            let start = instant(try zones.zone(named: zone), &random.generator)
            questions.append(
                Question(
                    zone: zone,
                    expression: expression,
                    hasSeconds: hasSeconds,
                    policy: policy(&random.generator),
                    start: start,
                    // Elapsed seconds are walked one by one, so their window is short.
                    end: start + (hasSeconds ? 7200 : random.generator.chance(30) ? 259_200 : 172_800)
                )
            )
        }
        try check(questions, seed: seed)
    }

    @Test func yearsOfSparseSchedulesAgreeWithBruteForce() throws {
        let seed: UInt64 = 7_031_983
        var random = RandomCron(generator: SeededGenerator(seed: seed))
        var questions: [Question] = []
        while questions.count < 400 {
            let expression = random.expression(seconds: false, isDense: false)
            guard isPossible(expression, false) else { continue }
            // At most a few firings a day, else the walk is long.
            let parsed = try CronExpression(expression)
            guard parsed.minutes.nonzeroBitCount * parsed.hours.nonzeroBitCount <= 6 else { continue }
            let zone = random.generator.pick(difficultZones)
            let start = instant(try zones.zone(named: zone), &random.generator)
            questions.append(
                Question(
                    zone: zone,
                    expression: expression,
                    hasSeconds: false,
                    policy: policy(&random.generator),
                    start: start,
                    end: start + Int64(random.generator.int(1...3)) * 365 * 86_400
                )
            )
        }
        try check(questions, seed: seed)
    }

    @Test func offsetsAgreeWithZoneinfo() throws {
        let seed: UInt64 = 2_038_119
        var generator = SeededGenerator(seed: seed)
        var questions: [(zone: TimeZoneRules, instant: Int64)] = []
        for name in zones.names() {
            let zone = try zones.zone(named: name)
            for _ in 0..<12 { questions.append((zone, Int64(generator.int(-2_208_988_800...9_000_000_000)))) }
            // 2037 to 2100, where the rule of the file's last line holds, and a little beyond the table.
            for _ in 0..<12 { questions.append((zone, Int64(generator.int(2_114_380_800...4_200_000_000)))) }
            var change = UnixTime(seconds: Int64(generator.int(-1_500_000_000...5_000_000_000)))
            for _ in 0..<6 {
                guard let next = zone.nextTransition(after: change) else { break }
                questions += [(zone, next.seconds - 1), (zone, next.seconds)]
                change = next
            }
        }
        let answers = try Oracle.answers(to: questions.map { "offset\t\($0.zone.name)\t\($0.instant)" })
        for ((zone, instant), answer) in zip(questions, answers) {
            #expect(
                String(zone.offset(at: UnixTime(seconds: instant))) == answer,
                "seed \(seed): \(zone.name) at \(instant)"
            )
        }
        print("oracle: \(questions.count) offsets in \(zones.names().count) zones, seed \(seed)")
        #expect(questions.count > 10_000)
    }

    private func policy(_ generator: inout SeededGenerator) -> DaylightSavingPolicy {
        DaylightSavingPolicy(
            gap: generator.pick(DaylightSavingPolicy.Gap.allCases),
            overlap: generator.pick(DaylightSavingPolicy.Overlap.allCases)
        )
    }

    private func isPossible(_ expression: String, _ seconds: Bool) -> Bool {
        do {
            _ = try CronExpression(expression, seconds: seconds)
            return true
        } catch {
            #expect(error.code == .neverFires, "\(error)")
            return false
        }
    }
}
