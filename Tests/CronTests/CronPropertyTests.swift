import Testing

@testable import Cron

@Suite struct CronPropertyTests {
    @Test func nextAndPreviousAreConsistent() throws {
        let seed: UInt64 = 1_000_003
        var random = RandomCron(generator: SeededGenerator(seed: seed))
        var fired = 0
        for _ in 0..<3000 {
            let hasSeconds = random.generator.chance(30)
            let text = random.expression(seconds: hasSeconds, isDense: random.generator.chance(50))
            let expression: CronExpression
            do { expression = try CronExpression(text, seconds: hasSeconds) } catch {
                #expect(error.code == .neverFires, "\(error)")
                continue
            }
            let zone = try zones.zone(named: random.generator.pick(difficultZones))
            let policy = DaylightSavingPolicy(
                gap: random.generator.pick(DaylightSavingPolicy.Gap.allCases),
                overlap: random.generator.pick(DaylightSavingPolicy.Overlap.allCases)
            )
            let start = UnixTime(seconds: Int64(random.generator.int(-2_000_000_000...9_000_000_000)))
            let label: Comment = "seed \(seed): \(text) in \(zone.name) after \(start)"
            guard let next = expression.next(after: start, zone: zone, policy: policy) else {
                #expect(policy.gap == .skip || policy.overlap != .both, label)
                continue
            }
            fired += 1
            #expect(next > start, label)
            // Nothing lies between: any instant before the firing finds the same.
            for _ in 0..<3 {
                let between = UnixTime(
                    seconds: Int64(random.generator.int(Int(start.seconds)...Int(next.seconds - 1)))
                )
                #expect(expression.next(after: between, zone: zone, policy: policy) == next, label)
            }
            let after = expression.next(after: next, zone: zone, policy: policy)
            if let after {
                #expect(after > next, label)
                #expect(expression.previous(before: after, zone: zone, policy: policy) == next, label)
            }
            #expect(
                expression.previous(before: next.adding(seconds: 1), zone: zone, policy: policy) == next,
                label
            )
            if let previous = expression.previous(before: next, zone: zone, policy: policy) {
                #expect(previous <= start, label)
                #expect(expression.next(after: previous, zone: zone, policy: policy) == next, label)
            }
            // Every firing matches, or stands for a wall time that does not exist.
            if !expression.matches(zone.localTime(at: next)) {
                guard case .movedOutOfGap(let wall) = expression.daylightSavingNote(at: next, zone: zone)
                else {
                    Issue.record(label)
                    continue
                }
                #expect(expression.matches(wall) && policy.gap == .nextValid, label)
                #expect(zone.instants(of: wall) == .gap(end: next), label)
            }
        }
        print("properties: \(fired) firings, seed \(seed)")
        #expect(fired > 2000)
    }
}
