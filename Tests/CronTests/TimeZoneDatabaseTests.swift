import Foundation
import Testing

@testable import Cron

@Suite struct TimeZoneDatabaseTests {
    @Test func sharesOneObjectPerZone() throws {
        let database = TimeZoneDatabase(directory: "/usr/share/zoneinfo")
        #expect(try database.zone(named: "Asia/Shanghai") === database.zone(named: "Asia/Shanghai"))
        #expect(try database.zone(named: "Asia/Shanghai") == zones.zone(named: "Asia/Shanghai"))
        #expect(try database.zone(named: "Asia/Shanghai") != zones.zone(named: "Asia/Tokyo"))
        #expect(try #require(database.version).hasPrefix("20"))
    }

    @Test func everyZoneOfTheSystemReads() throws {
        let names = zones.names()
        #expect(names.count > 300)
        #expect(names.contains("America/Argentina/Buenos_Aires"))
        #expect(!names.contains { $0.hasPrefix("right/") || $0.hasPrefix("posix") || $0.hasSuffix(".tab") })
        for name in names { _ = try zones.zone(named: name) }
    }

    @Test(arguments: [
        ("Asia/Shanghia", "Asia/Shanghai"), ("asia/shanghai", "Asia/Shanghai"), ("Shanghai", "Asia/Shanghai"),
        ("new_york", "America/New_York"), ("Europe/Lodnon", "Europe/London"), ("UTC+8", "Etc/GMT-8"),
        ("utc", "UTC"),
    ]) func unknownZonesGetASuggestion(name: String, suggestion: String) throws {
        let error = try #require(throws: CronError.self) { try zones.zone(named: name) }
        #expect(error.code == .unknownZone)
        #expect(try #require(error.hint).contains(suggestion), "\(error)")
    }

    @Test(arguments: [
        "", "../etc/passwd", "/etc/localtime", "Asia/../../etc/passwd", "Asia//Shanghai", "Asia/", ".",
        "Asia/Sh anghai",
        "亚洲/上海", "Asia/Shanghai\n", "+08:00", "localtime", "right/UTC", "posix/UTC", "A\0B",
        String(repeating: "A", count: 200),
    ]) func namesThatAreNoNamesAreRefused(name: String) throws {
        let error = try #require(throws: CronError.self) { try zones.zone(named: name) }
        #expect(error.code == .invalidZoneName, "\(error)")
    }

    @Test(arguments: ["Asia", "tzdata.zi", "zone.tab", "Nowhere/Atall", "UTC/UTC"])
    func filesThatAreNoZonesAreRefused(name: String) throws {
        let error = try #require(throws: CronError.self) { try zones.zone(named: name) }
        #expect([.unknownZone, .damagedZoneFile].contains(error.code), "\(error)")
    }

    @Test func withoutZoneFilesThereIsUTC() throws {
        let database = TimeZoneDatabase(directory: "/nonexistent/zoneinfo")
        #expect(try database.zone(named: "UTC").offset(at: UnixTime(seconds: 0)) == 0)
        #expect(try database.zone(named: "Etc/UTC").name == "Etc/UTC")
        #expect(database.version == nil)
        #expect(database.names() == ["UTC"])
        #expect(throws: CronError.self) { try database.zone(named: "Asia/Shanghai") }
    }

    @Test func damagedFilesNeverTrap() throws {
        let seed: UInt64 = 99
        var generator = SeededGenerator(seed: seed)
        for name in ["America/New_York", "Asia/Shanghai", "Africa/Casablanca"] {
            let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/\(name)")))
            #expect(throws: Never.self) { try TimeZoneFile(bytes: whole) }
            for length in 0..<min(whole.count, 400) {
                #expect(throws: TimeZoneFile.Damage.self) {
                    try TimeZoneFile(bytes: Array(whole.prefix(length)))
                }
            }
            for _ in 0..<3000 {
                var bytes = whole
                for _ in 0..<generator.int(1...6) {
                    let index =
                        generator.chance(40) ? generator.int(0...43) : generator.int(0...bytes.count - 1)
                    bytes[index] = UInt8(generator.int(0...255))
                }
                do {
                    let zone = TimeZoneRules(name: name, file: try TimeZoneFile(bytes: bytes))
                    let instant = UnixTime(seconds: Int64(generator.int(-9_000_000_000...9_000_000_000)))
                    // A zone that reads must answer, whatever it says; with garbled changes not even sensibly.
                    #expect(abs(zone.offset(at: instant)) < 26 * 3600, "seed \(seed)")
                    _ = zone.instants(of: zone.localTime(at: instant))
                    _ = try CronExpression("30 2 * * *").next(after: instant, zone: zone)
                } catch is TimeZoneFile.Damage {
                    continue
                }
            }
        }
    }
}
