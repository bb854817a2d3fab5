/// What the leader wants committed next.
package struct LeaderPlan: Sendable {
    package var transactions: [LeaderTransaction] = []
    /// What must be read for the rest to be decided.
    package var lookups: [LeaderLookup] = []
    /// When to plan again although nothing happens: at once after a plan that is not empty, committed or rejected.
    package var wakeAt: WallTime?
    /// The units that get an assignment by this plan.
    package var assigned: [(RunID, Int)] = []
    /// Records of live state that need no commit of their own.
    package var liveRecords: [MirrorRecord] = []
    /// Results that are refused by this plan.
    package var incidents: [Incident] = []

    package init() {}

    package var isEmpty: Bool { transactions.isEmpty }
}

/// A result that was refused, because its attempt had been taken over before it came.
package struct Incident: Hashable, Sendable {
    package var attempt: AttemptID
    package var view: AttemptView
}

/// The latest of some attempts, as they were shown: a bounded memory.
struct RecentAttempts: Sendable {
    private static let limit = 10_000
    private var order: [AttemptID] = []
    private var views: [AttemptID: AttemptView] = [:]

    subscript(attempt: AttemptID) -> AttemptView? { views[attempt] }

    mutating func insert(_ attempt: AttemptID, _ view: AttemptView) {
        guard views.updateValue(view, forKey: attempt) == nil else { return }
        order.append(attempt)
        guard order.count > Self.limit else { return }
        for old in order.prefix(Self.limit / 2) { views[old] = nil }
        order.removeFirst(Self.limit / 2)
    }
}

/// How much one plan may hold.
package struct PlanBudget: Sendable {
    package var operations: Int
    package var bytes: Int

    package init(operations: Int = 900, bytes: Int = 220 * 1024) {
        self.operations = operations
        self.bytes = bytes
    }

    /// For a plan after so many rejections in a row: half as much each time, down to one decision at once, so that what
    /// is at odds with another part of the same plan comes alone in the end.
    package static func afterRejections(_ count: Int) -> PlanBudget {
        var budget = PlanBudget()
        budget.operations = max(1, budget.operations >> count)
        return budget
    }

    var isUsedUp: Bool { operations <= 0 || bytes <= 0 }

    mutating func spend(operations: Int, bytes: Int) {
        self.operations -= operations
        self.bytes -= bytes
    }
}

/// One run while a plan is made: its new state and what has to be written for it.
struct RunDraft {
    var run: LiveRun
    var isNew = false
    /// Written before the record: checks and deletions.
    var before: [LeaderOperation] = []
    /// Written after it: assignments.
    var after: [LeaderOperation] = []
    /// Units to be stopped; true where an earlier, softer request is replaced. Drawn last: a report that the same plan
    /// consumes may have ended the attempt, and its worker has removed the earlier request with it.
    var kills: [Int: Bool] = [:]
    var isHeaderChanged = false
    var changedChunks: Set<Int> = []
    var newOutputs: [TaskID: [String: String]] = [:]
    var finalAttempts: [AttemptView] = []
    var liveAttempts: [AttemptView] = []
    /// Whether the run ends with this plan.
    var isEnding = false
    /// Workers whose registration this run's transaction checks.
    var checkedWorkers: Set<WorkerID> = []
    /// Workers whose absence this run's transaction checks.
    var checkedAbsences: Set<WorkerID> = []
    /// Tasks whose successors or further partitions are to be considered.
    var unsettled: [Int] = []

    mutating func touch(unit: Int) {
        if run.chunkCount == 0 {
            isHeaderChanged = true
        } else {
            changedChunks.insert(unit / LiveRun.chunkSize)
        }
    }

    var isChanged: Bool {
        isNew || isHeaderChanged || !changedChunks.isEmpty || !before.isEmpty || !after.isEmpty
            || !kills.isEmpty
    }
}
