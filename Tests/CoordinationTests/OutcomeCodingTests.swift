import Coordination
import Cron
import Scheduling
import Testing
import ZnodeStore

@Suite struct OutcomeCodingTests {
    private func run(_ seconds: Int64, _ suffix: String = "") throws -> RunID {
        RunID(job: try JobName("a"), logicalTime: UnixTime(seconds: seconds), suffix: suffix)
    }

    @Test func endsAreStoredWithWhatWasAskedFor() throws {
        var record = OutcomeRecord()
        record.record(.failed, of: try run(1))
        record.record(.succeeded, of: try run(1, "r1"))
        record.record(.cancelled, of: try run(2, "m1"))
        record.record(.succeeded, of: try run(3, "m1"))
        record.record(.failed, of: try run(3))
        record.deletedVersion = 7
        let data = RecordCoding.encode(record)
        let text = #"{"deleted_version":7,"ends":{"1":"succeeded","2":"cancelled.m","3":"succeeded"}}"#
        #expect(String(decoding: data, as: UTF8.self) == text)
        let path = try ZnodePath("/root/outcomes/a")
        let again = try RecordCoding.decode(OutcomeRecord.self, from: data, path: path)
        #expect(again == record)
        #expect(
            [1, 2, 3, 4].map { again.hasEnded(at: UnixTime(seconds: $0)) } == [true, false, true, false]
        )
        #expect(again.end(at: UnixTime(seconds: 2)) == .cancelled)
        let wrong = Array(#"{"ends":{"1":"well"}}"#.utf8)
        #expect(throws: RecordError.self) {
            _ = try RecordCoding.decode(OutcomeRecord.self, from: wrong, path: path)
        }
    }

    @Test func recordTakesNoMoreThanItIsCountedFor() throws {
        var record = OutcomeRecord()
        for number in 0..<300 { record.record(.cancelled, of: try run(1_800_000_000 + Int64(number), "m1")) }
        #expect(record.ends.count == OutcomeRecord.maximumCount)
        #expect(RecordCoding.encode(record).count <= OutcomeRecord.maximumBytes + 100)
        #expect(OutcomeRecord.maximumBytes + 100 <= 8 * 1024)
    }
}
