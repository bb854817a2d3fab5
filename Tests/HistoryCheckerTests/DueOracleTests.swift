import Cron
import HistoryChecking
import Testing

/// The naive oracle and the product's search must agree: two programs that have nothing in common but the
/// rules.
struct DueOracleTests {
    private static let zones = [
        "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Casablanca", "Asia/Kolkata",
    ]

    private static let expressions = [
        "* * * * *", "*/15 * * * *", "30 2 * * *", "10 0 * * *", "30 1 * * *", "0 9-17/2 * * mon-fri",
        "15 3 1,15 * *",
        "0 0 l * *", "45 23 lw * *", "0 12 15w * *", "20 4 * * fri#2", "0 6 * * sunl", "5 4 13 * 5", "@daily",
        "59 1,2,3 * * *",
        "0 */6 * 3,10,11 *", "7 2 */2 * 1",
    ]

    /// Seconds since 1970 around which clocks change somewhere, and the end of a month.
    private static let instants: [Int64] = [
        1_774_746_000,  // 2026-03-29, Europe
        1_772_953_200,  // 2026-03-08, North America
        1_792_890_000,  // 2026-10-25, Europe
        1_793_512_800,  // 2026-11-01, North America
        1_775_314_800,  // 2026-04-04, Lord Howe and Santiago
        1_790_000_000,
        2_550_000_000,  // 2050, by the rule at the end of the file
    ]

    @Test(arguments: zones) func agreesWithTheProduct(zone: String) throws {
        let rules = try TimeZoneDatabase(directory: "/usr/share/zoneinfo").zone(named: zone)
        for expression in Self.expressions {
            for (gap, overlap) in [("next_valid", "first"), ("skip", "second"), ("next_valid", "both")] {
                let policy = DaylightSavingPolicy(
                    gap: try #require(.init(rawValue: gap)),
                    overlap: try #require(.init(rawValue: overlap))
                )
                let schedule = Schedule.cron(try CronExpression(expression), rules, policy)
                let trigger: JSON = .object([
                    "cron": .string(expression), "zone": .string(zone),
                    "dst": .object(["gap": .string(gap), "overlap": .string(overlap)]),
                ])
                let oracle = try #require(DueOracle(trigger, anchor: 0))
                for instant in Self.instants {
                    let (start, end) = (instant / 60 * 60 - 43_200, instant / 60 * 60 + 43_200)
                    let product = schedule.occurrences(
                        after: UnixTime(seconds: start),
                        through: UnixTime(seconds: end),
                        limit: 10_000
                    ).map(\.seconds)
                    let naive = stride(from: start + 60, through: end, by: 60).filter { oracle.isDue($0) }
                    #expect(product == naive, "\(expression) \(zone) \(gap) \(overlap) around \(instant)")
                }
            }
        }
    }

    @Test func secondsAreAskedOneByOne() throws {
        let trigger: JSON = .object([
            "cron": "*/7 30 2 * * *", "seconds": .bool(true), "zone": "Europe/Berlin",
        ])
        let oracle = try #require(DueOracle(trigger, anchor: 0))
        let rules = try TimeZoneDatabase(directory: "/usr/share/zoneinfo").zone(named: "Europe/Berlin")
        let schedule = Schedule.cron(try CronExpression("*/7 30 2 * * *", seconds: true), rules, .init())
        #expect(oracle.step == 1)
        for start: Int64 in [1_774_740_000, 1_792_880_000, 1_780_000_000] {
            let product = schedule.occurrences(
                after: UnixTime(seconds: start),
                through: UnixTime(seconds: start + 20_000),
                limit: 1000
            ).map(\.seconds)
            #expect(product == (start + 1...start + 20_000).filter { oracle.isDue($0) })
        }
    }

    @Test func intervalsAndInstants() throws {
        let every = try #require(DueOracle(.object(["every": "1m30s"]), anchor: 1000))
        #expect((900...1300).filter { every.isDue($0) } == [1000, 1090, 1180, 1270])
        let from = try #require(
            DueOracle(.object(["every": "1h", "from": "1970-01-01T00:00:05Z"]), anchor: 9)
        )
        #expect((0...4000).filter { from.isDue($0) } == [5, 3605])
        let at = try #require(DueOracle(.object(["at": "1970-01-01T01:00:00+00:30"]), anchor: 0))
        #expect((0...4000).filter { at.isDue($0) } == [1800])
    }

    @Test(arguments: [
        "* * * *", "60 * * * *", "* * * * 8", "a * * * *", "5-1 * * * *", "* * * * * *", "*/0 * * * *",
    ])
    func whatItDoesNotUnderstandItSays(expression: String) {
        #expect(DueOracle(.object(["cron": .string(expression), "zone": "UTC"]), anchor: 0) == nil)
    }

    @Test func anUnknownZoneIsNotGuessed() {
        #expect(DueOracle(.object(["cron": "* * * * *", "zone": "Mars/Olympus"]), anchor: 0) == nil)
        #expect(DueOracle(.object(["cron": "* * * * *", "zone": "../../etc/passwd"]), anchor: 0) == nil)
    }
}
