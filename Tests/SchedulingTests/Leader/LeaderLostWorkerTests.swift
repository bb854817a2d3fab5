import Cron
import HashTreeCollections
import Testing

@testable import Scheduling

private let job = Jobs.name("hello")

@Suite struct LeaderLostWorkerTests {
    /// Each registration begins at the same version; one that came unseen is not taken for the one that was seen.
    @Test func registrationInPlaceOfAnotherIsNotTakenForIt() {
        var cluster = ModelCluster(workers: 1)
        let worker = WorkerID(number: 0)
        cluster.define(Jobs.single("a"))
        cluster.join(worker, isHeard: false) { $0.isDraining = true }
        cluster.enqueue(Jobs.name("a"))
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.store.queue.count == 1)
        #expect(cluster.rejections > 0)
        cluster.join(worker)
        cluster.runAll()
        #expect(cluster.store.finalRuns.count == 1 && cluster.store.violations.isEmpty)
    }

    /// A node that was killed and started again reports what it finds started as lost, and knows no more of it.
    @Test func attemptLostInARestartKeepsItsStart() {
        for isNewTerm in [false, true] {
            var cluster = ModelCluster(workers: 1)
            cluster.define(Jobs.single("hello"))
            cluster.enqueue(Jobs.name("hello"))
            cluster.settle()
            let attempt = cluster.live()[0]
            cluster.pass(1_000)
            let start = cluster.now
            cluster.start(attempt)
            cluster.settle()
            cluster.pass(1_000)
            cluster.settle()
            #expect(cluster.store.reports.isEmpty, "the start was consumed")
            if isNewTerm { cluster.newTerm() }
            cluster.store.assignments[attempt] = nil
            let name = "\(attempt.znodeName).lost"
            cluster.store.reports[name] = Report(
                attempt: attempt,
                event: .ended(.lost),
                endedAt: cluster.now,
                bucket: 0,
                znodeName: name
            )
            cluster.settle()
            let view = cluster.store.finalAttempts.values.first { $0.state == "lost" }
            #expect(view?.startedAt == start && view?.endedAt == cluster.now)
        }
    }

    /// Told twice, it would be deleted twice in one commit, which fails, and then not at all.
    @Test func startThatIsToldOfAgainIsStillDeletedOnce() throws {
        var (cluster, run) = admitted()
        let attempt = cluster.live()[0]
        cluster.start(attempt)
        cluster.settle()
        let start = try #require(cluster.store.reports.values.first)
        cluster.end(attempt)
        cluster.deliver()
        cluster.core.reported(start)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.reports.isEmpty && cluster.rejections == 0)
    }

    @Test func whatEndedBetweenTwoTermsKeepsItsToken() {
        var (cluster, run) = admitted()
        let attempt = cluster.live()[0]
        let (token, assignedAt) = (cluster.store.assignments[attempt]?.token, cluster.now)
        cluster.start(attempt)
        cluster.pass(1_000)
        cluster.end(attempt)
        cluster.newTerm()
        cluster.settle()
        let view = cluster.store.finalAttempts["\(run)/t/0/1"]
        #expect(view?.state == "succeeded" && view?.assignedAt == assignedAt)
        #expect(view?.fencingToken != nil && view?.fencingToken == token.map { String($0) })
    }

    private func admitted(workers: Int = 2) -> (ModelCluster, RunID) {
        var cluster = ModelCluster(workers: workers)
        cluster.define(Jobs.single("hello"))
        let run = cluster.enqueue(job)
        cluster.settle()
        return (cluster, run)
    }

    private func holder(_ cluster: ModelCluster) -> WorkerID {
        cluster.store.assignments.values.first?.worker ?? WorkerID(number: -1)
    }

    @Test func attemptThatHadNotStartedMovesForFree() {
        var (cluster, run) = admitted()
        cluster.die(holder(cluster))
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2])
        #expect(cluster.core.runs[run]?.units[0].losses == 0)
        #expect(cluster.store.finalAttempts.values.map(\.state) == ["lost"])
        #expect(cluster.core.emptied.isEmpty && cluster.store.directories.count == 1)
    }

    @Test func threeLossesAfterTheStartArePoison() {
        var (cluster, run) = admitted(workers: 4)
        for _ in 0..<3 {
            let worker = holder(cluster)
            cluster.start(cluster.live()[0])
            cluster.settle()
            cluster.die(worker)
            cluster.settle()
            cluster.join(worker)
            cluster.settle()
        }
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        #expect(cluster.store.finalRuns[run]?.reason?.hasPrefix("E3003") == true)
        #expect(cluster.core.miscounts.isEmpty && cluster.store.violations.isEmpty)
    }

    @Test func onLostFailEndsTheTask() {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.single("hello") { _ in
            } task: {
                $0.onLost = .fail
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.settle()
        cluster.die(holder(cluster))
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
    }

    private func exclusive(_ change: (inout TaskDefinition) -> Void = { _ in }) -> (ModelCluster, RunID) {
        var cluster = ModelCluster()
        cluster.define(
            Jobs.single("hello") {
                $0.overlap = .allowAll
            } task: {
                $0.exclusive = true
                change(&$0)
            }
        )
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.start(cluster.live()[0])
        cluster.settle()
        return (cluster, run)
    }

    @Test func exclusiveAttemptIsTakenOverWhenTheKillMarginIsOver() {
        var (cluster, run) = exclusive()
        let worker = holder(cluster)
        cluster.die(worker)
        cluster.settle()
        #expect(cluster.live().map(\.number) == [1] && cluster.core.emptied.isEmpty)
        #expect(cluster.core.explain(run, now: cluster.now)?.blockers.map(\.kind) == ["lost"])
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2] && cluster.store.violations.isEmpty)
    }

    @Test func killMarginsCountAnewWithEachAbsenceAndEachTerm() {
        var (cluster, _) = exclusive()
        let worker = holder(cluster)
        cluster.die(worker)
        let first = cluster.core.workers[worker]?.absence
        cluster.join(worker)
        cluster.die(worker)
        // The end of the first absence's margin comes late, and is not that of the second.
        cluster.core.killMarginPassed(worker, absence: first ?? 0)
        cluster.settle()
        #expect(cluster.live().map(\.number) == [1])
        cluster.newTerm()
        cluster.settle()
        #expect(cluster.live().map(\.number) == [1])
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2] && cluster.store.violations.isEmpty)
    }

    @Test func workerThatReturnsWithinTheKillMarginKeepsItsExclusiveAttempt() {
        var (cluster, run) = exclusive()
        let worker = holder(cluster)
        cluster.die(worker)
        cluster.settle()
        cluster.join(worker)
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live().map(\.number) == [1])
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    /// 1. the leader sees the worker gone, and stands still; 2. the worker registers again and goes on with what it is
    /// assigned; 3. the leader goes on, and has not heard of it.
    @Test(arguments: [true, false]) func workerThatReturnedUnseenLosesNothing(_ isExclusive: Bool) {
        var (cluster, run) = isExclusive ? exclusive() : admitted()
        let attempt = cluster.live()[0]
        let worker = holder(cluster)
        cluster.die(worker)
        cluster.join(worker, isHeard: false)
        cluster.start(attempt)
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live() == [attempt] && cluster.store.finalAttempts.isEmpty)
        #expect(cluster.core.workers[worker]?.isPresent == true)
        cluster.end(attempt)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
    }

    /// It returned and left again unseen: that is another absence, with a margin of its own.
    @Test func marginOfAnEarlierAbsenceIsNotThatOfALaterOne() {
        var (cluster, _) = exclusive()
        let worker = holder(cluster)
        cluster.die(worker)
        cluster.join(worker, isHeard: false)
        cluster.die(worker, isHeard: false)
        cluster.passKillMargins(endsGhosts: false)
        cluster.settle()
        #expect(cluster.live().map(\.number) == [1] && cluster.store.violations.isEmpty)
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2] && cluster.store.violations.isEmpty)
    }

    @Test func exclusiveTaskWaitsForTheOtherRunOfItsJob() {
        var (cluster, first) = exclusive()
        let second = cluster.enqueue(job, at: 1_800_000_060)
        cluster.settle()
        #expect(cluster.live().map(\.run) == [first])
        let blockers = cluster.core.explain(second, now: cluster.now)?.blockers
        #expect(blockers?.map(\.kind).contains("exclusive") == true)
        cluster.end(cluster.live()[0])
        cluster.settle()
        #expect(cluster.live().map(\.run) == [second] && cluster.store.violations.isEmpty)
    }

    @Test func stopTakesBackWhatHasNotStarted() {
        var (cluster, run) = admitted()
        cluster.command(.cancel(run))
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.store.kills.isEmpty)
        #expect(cluster.store.finalRuns[run]?.state == .cancelled)
        #expect(cluster.store.finalAttempts.values.map(\.state) == ["killed"])
        #expect(cluster.core.miscounts.isEmpty && cluster.store.violations.isEmpty)
    }

    /// The start and the stop cross each other: the start came first.
    @Test func stopOfWhatHasJustStartedAsksItsWorker() {
        var (cluster, run) = admitted()
        let attempt = cluster.live()[0]
        cluster.store.assignments[attempt]?.isStarted = true
        cluster.command(.cancel(run))
        cluster.settle()
        #expect(cluster.rejections == 1)
        #expect(cluster.live() == [attempt] && cluster.store.kills.values.map(\.mode) == [.cancel])
        cluster.end(attempt, .killed)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .cancelled)
    }

    /// The report of the start is on its way when the worker is lost: it may have run, so it is not run again.
    @Test func onLostFailHoldsBeforeTheStartIsKnown() {
        var cluster = ModelCluster()
        cluster.define(Jobs.single("hello", task: { $0.onLost = .fail }))
        let run = cluster.enqueue(job)
        cluster.settle()
        cluster.store.assignments[cluster.live()[0]]?.isStarted = true
        cluster.die(holder(cluster))
        cluster.settle()
        #expect(cluster.rejections == 1)
        #expect(cluster.live().isEmpty && cluster.store.finalRuns[run]?.state == .failed)
    }

    @Test func onLostHoldPausesTheRunUntilItIsResumed() {
        var (cluster, run) = exclusive { $0.onLost = .hold }
        cluster.die(holder(cluster))
        cluster.settle()
        cluster.passKillMargins()
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.core.runs[run]?.state == .paused)
        #expect(cluster.core.runs[run]?.reason?.hasPrefix("E3010") == true)
        cluster.newTerm()
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.core.runs[run]?.state == .paused)
        cluster.command(.resume(run))
        cluster.settle()
        #expect(cluster.live().map(\.number) == [2])
        #expect(cluster.core.runs[run]?.reason == nil, "it holds no more")
    }

    @Test(arguments: [true, false]) func runThatWasHeldAndFailsSaysWhatHasFailed(_ failsFirst: Bool) {
        var cluster = ModelCluster()
        for number in 1...2 { cluster.join(WorkerID(number: number), slots: 2) }
        cluster.define(
            Jobs.flow("two", ["held": [], "other": []]) { _ in
            } task: {
                $1.onLost = .hold
            }
        )
        let run = cluster.enqueue(Jobs.name("two"))
        cluster.settle()
        func attempt(_ task: String) -> AttemptID? { cluster.live().first { "\($0.task)" == task } }
        guard let held = attempt("held"), let other = attempt("other"),
            let gone = cluster.store.assignments[held]?.worker,
            cluster.store.assignments[other]?.worker != gone
        else {
            Issue.record("the two tasks are on two workers")
            return
        }
        for id in [held, other] { cluster.start(id) }
        if failsFirst { cluster.end(other, .failed) }
        cluster.settle()
        cluster.die(gone)
        cluster.settle()
        #expect(cluster.core.runs[run]?.state == .paused)
        #expect(cluster.core.runs[run]?.reason?.hasPrefix("E3010") == true)
        if !failsFirst { cluster.end(other, .failed) }
        cluster.settle()
        cluster.command(.resume(run))
        cluster.settle()
        cluster.runAll()
        #expect(cluster.store.finalRuns[run]?.state == .failed)
        let reason = cluster.store.finalRuns[run]?.reason
        #expect(reason?.hasPrefix("task other failed") == true, "\(reason ?? "none")")
    }

    private func late(_ attempt: AttemptID, isCertain: Bool) -> Report {
        Report(
            attempt: attempt,
            event: .late(.succeeded, isCertain: isCertain),
            exitCode: 0,
            bucket: 0,
            znodeName: "\(attempt.znodeName).late"
        )
    }

    @Test(arguments: [true, false]) func lateResultOfWhatWasTakenOverIsAnIncident(_ isCertain: Bool) {
        var (cluster, run) = admitted()
        let attempt = cluster.live()[0]
        cluster.start(attempt)
        cluster.settle()
        cluster.die(holder(cluster))
        cluster.settle()
        cluster.store.finalAttempts = [:]
        let report = late(attempt, isCertain: isCertain)
        cluster.store.reports[report.znodeName] = report
        cluster.settle()
        #expect(cluster.store.incidents == 1 && cluster.store.reports.isEmpty)
        let view = cluster.store.finalAttempts["\(run)/t/0/1"]
        #expect(view?.fencingToken != nil && view?.assignedAt != nil)
        #expect(view?.state == "lost" && view?.exitCode == 0)
        #expect(view?.reason?.hasPrefix("E3009") == true)
        #expect(cluster.live().map(\.number) == [2])
    }

    @Test func lateResultThatMayHaveCountedIsNone() {
        var (cluster, run) = admitted()
        let attempt = cluster.live()[0]
        cluster.end(attempt)
        let report = late(attempt, isCertain: false)
        cluster.store.reports[report.znodeName] = report
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.incidents == 0 && cluster.store.reports.isEmpty)
    }

    @Test func workersThatWereGivenUpDoNotCountForSafeMode() {
        var (cluster, _) = admitted(workers: 3)
        let survivor = WorkerID(number: (holder(cluster).number + 1) % 3)
        for number in 0..<3 where number != survivor.number { cluster.die(WorkerID(number: number)) }
        cluster.settle()
        #expect(cluster.core.isSafeMode && cluster.live().map(\.number) == [1])
        cluster.core.gaveUp(Set((0..<3).map { WorkerID(number: $0) }))
        cluster.settle()
        #expect(!cluster.core.isSafeMode && holder(cluster) == survivor)
    }

    @Test func finishBeatsTheLossOfTheWorker() {
        var (cluster, run) = admitted()
        let worker = holder(cluster)
        cluster.end(cluster.live()[0])
        cluster.die(worker)  // heard of before the report
        cluster.step()
        cluster.step()
        #expect(cluster.live().isEmpty && cluster.core.runs[run] != nil)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .succeeded)
        #expect(cluster.store.finalAttempts.values.map(\.state) == ["succeeded"])
    }

    @Test func workerThatReturnsInSafeModeKeepsItsAttempt() {
        var (cluster, _) = admitted(workers: 3)
        let attempt = cluster.live()[0]
        let worker = holder(cluster)
        for number in 0..<3 { cluster.die(WorkerID(number: number)) }
        cluster.settle()
        #expect(cluster.core.isSafeMode && cluster.live() == [attempt])
        cluster.join(worker)
        cluster.settle()
        #expect(cluster.live() == [attempt] && cluster.core.isSafeMode)
        for number in 0..<3 { cluster.join(WorkerID(number: number)) }
        cluster.settle()
        #expect(cluster.live() == [attempt] && !cluster.core.isSafeMode && cluster.core.reclaiming.isEmpty)
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func workerThatReturnsWhileItsJobsMoveStaysKnown() {
        var (cluster, _) = admitted()
        let id = WorkerID(number: 1)
        cluster.die(id)
        cluster.deliver()
        cluster.step()
        cluster.join(id)
        cluster.core.workerForgotten(id)
        #expect(cluster.core.workers[id]?.isPresent == true)
        cluster.settle()
        #expect(cluster.core.miscounts.isEmpty)
    }

    @Test func stoppedAttemptOfALostWorkerIsOver() {
        var (cluster, run) = admitted()
        cluster.start(cluster.live()[0])
        cluster.settle()
        cluster.command(.cancel(run))
        cluster.settle()
        #expect(cluster.store.kills.count == 1)
        cluster.die(holder(cluster))
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .cancelled)
        #expect(cluster.store.kills.isEmpty && cluster.store.assignments.isEmpty)
    }

    @Test(arguments: [false, true])
    func workerThatWasGoneDuringTheStopIsTold(_ changesTerm: Bool) {
        var (cluster, run) = admitted(workers: 3)
        cluster.start(cluster.live()[0])
        cluster.settle()
        for number in 0..<3 { cluster.die(WorkerID(number: number)) }
        cluster.command(.kill(run))
        cluster.settle()
        #expect(cluster.store.kills.isEmpty && cluster.core.runs[run]?.state == .killing)
        if changesTerm { cluster.newTerm() }
        for number in 0..<3 { cluster.join(WorkerID(number: number)) }
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [.kill])
        cluster.end(cluster.live()[0], .killed)
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .killed)
    }

    @Test func killRequestsSurviveANewTerm() {
        var (cluster, run) = admitted()
        cluster.start(cluster.live()[0])
        cluster.settle()
        cluster.command(.cancel(run))
        cluster.settle()
        cluster.newTerm()
        cluster.settle()
        #expect(cluster.store.kills.count == 1)
        cluster.command(.kill(run))
        cluster.settle()
        #expect(cluster.store.kills.values.map(\.mode) == [.kill])
        cluster.die(holder(cluster))
        cluster.settle()
        #expect(cluster.store.finalRuns[run]?.state == .killed && cluster.store.kills.isEmpty)
    }

    @Test func drainingWorkerGetsNothingNew() {
        var cluster = ModelCluster(workers: 1)
        cluster.define(Jobs.single("hello") { $0.overlap = .allowAll })
        cluster.drainSilently(WorkerID(number: 0))
        let run = cluster.enqueue(job)
        cluster.settle()
        #expect(cluster.live().isEmpty && cluster.store.violations.isEmpty && cluster.store.queue.count == 1)
        #expect(cluster.core.explain(run, now: cluster.now)?.blockers.map(\.kind) == ["draining"])
    }
}
