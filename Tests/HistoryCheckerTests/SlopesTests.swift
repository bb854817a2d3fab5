import HistoryChecking
import Testing

struct SlopesTests {
    private static func samples(_ value: (Int) -> Int64, pid: (Int) -> Int64 = { _ in 7 }) -> [Line] {
        (0..<60).map { index in
            Line(
                json: .object([
                    "source": "node-1", "role": "node", "pid": .int(pid(index)),
                    "rss_bytes": .int(value(index)),
                    "monotonic_ns": .int(Int64(index) * 60_000_000_000), "realtime_ns": .int(0),
                ]),
                place: "samples:\(index + 1)"
            )
        }
    }

    private static var settings: JudgeSettings {
        get throws { try JudgeSettings(.object(["slopes": .object(["rss_bytes": .int(1000)])])) }
    }

    @Test func aLeakIsFoundAndNoiseIsNot() throws {
        let leak = try Slopes.fit(Self.samples { 1_000_000 + Int64($0) * 100 }, settings: try Self.settings)
        #expect(leak.count == 1)
        #expect(leak.map { $0.slope.rounded() } == [6000])
        #expect(leak.allSatisfy { $0.isViolated })
        let noise = try Slopes.fit(
            Self.samples { 1_000_000 + ($0 % 10 == 3 ? 900_000 : Int64($0 % 3)) },
            settings: try Self.settings
        )
        #expect(noise.allSatisfy { !$0.isViolated && abs($0.slope) < 60 })
    }

    /// A restart begins a series anew: what the process before had is no slope.
    @Test func aRestartIsNoSlope() throws {
        let series = try Slopes.fit(
            Self.samples({ $0 < 30 ? 100_000 : 900_000 }, pid: { $0 < 30 ? 7 : 8 }),
            settings: try Self.settings
        )
        #expect(series.map(\.source) == ["node-1", "node-1#2"])
        #expect(series.allSatisfy { $0.slope == 0 && !$0.isViolated })
    }

    @Test func theBeginningMayBeLeftOut() throws {
        let warm = Self.samples { $0 < 10 ? Int64($0) * 100_000 : 1_000_000 }
        #expect(try Slopes.fit(warm, settings: try Self.settings, warmUp: 660).map(\.slope) == [0])
        #expect(try Slopes.fit(warm, settings: try Self.settings).map(\.points) == [60])
    }

    /// A median of slopes does not see what comes near the end.
    @Test(arguments: [46, 54]) func aStepAtTheEndIsSeen(from: Int) throws {
        let series = try Slopes.fit(Self.samples { $0 < from ? 5_000 : 105_000 }, settings: try Self.settings)
        #expect(series.map(\.isSteep) == [false])
        #expect(series.map(\.isViolated) == [true])
        #expect(Slopes.table(series).contains("VIOLATED: a step at the end"))
        let growth = try Slopes.fit(Self.samples { 5_000 + Int64($0) * 16 }, settings: try Self.settings)
        #expect(growth.map(\.isViolated) == [false], "960 an hour are allowed")
    }

    @Test func aBoundWithoutASeriesIsAnError() {
        for wrong in [
            #"{"slopes":{"rss_byte":1000}}"#, #"{"slopes_by_role":{"nodes":{"rss_bytes":1000}}}"#,
            #"{"slopes_by_role":{"node":{"rss":1000}}}"#, #"{"slopes":{"rss_bytes":"1000"}}"#,
        ] {
            #expect(throws: UnreadableInput.self, "\(wrong)") {
                try Slopes.fit(Self.samples { _ in 7 }, settings: try JudgeSettings(JSON(text: wrong)!))
            }
        }
    }

    /// `null`, a key that is not there, and samples that were not taken.
    @Test func whatIsMissingIsCounted() throws {
        var lines = Self.samples { _ in 1_000_000 }
        for index in 10..<20 {
            var members = lines[index].json.object!
            members["rss_bytes"] = index < 15 ? .null : nil
            lines[index].json = .object(members)
        }
        lines.removeSubrange(30..<34)
        let some = try Slopes.fit(lines, settings: try Self.settings)
        #expect(some.map(\.points) == [46])
        #expect(some.map(\.missing) == [14])
        #expect(some.map(\.isViolated) == [false])
        #expect(Slopes.table(some).contains("46 (14)"))
        for index in 20..<50 where index % 10 != 0 {
            var members = lines[index].json.object!
            members["rss_bytes"] = .null
            lines[index].json = .object(members)
        }
        let most = try Slopes.fit(lines, settings: try Self.settings)
        #expect(most.map(\.isViolated) == [true])
        #expect(Slopes.table(most).contains("most samples are missing"))
    }

    @Test func longSeriesAreThinnedOut() {
        let points = (0..<50_000).map { (time: Double($0), value: Double($0) * 2) }
        #expect(Slopes.slope(points) == 2)
        #expect(Slopes.slope([]) == 0)
    }
}
