import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("flow")

@Suite struct LeaderFlowTests {
    private func end(_ cluster: inout ModelCluster, _ task: String, _ outcome: AttemptOutcome = .succeeded) {
        for id in cluster.live() where id.task == Jobs.task(task) { cluster.end(id, outcome) }
        cluster.settle()
    }

    private func tasks(_ cluster: ModelCluster) -> [String] { cluster.live().map(\.task.description) }

    @Test func fanInWaitsForAll() {
        var cluster = ModelCluster()
        cluster.define(Jobs.flow("flow", ["a": [], "b": [], "c": ["a", "b"]]))
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(tasks(cluster) == ["a", "b"])
        end(&cluster, "a")
        #expect(tasks(cluster) == ["b"])
        #expect(
            cluster.core.explain(run, task: Jobs.task("c"), now: cluster.now)?.blockers.first?.message
                == "waits for b"
        )
        end(&cluster, "b")
        #expect(tasks(cluster) == ["c"])
        end(&cluster, "c")
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    struct ConditionCase: Sendable {
        var condition: TaskDefinition.Condition
        var outcomes: [AttemptOutcome]
        var starts: Bool
        var run: RunState
    }

    @Test(arguments: [
        ConditionCase(
            condition: .allSuccess,
            outcomes: [.succeeded, .succeeded],
            starts: true,
            run: .succeeded
        ),
        ConditionCase(condition: .allSuccess, outcomes: [.succeeded, .failed], starts: false, run: .failed),
        ConditionCase(
            condition: .anySuccess,
            outcomes: [.succeeded, .failed],
            starts: true,
            run: .succeeded
        ),
        ConditionCase(condition: .anySuccess, outcomes: [.failed, .failed], starts: false, run: .failed),
        ConditionCase(condition: .allDone, outcomes: [.failed, .failed], starts: true, run: .succeeded),
        ConditionCase(
            condition: .noneFailed,
            outcomes: [.succeeded, .succeeded],
            starts: true,
            run: .succeeded
        ),
        ConditionCase(condition: .noneFailed, outcomes: [.succeeded, .failed], starts: false, run: .failed),
    ])
    func condition(_ row: ConditionCase) {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("flow", ["a": [], "b": [], "c": ["a", "b"]]) { _ in
            } task: { id, task in
                if id == "c" { task.when = row.condition }
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        end(&cluster, "a", row.outcomes[0])
        end(&cluster, "b", row.outcomes[1])
        #expect((tasks(cluster) == ["c"]) == row.starts)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == row.run)
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func longChainOfNoopsEndsInOnePlan() {
        var cluster = ModelCluster(workers: 0)
        var definition = JobDefinition(name: job, tasks: [])
        for index in 0..<1_000 {
            var task = TaskDefinition(
                id: Jobs.task("t\(index)"),
                needs: index == 0 ? nil : [Jobs.task("t\(index - 1)")]
            )
            task.type = .noop
            definition.tasks.append(task)
        }
        cluster.define(definition)
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.finalRuns[run]?.tasks.byState == ["succeeded": 1_000])
    }

    @Test func noopsWithPartitionsEnd() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("flow", ["a": [], "b": ["a"]]) { _ in
            } task: { id, task in
                guard id == "a" else { return }
                task.type = .noop
                task.partitions = .init(count: 10_000)
                task.partitions?.maxParallel = 2
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(tasks(cluster) == ["b"])
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    @Test func carriedTasksAreNotRepeated() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("flow", ["a": [], "b": ["a"], "c": ["b"]]) { _ in
            } task: { id, task in
                if id == "b" { task.run = .argv(["${tasks.a.outputs.x}"]) }
            }
        )
        let run = cluster.enqueue(job, cause: .retry, suffix: "r1") {
            $0.carried = [Jobs.task("a"): ["x": "1"]]
        }
        cluster.settle()
        #expect(tasks(cluster) == ["b"])
        #expect(cluster.store.outputs[run] == [Jobs.task("a"): ["x": "1"]])
        cluster.newTerm()
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded && cluster.store.outputs.isEmpty)
        #expect(cluster.store.finalAttempts.count == 2)
        // All carried: nothing is left to run.
        let all = cluster.enqueue(job, cause: .retry, suffix: "r2") {
            $0.carried = [Jobs.task("a"): [:], Jobs.task("b"): [:], Jobs.task("c"): [:]]
        }
        cluster.settle()
        #expect(cluster.store.finalRuns[all]?.state == .succeeded)
    }
}

@Suite struct LeaderPartitionTests {
    private func cluster(
        _ count: Int,
        slots: Int = 4,
        workers: Int = 2,
        _ change: (inout TaskDefinition.Partitions) -> Void = { _ in }
    ) -> (ModelCluster, RunID) {
        var cluster = ModelCluster(workers: workers, slots: slots)
        var partitions = TaskDefinition.Partitions(count: count)
        change(&partitions)
        cluster.define(
            Jobs.single("flow") { _ in
            } task: {
                $0.partitions = partitions
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        return (cluster, run)
    }

    @Test func partitionsSpreadOverWorkers() {
        let (cluster, _) = cluster(6)
        for number in 0..<2 {
            #expect(cluster.store.assignments.values.count { $0.worker == WorkerID(number: number) } == 3)
        }
    }

    @Test func maxParallelBoundsWhatIsReady() {
        var (cluster, run) = cluster(10, slots: 100) { $0.maxParallel = 3 }
        #expect(cluster.live().map(\.partition) == [0, 1, 2])
        cluster.end(cluster.live()[1])
        cluster.settle()
        #expect(cluster.live().map(\.partition) == [0, 2, 3])
        cluster.newTerm()
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.live().map(\.partition) == [2, 3, 4])
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    @Test func onFailureStopCancelsWhatHasNotStarted() {
        var (cluster, run) = cluster(20)
        #expect(cluster.live().count == 8)
        cluster.end(cluster.live()[0], .failed)
        cluster.settle()
        #expect(cluster.live().count == 7)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(
            cluster.store.finalRuns[run]?.tasks.byState == ["failed": 1, "succeeded": 7, "cancelled": 12]
        )
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test(arguments: [
        (0.9, 1, RunState.succeeded), (0.9, 2, .failed), (1.0, 1, .failed), (0.0, 10, .succeeded),
    ])
    func minimumShareOfSuccesses(_ share: Double, _ failures: Int, _ end: RunState) {
        var (cluster, run) = cluster(10, slots: 10) {
            $0.onFailure = .continue
            $0.minSuccess = share
        }
        for id in cluster.live() { cluster.end(id, id.partition < failures ? .failed : .succeeded) }
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == end)
    }

    @Test func fanOutAndIn() {
        var cluster = ModelCluster(workers: 5, slots: 20)
        cluster.define(
            Jobs.flow("flow", ["a": [], "b": ["a"], "c": ["b"]]) { _ in
            } task: { id, task in
                if id == "b" { task.partitions = .init(count: 500) }
            }
        )
        let run = cluster.enqueue(job)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.finalAttempts.count == 502 && cluster.store.violations.isEmpty)
    }

    @Test func tenThousandPartitionsGoInBoundedSteps() {
        var (cluster, run) = cluster(10_000, slots: 2_500, workers: 4)
        #expect(cluster.live().count == 10_000)
        for id in cluster.live() {
            cluster.start(id)
            cluster.end(id)
        }
        cluster.deliver()
        let clock = ContinuousClock()
        let began = clock.now
        let largest = largestPlan(&cluster)
        print("10,000 reports consumed in \(clock.now - began), \(largest) operations at most")
        #expect(largest <= 1_100)
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.core.miscounts.isEmpty)
    }

    /// The most operations of a plan, of all until there is nothing to do.
    private func largestPlan(_ cluster: inout ModelCluster) -> Int {
        var largest = 0
        for _ in 0..<1_000 {
            let plan = cluster.step()
            if plan.isEmpty { break }
            let count = plan.transactions.reduce(0) { total, transaction in
                total + transaction.finalRecords.count
                    + transaction.operations.reduce(0) { count, operation in
                        if case .deleteRun(_, let chunks, _) = operation { return count + chunks + 1 }
                        return count + 1
                    }
            }
            largest = max(largest, count)
        }
        return largest
    }

    /// A commit that asks for all of them is larger than the store takes.
    @Test(arguments: zip([true, false], [true, false]))
    func tenThousandLiveAttemptsAreStoppedInBoundedSteps(_ haveStarted: Bool, _ isHarder: Bool) {
        var (cluster, run) = cluster(10_000, slots: 2_500, workers: 4)
        if haveStarted { for id in cluster.live() { cluster.start(id) } }
        cluster.settle()
        cluster.command(.cancel(run))
        cluster.deliver()
        #expect(largestPlan(&cluster) <= 1_100)
        if isHarder {
            cluster.command(.kill(run))
            cluster.deliver()
            #expect(largestPlan(&cluster) <= 1_100)
        }
        let kills = cluster.store.kills.values.map(\.mode)
        #expect(kills.count == cluster.live().count)
        #expect(cluster.live().count > 8_000)
        #expect(kills.allSatisfy { $0 == (isHarder ? .kill : .cancel) })
        cluster.runAll(.killed)
        #expect(cluster.store.finalRuns[run]?.state == (isHarder ? .killed : .cancelled))
        #expect(cluster.core.miscounts.isEmpty && cluster.core.unasked.isEmpty)
    }

    @Test(arguments: [AttemptOutcome.failed, .killed])
    func tenThousandPartitionsAreStoppedTogether(_ outcome: AttemptOutcome) {
        var (cluster, run) = cluster(10_000, slots: 10)
        if outcome == .killed { cluster.command(.kill(run)) } else { cluster.end(cluster.live()[0], .failed) }
        cluster.settle()
        cluster.runAll(.killed)
        #expect(cluster.store.finalRuns[run]?.state == (outcome == .killed ? .killed : .failed))
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func whatFollowsARootThatCannotBeAssignedIsPlacedAtOnce() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.flow("chain", ["root": [], "after": ["root"]]) { _ in
            } task: { id, task in
                if id == "root" {
                    task.run = .argv(["${tasks.after.outputs.x}"])
                } else {
                    task.when = .allDone
                }
            }
        )
        let run = cluster.enqueue(Jobs.name("chain"))
        cluster.runAll()
        #expect(cluster.store.queue.isEmpty && cluster.store.finalRuns[run]?.state.isOver == true)
        #expect(cluster.store.finalAttempts.values.map(\.state) == ["succeeded"])
    }

    @Test func partitionThatEndsAfterAnotherHasFailedIsNotTriedAgain() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.single("parts") { _ in
            } task: {
                $0.partitions = .init(count: 2)
            }
        )
        let run = cluster.enqueue(Jobs.name("parts"))
        cluster.settle()
        let attempts = cluster.live()
        cluster.end(attempts[0], .failed)
        cluster.settle()
        cluster.end(attempts[1], .refused)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(cluster.store.finalRuns[run]?.tasks.byState == ["failed": 1, "cancelled": 1])
    }
}
