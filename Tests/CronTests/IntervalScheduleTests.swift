import Testing

@testable import Cron

@Suite struct IntervalScheduleTests {
    private let anchor = UnixTime(seconds: 1000)

    @Test func staysOnTheGridOfItsAnchor() throws {
        let schedule = try IntervalSchedule(every: "30s", anchor: anchor)
        #expect(schedule.next(after: UnixTime(seconds: -5)) == anchor)
        #expect(schedule.next(after: UnixTime(seconds: 999)) == anchor)
        #expect(schedule.next(after: anchor)?.seconds == 1030)
        #expect(schedule.next(after: UnixTime(seconds: 1029))?.seconds == 1030)
        #expect(schedule.next(after: UnixTime(seconds: 1030))?.seconds == 1060)
        #expect(schedule.previous(before: anchor) == nil)
        #expect(schedule.previous(before: UnixTime(seconds: 1001)) == anchor)
        #expect(schedule.previous(before: UnixTime(seconds: 1060))?.seconds == 1030)
    }

    @Test func endsWithTheYear9999() throws {
        let schedule = try IntervalSchedule(every: "36525d", anchor: anchor)
        #expect(schedule.next(after: .latest) == nil)
        #expect(schedule.next(after: UnixTime(seconds: .max)) == nil)
        #expect(schedule.previous(before: UnixTime(seconds: .max)) != nil)
        #expect(try IntervalSchedule(every: "1s", anchor: UnixTime(seconds: .max)).next(after: anchor) == nil)
        let early = try IntervalSchedule(every: "1s", anchor: UnixTime(seconds: .min))
        #expect(early.next(after: anchor)?.seconds == 1001)
    }

    @Test(arguments: ["0s", "250ms", "1s500ms", "40000d"]) func refusesPeriod(text: String) throws {
        let error = try #require(throws: CronError.self) { try IntervalSchedule(every: text, anchor: anchor) }
        #expect(error.code == .invalidDuration)
    }
}
