import Testing

@testable import Cron

@Suite struct ScheduleTests {
    @Test func anInstantFiresOnce() throws {
        let instant = try time("2026-11-20T13:00:00Z")
        let schedule = Schedule.at(instant)
        #expect(schedule.next(after: instant.adding(seconds: -1)) == instant)
        #expect(schedule.next(after: instant) == nil)
        #expect(schedule.previous(before: instant) == nil)
        #expect(schedule.previous(before: instant.adding(seconds: 1)) == instant)
    }

    @Test func occurrencesAreBoundedByEndAndLimit() throws {
        let start = try time("2026-11-20T00:00:00Z")
        let schedule = Schedule.every(try IntervalSchedule(every: "10m", anchor: start))
        let hour = schedule.occurrences(after: start, through: start.adding(seconds: 3600), limit: 100)
        #expect(hour.count == 6)
        #expect(hour.last == start.adding(seconds: 3600))
        #expect(schedule.occurrences(after: start, through: .latest, limit: 3).count == 3)
        #expect(schedule.occurrences(after: start, through: start, limit: 3).isEmpty)
        #expect(schedule.occurrences(after: start, through: .latest, limit: 0).isEmpty)
    }

    @Test func isSmall() {
        #expect(MemoryLayout<CronExpression>.size <= 48)
        #expect(MemoryLayout<Schedule>.size <= 64)
    }
}
