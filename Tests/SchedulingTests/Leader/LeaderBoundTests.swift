import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("hello")

/// The leader's core at its bounds.
@Suite struct LeaderBoundTests {
    @Test func fullOutboxHoldsEverythingBackAndSaysSo() {
        var cluster = ModelCluster(workers: 1, slots: 1)
        cluster.define(Jobs.flow("hello", ["a": [], "b": ["a"]]) { $0.overlap = .allowAll })
        let live = cluster.enqueue(job, at: 1_800_000_000)
        cluster.settle()
        cluster.core.outboxFilled(true)
        let queued = cluster.enqueue(job, at: 1_800_000_060)
        // What runs may end; neither its successor nor the next run starts.
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.live().isEmpty)
        #expect(cluster.core.runs[queued] == nil && cluster.store.queue.count == 1)
        for run in [live, queued] {
            #expect(cluster.core.explain(run, now: cluster.now)?.blockers.first?.kind == "outbox")
        }
        cluster.core.outboxFilled(false)
        cluster.runAll()
        #expect(cluster.store.finalRuns[live]?.state == .succeeded)
        #expect(cluster.store.finalRuns[queued]?.state == .succeeded)
    }

    @Test func liveRunsAreBounded() {
        var cluster = ModelCluster(workers: 1, slots: 8)
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        cluster.core.maximumLiveRuns = 3
        let runs = (0..<5).map { cluster.enqueue(job, at: 1_800_000_000 + $0) }
        cluster.settle()
        #expect(cluster.core.runs.count == 3 && cluster.store.queue.count == 2)
        #expect(cluster.live().count == 3, "slots alone would allow all")
        #expect(cluster.core.explain(runs[4], now: cluster.now)?.blockers.first?.kind == "runs")
        // One that ends lets the next one in.
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.core.runs.count == 3 && cluster.store.queue.count == 1)
        cluster.runAll()
        #expect(runs.allSatisfy { cluster.store.finalRuns[$0]?.state == .succeeded })
    }

    @Test func runThatWaitsForItsNextTryCountsAsLive() {
        var cluster = ModelCluster(workers: 1, slots: 8)
        cluster.define(
            Jobs.single("hello") {
                $0.overlap = .allowAll
            } task: {
                $0.retry = .init(
                    max: 1,
                    backoff: .init(kind: .constant, initial: DurationValue(milliseconds: 60_000))
                )
            }
        )
        cluster.core.maximumLiveRuns = 1
        cluster.enqueue(job, at: 1_800_000_000)
        cluster.enqueue(job, at: 1_800_000_060)
        cluster.settle()
        cluster.end(cluster.live()[0], .failed)
        cluster.settle()
        #expect(cluster.live().isEmpty, "every slot is free")
        #expect(cluster.core.runs.count == 1 && cluster.store.queue.count == 1)
    }

    @Test func parametersAreBounded() {
        var cluster = ModelCluster()
        let limit = LeaderCore.maximumParameterBytes
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        let fits = cluster.enqueue(job, at: 1) { $0.params = ["x": String(repeating: "x", count: limit - 9)] }
        let large = cluster.enqueue(job, at: 2) {
            $0.params = ["x": String(repeating: "x", count: limit - 8)]
        }
        cluster.runAll()
        #expect(cluster.store.finalRuns[fits]?.state == .succeeded)
        #expect(cluster.store.finalRuns[large]?.state == .failed)
        #expect(cluster.store.finalRuns[large]?.reason?.hasPrefix("E3007") == true)
    }

    @Test func defaultsCountAsParameters() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.single("hello") {
                $0.params = ["x": Parameter(default: String(repeating: "x", count: 100_000))]
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
    }

    @Test func outputsOfARunAreBounded() {
        var cluster = ModelCluster(workers: 1, slots: 64)
        let edges = (0..<33).map { ("t\($0)", [String]()) }
        var definition = Jobs.single("hello")
        definition.tasks = edges.map { TaskDefinition(id: Jobs.task($0.0), run: .argv(["true"]), needs: nil) }
        cluster.define(definition)
        let run = cluster.enqueue(job)
        cluster.settle()
        // 31 times 8 KiB fit; the name and what surrounds it make the 32nd too much.
        let value = String(repeating: "v", count: AssignmentBuilder.maximumOutputBytes - 1)
        for attempt in cluster.live() { cluster.end(attempt, outputs: ["o": value]) }
        cluster.settle()
        let ended = cluster.store.finalRuns[run]
        #expect(ended?.state == .failed)
        #expect(ended?.reason?.hasPrefix("E3006") == true)
        #expect(ended?.tasks.byState["succeeded"] == 31)
    }

    @Test func filledInTaskIsBounded() {
        var cluster = ModelCluster()
        // Each use of the parameter repeats it.
        let uses = Array(repeating: "${params.x}", count: 5)
        cluster.define(
            Jobs.single("hello") {
                $0.params = ["x": Parameter(default: "")]
                $0.overlap = .allowAll
            } task: {
                $0.run = .argv(["echo"] + uses)
            }
        )
        let fits = cluster.enqueue(job, at: 1) { $0.params = ["x": String(repeating: "x", count: 30_000)] }
        let large = cluster.enqueue(job, at: 2) { $0.params = ["x": String(repeating: "x", count: 40_000)] }
        cluster.runAll()
        #expect(cluster.store.finalRuns[fits]?.state == .succeeded)
        #expect(cluster.store.finalRuns[large]?.state == .failed)
        #expect(cluster.store.finalRuns[large]?.reason?.hasPrefix("E3007") == true)
    }

    @Test func requestsAndEndsThatAreRememberedAreBounded() {
        var fired = FiredRecord(mark: UnixTime(seconds: 0))
        for number in 0..<70 {
            fired.remember("r\(number)", RunID(job: job, logicalTime: UnixTime(seconds: Int64(number))))
        }
        #expect(fired.requests.count == FiredRecord.maximumRequests)
        #expect(
            fired.requestOrder.first == "r6" && fired.requests["r5"] == nil && fired.requests["r69"] != nil
        )
        var outcomes = OutcomeRecord()
        for number in 0..<260 {
            let time = UnixTime(seconds: Int64(number))
            outcomes.record(.succeeded, of: RunID(job: job, logicalTime: time, suffix: "m1"))
        }
        #expect(outcomes.ends.count == OutcomeRecord.maximumCount)
        #expect(outcomes.end(at: UnixTime(seconds: 3)) == nil)
        #expect(outcomes.end(at: UnixTime(seconds: 4)) == .succeeded)
        let late = UnixTime(seconds: 1)
        outcomes.record(.succeeded, of: RunID(job: job, logicalTime: late))
        #expect(outcomes.end(at: late) == .succeeded && outcomes.ends.count == OutcomeRecord.maximumCount)
    }

    @Test func namesOfMissingJobsAreBounded() {
        var core = LeaderCore()
        for number in 0..<(LeaderCore.missingJobsLimit + 5) { core.jobRead(Jobs.name("gone\(number)"), nil) }
        #expect(core.missingJobs.count <= LeaderCore.missingJobsLimit)
    }
}
