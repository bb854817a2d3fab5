import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

@Suite struct LeaderDependentsTests {
    let time: Int64 = 1_800_000_000

    func cluster(_ after: KeyValuePairs<String, [String]>) -> ModelCluster {
        var cluster = ModelCluster()
        for (name, upstreams) in after {
            cluster.define(
                Jobs.single(name) {
                    $0.after = upstreams.isEmpty ? nil : upstreams.map { Upstream(job: Jobs.name($0)) }
                }
            )
        }
        return cluster
    }

    func run(_ name: String) -> RunID { RunID(job: Jobs.name(name), logicalTime: UnixTime(seconds: time)) }

    func states(_ cluster: ModelCluster) -> [String: RunState] {
        var states: [String: RunState] = [:]
        for view in cluster.store.finalRuns.values { states["\(view.job)"] = view.state }
        return states
    }

    @Test func chainOfJobs() {
        var cluster = cluster(["a": [], "b": ["a"], "c": ["b"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .succeeded, "c": .succeeded])
        #expect(cluster.store.finalRuns[run("c")]?.cause == .dependency)
        #expect(cluster.store.runs.isEmpty && cluster.store.outcomes.count == 3)
    }

    /// It had a schedule, which ran it for this time, and was then made to come after another.
    @Test(arguments: [0, 1]) func timeThatAScheduleHasDealtWithIsNotRunAgain(_ later: Int64) {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.store.jobs[Jobs.name("b")]?.firedThrough = UnixTime(seconds: time - later)
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(states(cluster)["a"] == .succeeded)
        #expect(states(cluster)["b"] == (later == 0 ? nil : .succeeded))
    }

    /// While its run was under way it came after nothing, and then it did again.
    @Test func timeThatHasRunIsNotRunAgainAfterEditsOfItsUpstreams() {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        var rounds = 0
        while cluster.store.queue[run("b")] == nil, rounds < 100 {
            rounds += 1
            for id in cluster.live() {
                cluster.start(id)
                cluster.end(id)
            }
            cluster.deliver()
            cluster.step()
        }
        #expect(cluster.store.queue[run("b")] != nil && cluster.core.runs[run("b")] == nil)
        cluster.define(Jobs.single("b"))
        cluster.runAll()
        #expect(cluster.store.finalRuns[run("b")]?.state == .succeeded)
        cluster.define(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] })
        cluster.store.finalRuns[run("b")] = nil
        cluster.enqueue(Jobs.name("a"), at: time, cause: .manual, suffix: "m1")
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded])
        #expect(cluster.core.runs[run("b")] == nil && cluster.store.queue[run("b")] == nil, "it has run")
    }

    /// It is another run, which waited for nothing.
    @Test func runOnRequestInTheSameSecondIsNotTheOneThatFollows() {
        var cluster = cluster(["a": [], "b": ["a"], "c": ["b"]])
        cluster.enqueue(Jobs.name("b"), at: time, cause: .manual, suffix: "m1") {
            $0.waitsForUpstreams = false
        }
        cluster.runAll()
        #expect(states(cluster) == ["b": .succeeded, "c": .succeeded])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run("b")]?.cause == .dependency)
        // That of the time has ended now, whatever else does.
        cluster.store.finalRuns[run("b")] = nil
        cluster.enqueue(Jobs.name("a"), at: time, cause: .manual, suffix: "m1")
        cluster.runAll()
        #expect(cluster.core.runs[run("b")] == nil && cluster.store.finalRuns[run("b")] == nil)
    }

    @Test func failedUpstreamSetsNothingFree() {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll(.failed)
        #expect(states(cluster) == ["a": .failed])
        // Its repeat does.
        cluster.enqueue(Jobs.name("a"), at: time, cause: .retry, suffix: "r1")
        cluster.runAll()
        #expect(states(cluster)["b"] == .succeeded)
    }

    @Test func fanInWaitsForAllParents() {
        var cluster = cluster(["a": [], "b": [], "c": ["a", "b"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded])
        cluster.enqueue(Jobs.name("b"), at: time + 60)
        cluster.runAll()
        #expect(states(cluster)["c"] == nil)
        cluster.enqueue(Jobs.name("b"), at: time)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run("c")]?.state == .succeeded)
    }

    @Test func parentsThatEndTogetherStartTheChildOnce() {
        var cluster = cluster(["a": [], "b": [], "c": ["a", "b"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.enqueue(Jobs.name("b"), at: time)
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 3)
    }

    /// Three people ask for a run within one second, and one plan sees all three ends.
    @Test(arguments: 2...5) func runsOfOneSecondThatEndTogetherStartTheChildOnce(_ count: Int) {
        var cluster = cluster(["a": [], "b": ["a"]])
        for number in 1...count {
            cluster.enqueue(Jobs.name("a"), at: time, cause: .manual, suffix: "m\(number)")
        }
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == count + 1)
        #expect(cluster.store.finalRuns[run("b")]?.state == .succeeded)
        #expect(cluster.store.runs.isEmpty && cluster.core.alreadyEnqueued.isEmpty)
    }

    @Test func repeatedParentDoesNotStartTheChildAgain() {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        cluster.enqueue(Jobs.name("a"), at: time, cause: .retry, suffix: "r1")
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 3)
        cluster.enqueue(Jobs.name("a"), at: time + 60) { $0.triggersDownstream = false }
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 4)
    }

    @Test func dependentWithItsOwnScheduleWaitsInTheQueue() {
        var cluster = cluster(["a": []])
        cluster.define(
            Jobs.single("b") {
                $0.after = [Upstream(job: Jobs.name("a"))]
                $0.schedule = [TriggerDefinition(every: .init(milliseconds: 60_000))]
            }
        )
        let waiting = cluster.enqueue(Jobs.name("b"), at: time)
        cluster.settle()
        #expect(cluster.core.runs.isEmpty && cluster.store.queue.count == 1)
        let explanation = cluster.core.explain(waiting, now: cluster.now)
        #expect(explanation?.state == "waiting" && explanation?.blockers.map(\.kind) == ["upstream"])
        cluster.newTerm()
        cluster.settle()
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .succeeded])
    }

    @Test func entryThatWaitsForAJobWhoseEdgeIsNotKnownYetIsFreed() {
        var cluster = cluster(["a": []])
        let definition = Jobs.single("b") {
            $0.after = [Upstream(job: Jobs.name("a"))]
            $0.schedule = [TriggerDefinition(every: .init(milliseconds: 60_000))]
        }
        cluster.define(definition)
        cluster.core.dependenciesRead(Jobs.name("b"), after: [])
        cluster.enqueue(Jobs.name("b"), at: time)
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .succeeded])
    }

    @Test func triggeringSurvivesANewTerm() {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.settle()
        cluster.end(cluster.live()[0])
        cluster.deliver()
        cluster.step()
        #expect(cluster.store.runs[run("a")]?.state == .succeeded && cluster.store.queue.isEmpty)
        cluster.newTerm()
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .succeeded] && cluster.store.runs.isEmpty)
    }

    @Test func endedRunsStayUntilTheGraphIsComplete() {
        var cluster = cluster(["a": []])
        cluster.core = LeaderCore()
        for number in 0..<2 { cluster.join(WorkerID(number: number)) }
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.runAll()
        #expect(cluster.store.runs.count == 1 && cluster.store.finalRuns.count == 1)
        cluster.core.graphCompleted()
        cluster.settle()
        #expect(cluster.store.runs.isEmpty && cluster.store.finalRuns.count == 1)
    }

    @Test func manyDependentsGoInBoundedSteps() {
        var cluster = cluster(["a": []])
        for index in 0..<1_000 {
            cluster.define(Jobs.single("d\(index)") { $0.after = [Upstream(job: Jobs.name("a"))] })
        }
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.settle()
        cluster.end(cluster.live()[0])
        var largest = 0
        for _ in 0..<60 {
            cluster.deliver()
            let plan = cluster.step()
            largest = max(largest, plan.transactions.reduce(0) { $0 + $1.operations.count })
            if cluster.store.runs[run("a")] == nil { break }
            if cluster.steps % 3 == 0 { cluster.newTerm() }
        }
        #expect(largest <= 1_000)
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 1_001 && cluster.store.violations.isEmpty)
    }
}

extension LeaderDependentsTests {
    @Test func cancelledDependentIsNotQueuedAgainByARepeat() {
        var cluster = cluster(["a": [], "b": ["a"]])
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.settle()
        cluster.end(cluster.live()[0])
        cluster.deliver()
        for _ in 0..<20 where cluster.store.queue.isEmpty { cluster.step() }
        cluster.command(.cancel(run("b")))
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .cancelled])
        cluster.enqueue(Jobs.name("a"), at: time, cause: .retry, suffix: "r1")
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 3 && cluster.store.violations.isEmpty)
    }
    /// What waits for another job is looked at again when its own job changes.
    @Test(arguments: [true, false]) func entryThatWaitsGoesWithItsJob(isDeleted: Bool) {
        var cluster = cluster(["a": []])
        let scheduled = Jobs.single("b") {
            $0.schedule = [TriggerDefinition(every: .init(milliseconds: 60_000))]
        }
        var waiting = scheduled
        waiting.after = [Upstream(job: Jobs.name("a"))]
        cluster.define(waiting)
        cluster.enqueue(Jobs.name("b"), at: time)
        cluster.settle()
        #expect(cluster.store.queue.count == 1)
        cluster.command(
            isDeleted
                ? .deleteJob(Jobs.name("b"), ifVersion: nil) : .replaceJob(scheduled, ifVersion: nil)
        )
        cluster.runAll()
        #expect(cluster.store.queue.isEmpty && cluster.store.violations.isEmpty)
        #expect(states(cluster) == ["b": isDeleted ? .skipped : .succeeded])
    }

    /// A job of the name of a deleted one is not run again for a time that the deleted one was queued for.
    @Test func namesakeIsNotQueuedForTheSameTime() {
        var cluster = cluster(["a": [], "b": ["a"]])
        let definition = Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] }
        cluster.enqueue(Jobs.name("a"), at: time)
        cluster.settle()
        cluster.end(cluster.live()[0])
        cluster.deliver()
        for _ in 0..<20 where cluster.store.queue.isEmpty { cluster.step() }
        cluster.command(.deleteJob(Jobs.name("b"), ifVersion: nil))
        cluster.runAll()
        #expect(states(cluster) == ["a": .succeeded, "b": .skipped])
        cluster.define(definition)
        cluster.core.jobChanged(Jobs.name("b"))
        cluster.enqueue(Jobs.name("a"), at: time, cause: .retry, suffix: "r1")
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 3 && states(cluster)["b"] == .skipped)
        #expect(cluster.store.violations.isEmpty)
    }
}
