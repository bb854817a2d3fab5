import Cron
import Foundation
import Testing

@testable import Scheduling

@Suite struct TriggerCoreTests {
    private let job = Jobs.name("hello")
    private let zero = UnixTime(seconds: 1_800_000_000)

    private func at(_ seconds: Int64) -> UnixTime { zero.adding(seconds: seconds) }

    /// Due every `every` seconds from `zero` on.
    private func timers(
        _ every: [Int64] = [10],
        _ misfire: Misfire.Policy = .runOnce,
        window: Int64? = nil,
        version: Int = 1
    ) throws -> JobTimers {
        var definition = Jobs.single("hello")
        definition.schedule = every.map { TriggerDefinition(every: .init(milliseconds: $0 * 1_000)) }
        definition.misfire = Misfire(policy: misfire, window: window.map { .init(milliseconds: $0 * 1_000) })
        return try JobTimers(
            StoredJob(
                version: version,
                createdAt: WallTime(zero),
                storedAt: WallTime(zero),
                definition: definition
            ),
            zones: TimeZoneDatabase()
        )
    }

    /// Fires until nothing is due, as seconds after `zero`; suppressed ones are negative.
    private func fireAll(_ core: inout TriggerCore, at now: UnixTime) -> [Int64] {
        var fired: [Int64] = []
        for _ in 0..<10_000 {
            let firings = core.due(at: now, limit: 10)
            guard !firings.isEmpty else { return fired }
            for firing in firings {
                fired += firing.runs.map {
                    ($0.logicalTime.seconds - zero.seconds) * ($0.suppression == nil ? 1 : -1)
                }
                core.fired(firing.job, mark: firing.mark)
            }
        }
        Issue.record("firing never ends")
        return fired
    }

    @Test func dueOnTime() throws {
        var core = TriggerCore()
        core.own(job, try timers(), mark: zero, since: zero)
        #expect(core.nextWake() == at(10))
        #expect(core.due(at: at(9), limit: 1).isEmpty)
        #expect(fireAll(&core, at: at(10)) == [10])
        #expect(core.nextWake() == at(20))
    }

    @Test func dueJobsAreCountedUntilTheyFire() throws {
        var core = TriggerCore()
        core.own(job, try timers(), mark: zero, since: zero)
        core.own(Jobs.name("slow"), try timers([20]), mark: zero, since: zero)
        #expect([0, 9, 10, 19, 20, 90].map { core.dueCount(at: at($0)) } == [0, 0, 1, 1, 2, 2])
        let firing = try #require(core.due(at: at(20), limit: 1).first)
        #expect(core.dueCount(at: at(20)) == 1, "one is under way")
        core.fired(firing.job, mark: firing.mark)
        #expect(core.dueCount(at: at(20)) == 1)
        core.disown(Jobs.name("slow"))
        #expect([20, 30].map { core.dueCount(at: at($0)) } == [0, 1])
    }

    @Test func lateIsNotMissed() throws {
        var core = TriggerCore()
        core.own(job, try timers([10], .skip), mark: zero, since: zero)
        #expect(fireAll(&core, at: at(69)) == [10, 20, 30, 40, 50, 60])
        var other = TriggerCore()
        other.own(job, try timers([10], .skip), mark: zero, since: zero)
        #expect(fireAll(&other, at: at(70)) == [-10, 20, 30, 40, 50, 60, 70])
    }

    @Test(arguments: [
        (Misfire.Policy.skip, Int64?.none, [-10, -20, -30]), (.runOnce, nil, [-10, -20, 30]),
        (.runAll, nil, [10, 20, 30]), (.runOnce, 2, [-10, -20, -30]), (.runAll, 12, [-10, -20, 30]),
        (.runAll, 15, [-10, 20, 30]),
    ])
    func missedByPolicyAndWindow(_ policy: Misfire.Policy, _ window: Int64?, _ expected: [Int64]) throws {
        var core = TriggerCore()
        // Taken over at 35, fired up to 0.
        core.own(job, try timers([10], policy, window: window), mark: zero, since: at(35))
        #expect(fireAll(&core, at: at(35)) == expected)
        #expect(fireAll(&core, at: at(40)) == [40])
    }

    @Test func outOfContactMakesMissed() throws {
        var core = TriggerCore()
        core.own(job, try timers(), mark: zero, since: zero)
        core.resumed(at: at(35))
        #expect(fireAll(&core, at: at(35)) == [-10, -20, 30])
    }

    @Test func coincidingTriggersAreOneRun() throws {
        var core = TriggerCore()
        core.own(job, try timers([10, 15]), mark: zero, since: zero)
        #expect(fireAll(&core, at: at(30)) == [10, 15, 20, 30])
    }

    @Test func editTakesTheNewTriggersAndKeepsTheOwner() throws {
        var core = TriggerCore()
        core.own(job, try timers([10]), mark: zero, since: zero)
        core.own(job, try timers([7], version: 2), mark: at(8), since: at(8))
        #expect(core.version(of: job) == 2 && core.nextWake() == at(14))
        #expect(fireAll(&core, at: at(30)) == [14, 21, 28])
    }

    @Test func moveEndsAndBeginsOwnership() throws {
        var core = TriggerCore()
        core.own(job, try timers(), mark: zero, since: zero)
        core.disown(job)
        #expect(core.nextWake() == nil && core.count == 0 && core.version(of: job) == nil)
        core.fired(job, mark: at(10))
        core.postponed(job, until: at(10))
        #expect(core.nextWake() == nil)
        core.own(job, try timers(), mark: zero, since: at(25))
        #expect(fireAll(&core, at: at(30)) == [-10, 20, 30])
    }

    @Test func firingIsHeldUntilItIsSettled() throws {
        var core = TriggerCore()
        core.own(job, try timers(), mark: zero, since: zero)
        #expect(core.due(at: at(10), limit: 9).count == 1)
        #expect(core.due(at: at(30), limit: 9).isEmpty && core.nextWake() == nil)
        core.postponed(job, until: at(31))
        #expect(core.nextWake() == at(31) && core.due(at: at(30), limit: 9).isEmpty)
        #expect(fireAll(&core, at: at(31)) == [10, 20, 30])
    }

    @Test func soonestComesFirstWithinTheLimit() throws {
        var core = TriggerCore()
        for (index, every) in [30, 10, 20].enumerated() {
            core.own(Jobs.name("j\(index)"), try timers([Int64(every)]), mark: zero, since: zero)
        }
        #expect(core.due(at: at(30), limit: 2).map(\.job.description) == ["j1", "j2"])
        #expect(core.due(at: at(30), limit: 2).map(\.job.description) == ["j0"])
    }

    @Test func longAbsenceIsBounded() throws {
        var core = TriggerCore()
        core.own(job, try timers([1], .runAll, window: 3_600), mark: zero, since: zero)
        core.resumed(at: at(365 * 86_400))
        let first = core.due(at: at(365 * 86_400), limit: 1)
        #expect(first.count == 1 && first.first?.runs.count == TriggerCore.firingLimit)
        core.fired(job, mark: first.first?.mark ?? zero)
        // What lies before the window has one record.
        let last = 365 * 86_400 - 3_601
        #expect(first.first?.runs.first?.logicalTime == at(Int64(last)))
        let reason = first.first?.runs.first?.suppression
        #expect(reason?.hasPrefix("E3002 missed by more than the misfire window") == true)
        #expect(reason?.hasSuffix("as was each due time before it since \(at(1).rfc3339)") == true)
        #expect(first.first?.runs.dropFirst().allSatisfy { $0.suppression == nil } == true)
        let rest = fireAll(&core, at: at(365 * 86_400))
        #expect(rest.count + TriggerCore.firingLimit == 3_602 && rest.allSatisfy { $0 > 0 })
        // Just the last missed one with run_once, however many there were, and what is on time.
        var once = TriggerCore()
        once.own(job, try timers([1], .runOnce, window: 1_000), mark: zero, since: at(86_400))
        #expect(fireAll(&once, at: at(86_400)).filter { $0 > 0 } == [86_399, 86_400])
    }

    /// However long the absence and however rare the due times: those with a record tell of the others.
    @Test func nothingIsMissedInSilence() throws {
        for (every, window) in [(86_400, 3_600), (86_400, nil), (7_200, 10), (1_000, 90_000), (3_601, 3_600)]
            as [(Int64, Int64?)]
        {
            for policy in [Misfire.Policy.skip, .runOnce, .runAll] {
                for absence: Int64 in [30_000, 90_000, 1_000_000] {
                    var core = TriggerCore()
                    core.own(job, try timers([every], policy, window: window), mark: zero, since: at(absence))
                    let due = Array(stride(from: every, through: absence, by: Int64.Stride(every)))
                    let horizon = absence - max(window ?? 3_600, 3_600)
                    let expected = due.filter { $0 >= horizon } + due.filter { $0 < horizon }.suffix(1)
                    let fired = fireAll(&core, at: at(absence)).map(abs)
                    #expect(fired == expected.sorted(), "\(every) \(String(describing: window)) \(absence)")
                }
            }
        }
    }

    /// Also where nothing is due for long before, and each second before that.
    @Test func theLastDueTimeIsFoundBeforeAGap() throws {
        let cron = try CronExpression("* * * 1 1 *", seconds: true)
        let zone = try TimeZoneDatabase().zone(named: "UTC")
        var timers = try timers()
        timers.schedules = [.cron(cron, zone, DaylightSavingPolicy(gap: .nextValid, overlap: .first))]
        let begin = try UnixTime(rfc3339: "2027-01-01T00:00:00Z")
        let last = try UnixTime(rfc3339: "2027-01-01T23:59:59Z")
        for end in [
            "2027-01-02T00:00:00Z", "2027-01-02T00:00:01Z", "2027-03-30T12:00:00Z", "2027-12-31T23:59:59Z",
        ] {
            #expect(timers.last(before: try UnixTime(rfc3339: end), from: begin) == last, "\(end)")
        }
        #expect(timers.last(before: begin.adding(seconds: 1), from: begin) == begin)
        #expect(timers.last(before: last, from: begin) == last.adding(seconds: -1))
    }

    @Test func clockThatStepsBack() throws {
        var core = TriggerCore()
        core.own(job, try timers([10], .skip), mark: at(100), since: at(105))
        #expect(fireAll(&core, at: at(110)) == [110])
        // Nothing fires twice, and what comes again was lived through.
        #expect(fireAll(&core, at: at(50)) == [])
        core.own(Jobs.name("new"), try timers([10], .skip), mark: at(50), since: at(50))
        #expect(fireAll(&core, at: at(60)) == [60])
        #expect(fireAll(&core, at: at(120)).filter { $0 > 0 } == [70, 80, 90, 100, 110, 120, 120])
        var late = TriggerCore()
        late.own(job, try timers([10], .skip), mark: at(100), since: at(1_000))
        #expect(fireAll(&late, at: at(105)) == [] && fireAll(&late, at: at(110)) == [110])
    }

    @Test func manyEditsDoNotGather() throws {
        var core = TriggerCore()
        let stored = try timers([1_000_000])
        for _ in 0..<10_000 { core.own(job, stored, mark: zero, since: zero) }
        #expect(core.wakeCount < 200)
    }

    @Test func hundredThousandJobsAreSmallAndQuick() throws {
        var definition = Jobs.single("hello")
        definition.schedule = [TriggerDefinition(cron: "*/5 * * * *", zone: "UTC")]
        let zones = TimeZoneDatabase()
        let clock = ContinuousClock()
        let before = Self.residentBytes()
        var core = TriggerCore()
        let began = clock.now
        for index in 0..<100_000 {
            let stored = StoredJob(
                version: 1,
                createdAt: WallTime(zero),
                storedAt: WallTime(zero),
                definition: definition
            )
            core.own(
                Jobs.name("a-project.a-job-with-a-name-\(index)"),
                try JobTimers(stored, zones: zones),
                mark: zero,
                since: zero
            )
        }
        let owned = clock.now
        let each = (Self.residentBytes() - before) / 100_000
        var fired = 0
        while true {
            let firings = core.due(at: at(300), limit: 256)
            guard !firings.isEmpty else { break }
            for firing in firings {
                fired += firing.runs.count
                core.fired(firing.job, mark: firing.mark)
            }
        }
        print(
            "100,000 jobs: \(each) bytes each, owned in \(owned - began), fired once in \(clock.now - owned)"
        )
        #expect(fired == 100_000 && each < 2_048)
    }

    /// Bytes of memory that this process has resident.
    private static func residentBytes() -> Int {
        guard
            let text = FileManager.default.contents(atPath: "/proc/self/statm").map({
                String(decoding: $0, as: UTF8.self)
            }),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return 0 }
        return pages * 4_096
    }
}
