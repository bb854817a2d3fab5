import Cron
import Testing

@testable import Scheduling

@Suite struct WorkerCoreTests {
    private let attempt = AttemptID(
        run: RunID(job: Jobs.name("hello"), logicalTime: UnixTime(seconds: 0)),
        task: Jobs.task("t"),
        partition: 0,
        number: 1
    )
    private let now = WallTime(milliseconds: 1_000)
    private var name: String { attempt.znodeName }
    private var killName: String { name + ".kill" }
    private var success: AttemptEnd { AttemptEnd(outcome: .succeeded, endedAt: now) }

    private func reading() -> WorkerCore {
        var core = WorkerCore()
        _ = core.assignmentsListed([name], isFirst: true)
        return core
    }

    private func starting() -> WorkerCore {
        var core = reading()
        _ = core.assignmentRead(attempt, isStarted: false, now: now)
        return core
    }

    private func running() -> WorkerCore {
        var core = starting()
        _ = core.started(attempt)
        return core
    }

    private func finishing() -> WorkerCore {
        var core = running()
        _ = core.ended(attempt, success)
        return core
    }

    private func outcome(_ commands: [WorkerCore.Command]) -> AttemptOutcome? {
        guard commands.count == 1, case .finish(attempt, let end) = commands[0] else { return nil }
        return end.outcome
    }

    @Test func newAssignmentIsRead() {
        var core = WorkerCore()
        #expect(core.assignmentsListed([name, "nonsense"], isFirst: true) == [.read(attempt)])
        #expect(core.assignmentsListed([name], isFirst: false) == [])
        #expect(core.liveCount == 1)
    }

    @Test func readingToStarting() {
        var core = reading()
        #expect(core.assignmentRead(attempt, isStarted: false, now: now) == [.start(attempt)])
        #expect(core.assignmentRead(attempt, isStarted: false, now: now) == [])
    }

    @Test func startedByAnEarlierIncarnationIsLost() {
        var core = reading()
        #expect(outcome(core.assignmentRead(attempt, isStarted: true, now: now)) == .lost)
    }

    @Test func readingWhileDrainingIsRefused() {
        var core = reading()
        core.drain()
        #expect(outcome(core.assignmentRead(attempt, isStarted: false, now: now)) == .refused)
        var other = reading()
        other.drain()
        other.undrain()
        #expect(other.assignmentRead(attempt, isStarted: false, now: now) == [.start(attempt)])
    }

    @Test func killBeforeTheStartEndsItUnstarted() {
        var core = reading()
        #expect(core.assignmentsListed([name, killName], isFirst: false) == [.readKill(attempt)])
        #expect(core.killRequested(attempt, .cancel) == [])
        #expect(outcome(core.assignmentRead(attempt, isStarted: false, now: now)) == .killed)
    }

    @Test func assignmentGoneIsForgotten() {
        for core in [reading(), starting()] {
            var core = core
            #expect(core.assignmentGone(attempt) == [])
            #expect(core.liveCount == 0)
        }
    }

    @Test func startingToRunning() {
        var core = starting()
        #expect(core.started(attempt) == [])
        #expect(core.runningAttempts == [attempt])
    }

    @Test func killWhileStartingStopsOnceItRuns() {
        var core = starting()
        #expect(core.killRequested(attempt, .kill) == [])
        #expect(core.started(attempt) == [.stop(attempt, .kill)])
    }

    @Test func startThatFailsIsReported() {
        var core = starting()
        let end = AttemptEnd(outcome: .systemFailed, endedAt: now, reason: "no such program")
        #expect(core.ended(attempt, end) == [.finish(attempt, end)])
    }

    @Test func sessionEndBeforeTheStartForgets() {
        var core = starting()
        core.sessionEnded()
        #expect(core.liveCount == 0)
        #expect(core.started(attempt) == [.abandon(attempt)])
        #expect(core.assignmentsListed([name], isFirst: true) == [.read(attempt)])
    }

    @Test func assignmentTakenWhileStartingIsAbandoned() {
        var core = starting()
        #expect(core.assignmentsListed([], isFirst: false) == [])
        #expect(core.started(attempt) == [.abandon(attempt)])
        #expect(core.liveCount == 0)
    }

    @Test func runningIsStoppedAndAKillReplacesACancel() {
        var core = running()
        #expect(core.assignmentsListed([name, killName], isFirst: false) == [.readKill(attempt)])
        #expect(core.killRequested(attempt, .cancel) == [.stop(attempt, .cancel)])
        #expect(core.killRequested(attempt, .cancel) == [])
        // The request was replaced: its name is the same.
        #expect(core.assignmentsListed([name, killName], isFirst: false) == [.readKill(attempt)])
        #expect(core.killRequested(attempt, .kill) == [.stop(attempt, .kill)])
        #expect(core.assignmentsListed([name, killName], isFirst: false) == [])
        #expect(core.killRequested(attempt, .cancel) == [])
    }

    @Test func runningThatWasTakenAwayIsAbandoned() {
        var core = running()
        core.sessionEnded()
        #expect(core.runningAttempts == [attempt])
        #expect(core.assignmentsListed([], isFirst: true) == [.abandon(attempt)])
        #expect(core.runningAttempts == [])
        // Its process is being ended; how it ends is told as too late, and then it is forgotten.
        #expect(core.assignmentsListed([], isFirst: true) == [])
        #expect(core.ended(attempt, success) == [.reportLate(attempt, success, isCertain: true)])
        #expect(core.assignmentsListed([], isFirst: true) == [.reportLate(attempt, success, isCertain: true)])
        #expect(core.finished(attempt) == [.acknowledge(attempt)])
        #expect(core.liveCount == 0)
    }

    @Test func claimedAttemptsGoOn() {
        var core = WorkerCore()
        core.claimed([attempt])
        #expect(core.assignmentsListed([name], isFirst: true) == [])
        #expect(core.runningAttempts == [attempt])
        #expect(core.ended(attempt, success) == [.finish(attempt, success)])
    }

    @Test func claimedAttemptThatWasTakenOverIsAbandoned() {
        var core = WorkerCore()
        core.claimed([attempt])
        #expect(core.assignmentsListed([], isFirst: true) == [.abandon(attempt)])
    }

    @Test func claimedAttemptThatEndedMeanwhileIsFinishedWhenItIsStillAssigned() {
        var core = WorkerCore()
        core.claimed([attempt])
        #expect(core.ended(attempt, success) == [.finish(attempt, success)])
        #expect(core.assignmentsListed([name], isFirst: true) == [.finish(attempt, success)])
        #expect(core.ended(attempt, success) == [])
    }

    @Test func claimedAttemptThatHadEndedMayHaveBeenReported() {
        var core = WorkerCore()
        core.claimed([attempt], ended: [attempt])
        _ = core.ended(attempt, success)
        #expect(
            core.assignmentsListed([], isFirst: true) == [.reportLate(attempt, success, isCertain: false)]
        )
    }

    @Test func startThatWasNeverCarriedOutIsNoLoss() {
        var core = reading()
        #expect(
            outcome(core.assignmentRead(attempt, isStarted: true, hasNeverRun: true, now: now)) == .refused
        )
    }

    @Test func endOfAnAttemptThatNobodyHoldsIsAcknowledged() {
        var core = WorkerCore()
        #expect(core.ended(attempt, success) == [.acknowledge(attempt)])
    }

    @Test func finishThatIsRefusedIsToldAsLate() {
        var core = finishing()
        #expect(core.finishRefused(attempt) == [.reportLate(attempt, success, isCertain: true)])
        #expect(core.finishRefused(attempt) == [])
        var unknown = finishing()
        unknown.finishUnknown(attempt)
        #expect(unknown.finishRefused(attempt) == [.reportLate(attempt, success, isCertain: false)])
    }

    @Test func runningToFinishingToForgotten() {
        var core = running()
        #expect(core.ended(attempt, success) == [.finish(attempt, success)])
        #expect(core.liveCount == 1)
        #expect(core.finished(attempt) == [.acknowledge(attempt)])
        #expect(core.liveCount == 0)
    }

    @Test func nextSessionFinishesWhatIsStillAssigned() {
        var core = finishing()
        core.sessionEnded()
        #expect(core.assignmentsListed([name], isFirst: true) == [.finish(attempt, success)])
        #expect(core.assignmentsListed([name], isFirst: false) == [])
    }

    /// What was told as late, and is assigned after all, is not waited for in vain.
    @Test func nextSessionFinishesWhatWasTakenForRefused() {
        var core = finishing()
        _ = core.finishRefused(attempt)
        core.sessionEnded()
        #expect(core.assignmentsListed([name], isFirst: true) == [.finish(attempt, success)])
        #expect(core.finished(attempt) == [.acknowledge(attempt)])
        #expect(core.liveCount == 0)
    }

    @Test func nextSessionTellsOfWhatIsAssignedNoMore() {
        var core = finishing()
        core.sessionEnded()
        #expect(
            core.assignmentsListed([], isFirst: true) == [.reportLate(attempt, success, isCertain: true)]
        )
        #expect(core.finished(attempt) == [.acknowledge(attempt)])
        #expect(core.liveCount == 0)
        var same = finishing()
        _ = same.assignmentsListed([], isFirst: false)
        #expect(same.liveCount == 1)
    }

    @Test func killOfWhatIsNotHeldIsDeleted() {
        var core = WorkerCore()
        #expect(core.assignmentsListed([killName], isFirst: true) == [.deleteKill(attempt)])
        #expect(core.killRequested(attempt, .kill) == [])
        var ending = finishing()
        #expect(ending.assignmentsListed([name, killName], isFirst: false) == [])
    }

    /// The list after the finish may come before the answer to it, and nothing changes after that list.
    @Test(arguments: [false, true]) func killThatOutlivesItsAttemptIsDeleted(isKnown: Bool) {
        var core = running()
        if isKnown {
            #expect(core.assignmentsListed([name, killName], isFirst: false) == [.readKill(attempt)])
            #expect(core.killRequested(attempt, .kill) == [.stop(attempt, .kill)])
        }
        let end = AttemptEnd(outcome: isKnown ? .killed : .succeeded, endedAt: now)
        #expect(core.ended(attempt, end) == [.finish(attempt, end)])
        #expect(core.assignmentsListed([killName], isFirst: false) == [])
        #expect(core.finished(attempt) == [.acknowledge(attempt), .deleteKill(attempt)])
        // In the other order the list says it all.
        var late = finishing()
        #expect(late.finished(attempt) == [.acknowledge(attempt)])
        #expect(late.assignmentsListed([killName], isFirst: false) == [.deleteKill(attempt)])
        // What is gone before it was read takes its kill request along, too.
        var unread = reading()
        #expect(unread.assignmentsListed([killName], isFirst: false) == [.readKill(attempt)])
        #expect(unread.assignmentGone(attempt) == [.deleteKill(attempt)])
    }
}
