import Coordination
import Cron
import Scheduling
import Testing
import ZnodeStore

@Suite struct ReportCodingTests {
    private let stamp = AssignmentStamp(token: 1 << 40, assignedAt: WallTime(milliseconds: 1_800_000_000_000))

    private func attempt() throws -> AttemptID {
        let run = RunID(job: try JobName("hello"), logicalTime: UnixTime(seconds: 1_800_000_000))
        return AttemptID(run: run, task: try TaskID("t"), partition: 3, number: 2)
    }

    private func read(_ report: (name: String, data: [UInt8])) throws -> (report: Report, isRead: Bool) {
        var (parsed, needsContent) = try #require(ReportCoding.parse(name: report.name, bucket: 1))
        if needsContent {
            try ReportCoding.complete(&parsed, from: report.data, path: ZnodePath("/status"))
        }
        return (parsed, needsContent)
    }

    /// The plain success is in its name alone; all others are read.
    @Test(arguments: AttemptOutcome.allCases) func endSaysWhatItWasAssignedAs(
        _ outcome: AttemptOutcome
    ) throws {
        let end = AttemptEnd(
            outcome: outcome,
            startedAt: WallTime(milliseconds: 1_800_000_000_100),
            endedAt: WallTime(milliseconds: 1_800_000_000_900)
        )
        let (report, isRead) = try read(ReportCoding.ended(attempt(), end, stamp))
        #expect(report.attempt == (try attempt()) && report.event == .ended(outcome))
        #expect(report.startedAt == end.startedAt && report.endedAt == end.endedAt)
        #expect(report.stamp == stamp && isRead == (outcome != .succeeded))
        let late = try read(
            ReportCoding.late(attempt(), end, stamp, isCertain: true, worker: WorkerID(number: 7))
        )
        #expect(late.report.event == .late(outcome, isCertain: true) && late.report.stamp == stamp)
    }

    @Test func endOfWhatIsKnownByItsNameAloneHasNoStamp() throws {
        let end = AttemptEnd(outcome: .succeeded, startedAt: nil, endedAt: WallTime(milliseconds: 1))
        let (report, _) = try read(ReportCoding.ended(attempt(), end, nil))
        #expect(report.event == .ended(.succeeded) && report.stamp == nil)
    }
}
