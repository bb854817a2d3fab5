import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("hello")

@Suite struct LeaderRunTests {
    @Test func queuedRunIsAdmittedStartedAndEnds() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.queue.isEmpty)
        let attempt = cluster.live().first
        #expect(cluster.live().count == 1 && attempt?.number == 1)
        guard let attempt else { return }
        cluster.start(attempt)
        cluster.settle()
        #expect(cluster.core.runs[run]?.units[0].state == .running)
        cluster.end(attempt)
        cluster.settle()
        #expect(cluster.store.runs.isEmpty && cluster.core.runs.isEmpty && cluster.core.miscounts.isEmpty)
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.finalAttempts.values.map(\.state) == ["succeeded"])
        // The report of the start goes with a later commit.
        cluster.pass(1_000)
        cluster.settle()
        #expect(cluster.store.reports.isEmpty && cluster.store.violations.isEmpty)
    }

    @Test func startIsShownWithoutACommitAndItsReportConsumedLater() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.deliver()
        let plan = cluster.step()
        #expect(plan.isEmpty && plan.liveRecords.count == 2)
        #expect(plan.wakeAt == cluster.now + LeaderCore.startConsumptionDelay)
        cluster.pass(LeaderCore.startConsumptionDelay)
        #expect(!cluster.step().isEmpty)
        #expect(cluster.store.reports.isEmpty)
    }

    @Test func startAndEndInOnePlanLeaveTheFinalRecordAlone() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        cluster.enqueue(job)
        cluster.settle()
        let attempt = cluster.live()[0]
        cluster.start(attempt)
        cluster.end(attempt)
        cluster.deliver()
        let plan = cluster.step()
        #expect(plan.liveRecords.isEmpty && !plan.isEmpty)
        cluster.settle()
        #expect(cluster.store.reports.isEmpty && cluster.core.consumedStarts.isEmpty)
    }

    @Test func reportListedTwiceCountsOnce() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        let attempt = cluster.live()[0]
        cluster.start(attempt)
        cluster.end(attempt)
        let reports = cluster.store.reports.values.sorted { $0.znodeName < $1.znodeName }
        for report in reports + reports { cluster.core.reported(report) }
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded && cluster.core.runs.isEmpty)
        // Listed once more after their znodes are gone.
        for report in reports { cluster.core.reported(report) }
        cluster.settle()
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func failedTaskIsTriedAgainAfterItsBackoff() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.single("hello") {
                _ in
            } task: {
                $0.retry = .init(
                    max: 1,
                    backoff: .init(kind: .constant, initial: .init(milliseconds: 5_000), jitter: 0)
                )
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.end(cluster.live()[0], .failed)
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.core.runs[run]?.units[0].state == .retrying)
        cluster.pass(1_000)
        cluster.settle()
        let explanation = cluster.core.explain(run, now: cluster.now)
        #expect(explanation?.blockers.first?.kind == "backoff")
        #expect(cluster.step().wakeAt == cluster.now + 4_000)
        cluster.pass(4_000)
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2])
        cluster.start(cluster.live()[0])
        cluster.end(cluster.live()[0], .failed)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(cluster.store.finalRuns[run]?.reason == "task t failed")
    }

    @Test(arguments: [
        (AttemptOutcome.failed, TaskDefinition.Retry.Cause.exit), (.timedOut, .timeout),
        (.systemFailed, .system),
    ])
    func retryAsksForTheCause(_ outcome: AttemptOutcome, _ cause: TaskDefinition.Retry.Cause) {
        for on in TaskDefinition.Retry.Cause.allCases {
            var cluster = ModelCluster()
            cluster.define(
                Jobs.single("hello") { _ in
                } task: {
                    $0.retry = .init(max: 1, on: [on])
                }
            )
            let run = cluster.enqueue(job)
            cluster.settle()
            cluster.end(cluster.live()[0], outcome)
            cluster.settle()
            #expect((cluster.core.runs[run] != nil) == (on == cause))
        }
    }

    @Test func refusedAttemptIsPlacedAgainAndNotCharged() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        for number in 1...4 {
            #expect(cluster.live().map(\.number) == [number])
            cluster.end(cluster.live()[0], .refused)
            cluster.settle()
            #expect(cluster.live().isEmpty)
            cluster.pass(LeaderCore.refusalDelay)
            cluster.settle()
        }
        #expect(cluster.core.runs[run]?.units[0].failures == 0)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    @Test func runTimeoutStopsWhatRuns() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("hello", ["a": [], "b": ["a"]]) { $0.timeout = .init(milliseconds: 10_000) }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.settle()
        cluster.pass(10_000)
        cluster.settle()
        #expect(cluster.core.runs[run]?.state == .killing && cluster.store.kills.count == 1)
        cluster.end(cluster.live()[0], .killed)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(cluster.store.finalRuns[run]?.reason?.hasPrefix("E3004") == true)
        #expect(cluster.store.finalRuns[run]?.tasks.byState == ["cancelled": 2])
    }

    @Test func outputsReachTheRunAndLeaveWithIt() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("hello", ["a": [], "b": ["a"]]) { _ in
            } task: { id, task in
                if id == "b" { task.run = .argv(["echo", "${tasks.a.outputs.x}"]) }
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.end(cluster.live()[0], outputs: ["x": "1"])
        cluster.settle()
        #expect(cluster.store.outputs[run] == [Jobs.task("a"): ["x": "1"]])
        #expect(cluster.live().map(\.task) == [Jobs.task("b")])
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded && cluster.store.outputs.isEmpty)
    }

    @Test func missingOutputFailsTheTaskThatNeedsIt() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("hello", ["a": [], "b": ["a"], "c": ["b"]]) { _ in
            } task: { id, task in
                if id == "b" { task.run = .argv(["echo", "${tasks.a.outputs.x}"]) }
            }
        )
        let run = cluster.enqueue(job)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(cluster.store.finalRuns[run]?.reason?.hasPrefix("E3007 task b") == true)
        #expect(cluster.store.finalRuns[run]?.tasks.byState == ["succeeded": 1, "failed": 1, "cancelled": 1])
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func missingParameterEndsTheEntryAsFailed() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello") { $0.params = ["day": Parameter()] })
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed && cluster.store.queue.isEmpty)
        #expect(cluster.store.finalRuns[run]?.reason?.hasPrefix("E3007") == true)
    }
}
