import Scheduling
import Testing

@testable import Mirror

@Suite struct RunIndexMemberTests {
    @Test(arguments: [("hello", ""), ("etl.load-2", "m12"), ("a_b", "r1")])
    func namesItsRun(job: String, suffix: String) throws {
        let id = try runID(job, minute: 77, suffix: suffix)
        #expect(RunIndexMember(id).runID == id.description)
    }

    @Test func sortsAsTimeAndIDDo() throws {
        var ids: [RunID] = []
        for job in ["a", "a-b", "a.b", "a0", "a_b", "B"] {
            for minute in 0..<3 {
                for suffix in ["", "m1", "m10", "m2", "r1"] {
                    ids.append(try runID(job, minute: minute, suffix: suffix))
                }
            }
        }
        let byMember = ids.sorted { RunIndexMember($0) < RunIndexMember($1) }
        let byID = ids.sorted { ($0.logicalTime, $0.description) < ($1.logicalTime, $1.description) }
        #expect(byMember == byID)
    }
}
