import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("hello")

@Suite struct LeaderQueueTests {
    @Test func overlapSkipBecomesARecord() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let first = cluster.enqueue(job, at: 1_800_000_000)
        let second = cluster.enqueue(job, at: 1_800_000_060)
        let manual = cluster.enqueue(job, at: 1_800_000_060, cause: .manual, suffix: "m1")
        cluster.settle()
        #expect(cluster.core.runs[first] != nil && cluster.core.runs[manual] != nil)
        #expect(cluster.store.finalRuns[second]?.state == .skipped)
        #expect(cluster.store.finalRuns[second]?.reason?.hasPrefix("E3001") == true)
    }

    @Test func runThatEndsInTheSamePlanIsNoOverlap() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        cluster.enqueue(job, at: 1_800_000_000)
        cluster.settle()
        cluster.end(cluster.live()[0])
        let second = cluster.enqueue(job, at: 1_800_000_060)
        cluster.settle()
        #expect(cluster.core.runs[second] != nil)
    }

    @Test func noopRunsDoNotOverlap() {
        var cluster = ModelCluster(workers: 0)
        cluster.define(
            Jobs.single("hello") { _ in
            } task: {
                $0.type = .noop
                $0.run = nil
            }
        )
        for index in 0..<5 { cluster.enqueue(job, at: 1_800_000_000 + Int64(index)) }
        cluster.settle()
        #expect(cluster.store.finalRuns.values.map(\.state) == Array(repeating: .succeeded, count: 5))
    }

    @Test func suppressedEntryBecomesARecord() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job) { $0.suppression = "E3002 missed" }
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .skipped)
        #expect(cluster.store.finalRuns[run]?.reason == "E3002 missed" && cluster.store.queue.isEmpty)
    }

    @Test func priorityThenTimeThenAge() {
        var cluster = ModelCluster(workers: 1, slots: 1)
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        let late = cluster.enqueue(job, at: 1_800_000_060, cause: .manual, suffix: "m1")
        let early = cluster.enqueue(job, at: 1_800_000_000, cause: .manual, suffix: "m3")
        let younger = cluster.enqueue(job, at: 1_800_000_000, cause: .manual, suffix: "m2")
        let urgent = cluster.enqueue(job, at: 1_800_000_600, cause: .manual, suffix: "m4", priority: 90)
        var order: [RunID] = []
        cluster.settle()
        while let id = cluster.live().first, order.count < 10 {
            order.append(id.run)
            cluster.end(id)
            cluster.settle()
        }
        #expect(order == [urgent, early, younger, late])
    }

    @Test func entriesThatFitNowherePassOthersBy() {
        var cluster = ModelCluster(workers: 1, slots: 1)
        cluster.define(
            Jobs.single("gpu") {
                $0.overlap = .allowAll
            } task: {
                $0.resources = .init(labels: ["gpu": "1"])
            }
        )
        cluster.define(Jobs.single("pool") { $0.pool = "other" })
        cluster.define(Jobs.single("hello"))
        for index in 0..<5_000 { cluster.enqueue(Jobs.name("gpu"), at: 1_800_000_000 + Int64(index)) }
        let pool = cluster.enqueue(Jobs.name("pool"))
        let run = cluster.enqueue(job, at: 1_900_000_000)
        cluster.settle()
        #expect(cluster.live().map(\.run) == [run])
        #expect(cluster.core.explain(pool, now: cluster.now)?.blockers.map(\.kind).contains("pool") == true)
        #expect(cluster.step().wakeAt == nil)
        cluster.join(WorkerID(number: 1)) { $0.labels = ["gpu": "1"] }
        cluster.settle()
        #expect(cluster.live().map(\.run.job).contains(Jobs.name("gpu")))
    }

    @Test func explainsSlotsAndAbsence() {
        var cluster = ModelCluster(workers: 0)
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        let run = cluster.enqueue(job, at: 1_800_000_000)
        cluster.settle()
        #expect(
            cluster.core.explain(run, now: cluster.now)?.blockers.map(\.message) == ["there is no worker"]
        )
        cluster.join(WorkerID(number: 0), slots: 1)
        cluster.settle()
        #expect(cluster.core.explain(run, now: cluster.now)?.blockers.map(\.kind) == ["start"])
        let other = cluster.enqueue(job, at: 1_800_000_060)
        cluster.settle()
        #expect(cluster.core.explain(other, now: cluster.now)?.blockers.map(\.kind) == ["slots"])
        #expect(
            cluster.core.explain(RunID(job: job, logicalTime: UnixTime(seconds: 1)), now: cluster.now) == nil
        )
    }

    @Test func budgetBoundsOnePlanAndTheRestFollows() {
        var cluster = ModelCluster(workers: 4, slots: 1_000)
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        for index in 0..<1_000 { cluster.enqueue(job, at: 1_800_000_000 + Int64(index)) }
        cluster.deliver()
        cluster.step()
        while true {
            let plan = cluster.step()
            let count = plan.transactions.reduce(0) { $0 + $1.operations.count }
            #expect(count <= 1_000)
            if plan.isEmpty { break }
            #expect(plan.wakeAt == cluster.now)
        }
        #expect(cluster.live().count == 1_000)
    }

    @Test func rejectedPlanIsMadeAnewFromTheNewFact() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.deliver()
        cluster.step()
        // Edited, moved and fired meanwhile, and a worker left.
        cluster.store.jobs[job]?.job = CompiledJob(Jobs.single("hello"), version: 2)
        cluster.die(WorkerID(number: 0), isHeard: false)
        cluster.settle()
        #expect(cluster.rejections == 2)
        #expect(cluster.core.runs[run]?.job.version == 2)
        #expect(cluster.store.assignments.values.map(\.worker) == [WorkerID(number: 1)])
        #expect(cluster.core.miscounts.isEmpty && cluster.store.violations.isEmpty)
    }

    @Test func rejectionsOfVanishedThings() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.deliver()
        cluster.step()
        cluster.store.queue[run] = nil
        let request = cluster.command(.cancel(run))
        cluster.deliver()
        cluster.store.commands[request] = nil
        cluster.settle()
        #expect(cluster.core.queue.isEmpty && cluster.core.commands.isEmpty && cluster.core.runs.isEmpty)
        #expect(cluster.rejections == 2)
    }

    @Test func entryOfALiveRunIsDropped() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        cluster.enqueue(job)
        cluster.settle()
        cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.queue.isEmpty && cluster.live().count == 1)
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 1 && cluster.store.violations.isEmpty)
    }

    @Test func whatCannotBeExplainedEndsTheTerm() {
        var core = LeaderCore()
        let run = RunID(job: job, logicalTime: UnixTime(seconds: 0))
        let attempt = AttemptID(run: run, task: Jobs.task("t"), partition: 0, number: 1)
        let unexplained = core.rejected(.deleteRun(run, chunkCount: 0, outputs: []), reason: .missing)
        let doubled = core.rejected(.createOutputs(run, Jobs.task("t"), [:]), reason: .exists)
        let kill = core.rejected(.createKill(attempt, WorkerID(number: 1), .kill), reason: .exists)
        #expect(!unexplained && !doubled && kill)
    }

    @Test func idlePlanOfALargeCoreIsCheap() {
        var cluster = ModelCluster(workers: 10, slots: 200)
        cluster.define(
            Jobs.single("hello") {
                $0.overlap = .allowAll
                $0.timeout = .init(milliseconds: 1_000_000)
            }
        )
        for index in 0..<6_000 { cluster.enqueue(job, at: 1_800_000_000 + Int64(index)) }
        cluster.settle()
        #expect(cluster.live().count == 2_000 && cluster.core.queue.count == 4_000)
        let clock = ContinuousClock()
        let began = clock.now
        for _ in 0..<100 { #expect(cluster.step().isEmpty) }
        let each = (clock.now - began) / 100
        print("an idle plan over 2,000 live runs and 4,000 entries takes \(each)")
        #expect(each < .milliseconds(50))
    }
}

@Suite struct SortedChunksTests {
    @Test(arguments: SeededGenerator.seeds(5))
    func behavesLikeASortedArray(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var chunks = SortedChunks<Int>()
        var model: Set<Int> = []
        for step in 0..<6_000 {
            let value = Int.random(in: 0..<3_000, using: &random)
            if step < 3_000 || Bool.random(using: &random) {
                #expect(chunks.insert(value) == model.insert(value).inserted)
            } else {
                chunks.remove(value)
                model.remove(value)
            }
        }
        #expect(
            Array(chunks.elements()) == model.sorted() && chunks.count == model.count,
            "SKYFIRE_SEED=\(seed)"
        )
        #expect(chunks.first == model.min())
        for _ in 0..<100 {
            let value = Int.random(in: -10..<3_010, using: &random)
            #expect(
                Array(chunks.elements(after: value)) == model.sorted().filter { $0 > value },
                "SKYFIRE_SEED=\(seed)"
            )
        }
    }
}
