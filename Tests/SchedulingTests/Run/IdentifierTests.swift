import Cron
import Testing

@testable import Scheduling

@Suite struct IdentifierTests {
    @Test(arguments: [
        "hello@20261120T090000Z", "team.hello@20261120T090000Z.m1", "a-b_c@19700101T000000Z.r12",
    ])
    func runsRoundTrip(_ text: String) {
        #expect(RunID(text)?.description == text)
    }

    @Test(arguments: [
        "", "hello", "hello@", "@20261120T090000Z", "hello@20261120T090000", "hello@20261120T090000Z.",
        "hello@20261120T090000Z.x1", "hello@20261120T090000Z.m0", "hello@20261120T090000Z.m01",
        "hello@20261120T090000Z.m-1", "hello@20261120T090000Z.m1.r1", "a.b.c@20261120T090000Z",
        "hello@20261320T090000Z",
    ])
    func whatIsNoRun(_ text: String) {
        #expect(RunID(text) == nil)
    }

    @Test func attemptsRoundTrip() throws {
        for suffix in ["", "m3", "r1"] {
            let run = RunID(
                job: Jobs.name("team.hello"),
                logicalTime: UnixTime(seconds: 1_800_000_000),
                suffix: suffix
            )
            for (partition, number) in [(0, 1), (9_999, 12)] {
                let id = AttemptID(run: run, task: Jobs.task("a_b-c"), partition: partition, number: number)
                #expect(AttemptID(znodeName: id.znodeName) == id)
            }
        }
        let run = RunID(job: Jobs.name("a"), logicalTime: UnixTime(seconds: 0))
        let id = AttemptID(run: run, task: Jobs.task("t"), partition: 0, number: 2)
        #expect(id.znodeName == "a@19700101T000000Z~t~0~2")
        #expect(id.description(partitioned: true) == "a@19700101T000000Z/t[0]/2")
        #expect(id.description(partitioned: false) == "a@19700101T000000Z/t/2")
    }

    @Test(arguments: [
        "", "a@19700101T000000Z~t~0", "a@19700101T000000Z~t~0~1.kill", "a~t~0~1", "a@19700101T000000Z~~0~1",
    ])
    func whatIsNoAttempt(_ text: String) {
        #expect(AttemptID(znodeName: text) == nil)
    }

    @Test(arguments: [("worker-0", 0), ("worker-12", 12)])
    func workersRoundTrip(_ text: String, _ number: Int) {
        #expect(WorkerID(text)?.number == number && WorkerID(number: number).description == text)
    }

    @Test(arguments: ["worker-", "worker--1", "worker-+1", "worker-01", "Worker-1", "worker-1 "])
    func whatIsNoWorker(_ text: String) {
        #expect(WorkerID(text) == nil)
    }
}

@Suite struct WallTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (1_800_000_000_120, "2027-01-15T08:00:00.120Z"), (-1_000, "1969-12-31T23:59:59.000Z"),
    ])
    func roundTrip(_ milliseconds: Int64, _ text: String) {
        #expect(WallTime(milliseconds: milliseconds).description == text)
        #expect(WallTime(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T01:00:00.5+01:00", 500),
        ("1970-01-01T00:00:00.123456789Z", 123),
    ])
    func read(_ text: String, _ milliseconds: Int64) {
        #expect(WallTime(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: ["", "yesterday", "1970-01-01", "1970-13-01T00:00:00Z"])
    func whatIsNoTime(_ text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }
}

@Suite struct RetryBackoffTests {
    @Test func delays() {
        typealias Retry = TaskDefinition.Retry
        func delay(_ backoff: Retry.Backoff?, _ failures: Int, seed: UInt64 = 0) -> Int64 {
            RetryBackoff.delay(Retry(max: 100, backoff: backoff), failures: failures, seed: seed)
        }
        let exponential = Retry.Backoff(
            initial: .init(milliseconds: 100),
            max: .init(milliseconds: 1_000),
            jitter: 0
        )
        #expect((1...6).map { delay(exponential, $0) } == [100, 200, 400, 800, 1_000, 1_000])
        #expect(delay(exponential, 1_000) == 1_000)
        let constant = Retry.Backoff(kind: .constant, initial: .init(milliseconds: 100), jitter: 0)
        #expect((1...3).map { delay(constant, $0) } == [100, 100, 100])
        // By default 1 s, a tenth of it to either side.
        #expect(delay(nil, 1, seed: 0) == 900)
        #expect((1_099...1_100).contains(delay(nil, 1, seed: .max)))
        #expect((1...1_000).allSatisfy { (900...1_100).contains(delay(nil, 1, seed: UInt64($0) << 53)) })
    }
}
