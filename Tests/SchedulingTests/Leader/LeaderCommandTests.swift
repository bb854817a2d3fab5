import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("hello")

@Suite struct LeaderCommandTests {
    @Test(arguments: [(false, RunState.cancelled), (true, .killed)])
    func queuedRunIsStoppedAtOnce(_ isKill: Bool, _ end: RunState) {
        var cluster = ModelCluster(workers: 0)
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        let request = cluster.command(isKill ? .kill(run) : .cancel(run))
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == end && cluster.store.queue.isEmpty)
        #expect(cluster.store.verdicts[request]?.isAccepted == true)
    }

    @Test(arguments: [(false, RunState.cancelled, KillMode.cancel), (true, .killed, .kill)])
    func runningRunIsStoppedByItsWorker(_ isKill: Bool, _ end: RunState, _ mode: KillMode) {
        var cluster = ModelCluster()
        cluster.define(Jobs.flow("hello", ["a": [], "b": ["a"], "c": ["b"]]))
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.command(isKill ? .kill(run) : .cancel(run))
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [mode])
        #expect(cluster.core.runs[run]?.units[1].state == (isKill ? .killed : .cancelled))
        cluster.end(cluster.live()[0], .killed)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == end)
        #expect(cluster.store.finalRuns[run]?.tasks.byState == [end.rawValue: 3])
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func cancelIsRaisedToKillOnce() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.settle()
        for _ in 0..<2 { cluster.command(.cancel(run)) }
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [.cancel])
        for _ in 0..<2 { cluster.command(.kill(run)) }
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [.kill])
        cluster.command(.cancel(run))
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [.kill])
        // A success that came before the kill could reach it stands, but the run was killed.
        cluster.end(cluster.live()[0], .succeeded)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .killed)
    }

    @Test func pauseHoldsWhatHasNotStarted() {
        var cluster = ModelCluster()
        cluster.define(Jobs.flow("hello", ["a": [], "b": ["a"]]))
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.command(.pause(run))
        cluster.settle()
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.core.runs[run]?.state == .paused)
        #expect(cluster.core.explain(run, now: cluster.now)?.blockers.first?.kind == "paused")
        cluster.command(.resume(run))
        cluster.settle()
        #expect(cluster.live().count == 1)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    @Test func resumeAfterAFailureGoesOnFailing() {
        var cluster = ModelCluster()
        cluster.define(Jobs.flow("hello", ["a": [], "b": []]))
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.command(.pause(run))
        cluster.settle()
        cluster.end(cluster.live()[0], .failed)
        cluster.settle()
        cluster.command(.resume(run))
        cluster.settle()
        #expect(cluster.core.runs[run]?.state == .failing)
    }

    @Test func whatIsNotLiveIsRefused() {
        var cluster = ModelCluster()
        let run = RunID(job: job, logicalTime: .init(seconds: 0))
        let requests = [
            cluster.command(.cancel(run)), cluster.command(.kill(run)), cluster.command(.pause(run)),
            cluster.command(.resume(run)),
        ]
        cluster.settle()
        #expect(requests.map { cluster.store.verdicts[$0]?.code } == ["E2012", "E2012", "E2012", "E2012"])
    }

    @Test func clusterPauseHoldsAdmissionAndExplains() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello"))
        cluster.core.paused(true)
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.store.queue.count == 1)
        #expect(cluster.core.explain(run, now: cluster.now)?.blockers.first?.kind == "paused")
        cluster.core.paused(false)
        cluster.settle()
        #expect(cluster.live().count == 1)
    }

    @Test func jobThatOthersComeAfterIsNotDeleted() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("up"))
        cluster.define(Jobs.single("down") { $0.after = [Upstream(job: Jobs.name("up"))] })
        let refused = cluster.command(.deleteJob(Jobs.name("up"), ifVersion: nil))
        let missing = cluster.command(.deleteJob(Jobs.name("nobody"), ifVersion: nil))
        let stale = cluster.command(.deleteJob(Jobs.name("down"), ifVersion: 7))
        cluster.settle()
        #expect(cluster.store.verdicts[refused]?.code == "E2013")
        #expect(cluster.store.verdicts[missing]?.code == "E2003")
        #expect(cluster.store.verdicts[stale]?.code == "E2005")
        let down = cluster.command(.deleteJob(Jobs.name("down"), ifVersion: 1))
        cluster.settle()
        let up = cluster.command(.deleteJob(Jobs.name("up"), ifVersion: nil))
        cluster.settle()
        #expect(
            cluster.store.verdicts[down]?.isAccepted == true && cluster.store.verdicts[up]?.isAccepted == true
        )
        #expect(cluster.store.jobs.isEmpty)
        #expect(cluster.store.outcomes[Jobs.name("down")]?.deletedVersion == 1)
    }

    /// A request that was held up on its way is not for a later job of the same name.
    @Test func commandsMeanTheJobThatWasThereWhenTheyWereMade() {
        var cluster = ModelCluster()
        let name = Jobs.name("a")
        cluster.define(Jobs.single("a"))
        let earlier = [
            cluster.command(.deleteJob(name, ifVersion: nil, creationID: "earlier")),
            cluster.command(
                .replaceJob(Jobs.single("a") { $0.priority = 7 }, ifVersion: nil, creationID: "earlier")
            ),
        ]
        cluster.settle()
        for command in earlier { #expect(cluster.store.verdicts[command]?.code == "E2003") }
        #expect(cluster.store.jobs[name]?.job.version == 1)
        let own = cluster.command(.deleteJob(name, ifVersion: nil, creationID: "c"))
        cluster.settle()
        #expect(cluster.store.verdicts[own]?.isAccepted == true && cluster.store.jobs.isEmpty)
    }

    @Test func replacementMustNotCloseACycle() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("a"))
        cluster.define(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] })
        let cycle = cluster.command(
            .replaceJob(Jobs.single("a") { $0.after = [Upstream(job: Jobs.name("b"))] }, ifVersion: nil)
        )
        let unknown = cluster.command(
            .replaceJob(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("nobody"))] }, ifVersion: nil)
        )
        cluster.settle()
        #expect(cluster.store.verdicts[cycle]?.code == "E2015")
        #expect(cluster.store.verdicts[cycle]?.message.contains("a → b → a") == true)
        #expect(cluster.store.verdicts[unknown]?.code == "E2014")
        let fine = cluster.command(.replaceJob(Jobs.single("b"), ifVersion: 1))
        cluster.settle()
        #expect(cluster.store.verdicts[fine]?.isAccepted == true)
        #expect(cluster.store.jobs[Jobs.name("b")]?.job.version == 2)
        #expect(!cluster.core.graph.hasDependents(Jobs.name("a")))
    }

    @Test func upstreamSubmittedJustBeforeIsFound() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("b"))
        let early = cluster.command(
            .replaceJob(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] }, ifVersion: nil)
        )
        cluster.settle()
        #expect(cluster.store.verdicts[early]?.code == "E2014")
        // Defined in the store; the catalog has not told the leader yet.
        cluster.store.jobs[Jobs.name("a")] = KnownJob(
            owner: WorkerID(number: 0),
            job: CompiledJob(Jobs.single("a"), version: 1),
            createdAt: cluster.now,
            storedAt: cluster.now,
            creationID: "c"
        )
        let late = cluster.command(
            .replaceJob(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] }, ifVersion: nil)
        )
        let run = cluster.enqueue(Jobs.name("a"))
        cluster.settle()
        #expect(cluster.store.verdicts[late]?.isAccepted == true)
        #expect(cluster.core.runs[run] != nil)
    }

    /// The catalog may tell of it much later.
    @Test func newDependentIsKnownFromItsVerdictOn() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("a"))
        cluster.settle()
        // Stored; the leader has read nothing of it.
        cluster.store.jobs[Jobs.name("b")] = KnownJob(
            owner: WorkerID(number: 0),
            job: CompiledJob(Jobs.single("b") { $0.after = [Upstream(job: Jobs.name("a"))] }, version: 1),
            createdAt: cluster.now,
            storedAt: cluster.now,
            creationID: "c"
        )
        let request = cluster.command(.learnJob(Jobs.name("b")))
        cluster.settle()
        #expect(cluster.store.verdicts[request]?.isAccepted == true)
        let early = cluster.command(.deleteJob(Jobs.name("a"), ifVersion: nil))
        cluster.settle()
        #expect(cluster.store.verdicts[early]?.code == "E2013")
        let run = cluster.enqueue(Jobs.name("a"))
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.finalRuns.keys.contains { $0.job == Jobs.name("b") })
        let gone = cluster.command(.learnJob(Jobs.name("nobody")))
        cluster.settle()
        #expect(cluster.store.verdicts[gone]?.code == "E2003")
    }

    /// Its znode was read before the verdict was there, and is heard of afterwards.
    @Test func commandThatHasItsVerdictIsNotCarriedOutAgain() throws {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("a"))
        let run = cluster.enqueue(Jobs.name("a"))
        cluster.settle()
        let id = cluster.command(.resume(run))
        let request = try #require(cluster.store.commands[id])
        cluster.settle()
        #expect(cluster.store.verdicts[id]?.code == "E2012", "it is not paused")
        let pause = cluster.command(.pause(run))
        cluster.settle()
        #expect(cluster.store.verdicts[pause]?.isAccepted == true)
        cluster.core.commanded(request)
        cluster.settle()
        #expect(cluster.core.runs[run]?.state == .paused)
        #expect(cluster.store.verdicts[id]?.code == "E2012")
        #expect(cluster.core.commands.isEmpty)
    }

    @Test func entryOfADeletedJobBecomesARecord() {
        var cluster = ModelCluster()
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .skipped && cluster.store.queue.isEmpty)
    }

    @Test func entryOfADeletedJobDoesNotRunALaterJobOfItsName() {
        var cluster = ModelCluster(workers: 0)
        cluster.define(Jobs.single("hello"))
        let stale = cluster.enqueue(Jobs.name("hello"))
        cluster.settle()
        #expect(cluster.store.queue[stale] != nil)
        cluster.command(.deleteJob(Jobs.name("hello"), ifVersion: nil))
        cluster.settle()
        #expect(cluster.store.jobs[Jobs.name("hello")] == nil)
        cluster.define(Jobs.single("hello"))
        let fresh = cluster.enqueue(Jobs.name("hello"), at: 1_800_000_060)
        cluster.join(WorkerID(number: 0))
        cluster.settle()
        #expect(cluster.store.finalRuns[stale]?.state == .skipped)
        #expect(cluster.core.runs[fresh] != nil)
    }

    @Test func killMeansTheLiveRunAndNotASecondEntryOfIt() {
        var cluster = ModelCluster(workers: 1)
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(Jobs.name("hello"))
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.settle()
        cluster.enqueue(Jobs.name("hello"))
        cluster.deliver()
        cluster.command(.kill(run))
        cluster.settle()
        #expect(cluster.core.runs[run]?.state == .killing && cluster.store.queue.isEmpty)
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .killed && cluster.store.violations.isEmpty)
    }

    @Test func attemptWhoseEndIsReportedIsNotAskedToStop() {
        var cluster = ModelCluster(workers: 1)
        cluster.define(Jobs.flow("pair", ["a": [], "b": []]))
        let run = cluster.enqueue(Jobs.name("pair"))
        cluster.settle()
        for attempt in cluster.live() { cluster.start(attempt) }
        cluster.settle()
        cluster.command(.cancel(run))
        cluster.settle()
        let ended = cluster.live()[0]
        cluster.end(ended, .killed)
        cluster.command(.kill(run))
        cluster.deliver()
        let plan = cluster.step()
        let killed = plan.transactions.flatMap(\.operations).compactMap { operation -> AttemptID? in
            if case .createKill(let attempt, _, .kill) = operation { attempt } else { nil }
        }
        #expect(cluster.rejections == 0 && !killed.contains(ended) && killed.count == 1)
    }
}
