import Cron

/// One unit (partition) of a live run.
package struct Unit: Hashable, Sendable {
    package var state = TaskState.waiting
    /// The number of the latest attempt; 0 before the first.
    package var attempt = 0
    /// Ended attempts that are charged to `retry.max`.
    package var failures = 0
    /// Attempts whose worker was lost.
    package var losses = 0
    /// Where the live attempt is.
    package var worker = 0
    /// When `retrying` ends, in milliseconds since 1970.
    package var retryAt: Int64 = 0

    package init() {}
}

/// What is derived from the states of one task's units, so that no decision has to count them.
package struct TaskProgress: Hashable, Sendable {
    /// Units that are not over.
    package internal(set) var open: Int
    /// Units that are past waiting and not over.
    package internal(set) var active = 0
    /// Units with a live attempt.
    package internal(set) var live = 0
    /// Whether a partition has failed so that the others are not tried again.
    var isStopped = false
    /// No unit before this one is waiting.
    var nextWaiting: Int
    /// Whether what follows from the end of the task was drawn.
    var isSettled = false
}

/// A run that is not over, as the leader knows it.
package struct LiveRun: Sendable {
    /// How many units one chunk of the stored record holds.
    package static let chunkSize = 256

    package var id: RunID
    package var job: CompiledJob
    package var cause: RunCause
    package var priority: Int
    package var params: [String: String]
    package var queuedAt: WallTime
    package var startedAt: WallTime
    package var endedAt: WallTime?
    package var traceID: String
    package var triggersDownstream: Bool
    /// The queue entry's creation transaction: the age among equals.
    package var age: Int64
    package var state = RunState.running
    package var reason: String?
    /// How the run will end because it is being stopped: `cancelled`, `killed`, or `failed` by its timeout.
    package var stopAs: RunState?
    package var units: [Unit]
    package var outputs: [TaskID: [String: String]] = [:]
    /// Units in state `queued`, in order.
    package internal(set) var ready: [Int] = []
    /// How many units are not over.
    package internal(set) var openUnits: Int
    /// How many units have a live attempt.
    package internal(set) var liveUnits = 0
    /// By index of the task.
    package internal(set) var progress: [TaskProgress] = []

    package init(
        id: RunID,
        job: CompiledJob,
        cause: RunCause,
        priority: Int,
        params: [String: String],
        queuedAt: WallTime,
        startedAt: WallTime,
        traceID: String,
        triggersDownstream: Bool,
        age: Int64
    ) {
        self.id = id
        self.job = job
        self.cause = cause
        self.priority = priority
        self.params = params
        self.queuedAt = queuedAt
        self.startedAt = startedAt
        self.traceID = traceID
        self.triggersDownstream = triggersDownstream
        self.age = age
        units = Array(repeating: Unit(), count: job.unitCount)
        openUnits = job.unitCount
        progress = job.tasks.map { TaskProgress(open: $0.units.count, nextWaiting: $0.units.lowerBound) }
    }

    package var chunkCount: Int { units.count <= Self.chunkSize ? 0 : (units.count - 1) / Self.chunkSize + 1 }

    package var orderKey: OrderKey {
        OrderKey(priority: priority, logicalTime: id.logicalTime.seconds, age: age)
    }

    /// The code of the reason of a run that waits for a person, since a task of it lost its worker.
    static let holdCode = "E3010"
    /// Whether its reason is that.
    var isHeld: Bool { reason?.hasPrefix(Self.holdCode) == true }

    package func attemptID(unit: Int) -> AttemptID {
        let task = job.tasks[job.taskIndex(ofUnit: unit)]
        return AttemptID(
            run: id,
            task: task.definition.id,
            partition: unit - task.units.lowerBound,
            number: units[unit].attempt
        )
    }

    /// Counts again what is derived from the units' states: after reading a stored record.
    package mutating func recount() {
        ready = units.indices.filter { units[$0].state == .queued }
        openUnits = units.count { !$0.state.isOver }
        liveUnits = units.count { $0.state.hasLiveAttempt }
        progress = job.tasks.map { task in
            var progress = TaskProgress(open: 0, nextWaiting: task.units.lowerBound)
            for unit in task.units {
                let state = units[unit].state
                if !state.isOver { progress.open += 1 }
                if !state.isOver, state != .waiting { progress.active += 1 }
                if state.hasLiveAttempt { progress.live += 1 }
                if task.isStopped(by: state) { progress.isStopped = true }
            }
            progress.isSettled = progress.open == 0
            return progress
        }
    }

    mutating func insertReady(_ unit: Int) {
        if let last = ready.last, last < unit {
            ready.append(unit)
        } else {
            ready.insert(unit, at: readyPosition(of: unit))
        }
    }

    mutating func removeReady(_ unit: Int) {
        let position = readyPosition(of: unit)
        if position < ready.count, ready[position] == unit { ready.remove(at: position) }
    }

    /// Where the first ready unit at or after this one is.
    func readyPosition(of unit: Int) -> Int {
        var low = 0
        var high = ready.count
        while low < high {
            let middle = (low + high) / 2
            if ready[middle] < unit { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The state of a whole task, from its partitions.
    package func taskState(_ index: Int) -> TaskState {
        let task = job.tasks[index]
        return TaskState.ofTask(
            units[task.units].lazy.map(\.state),
            minSuccess: task.definition.partitions?.minSuccess ?? 1
        )
    }

    /// The latest attempt of each unit that has had one, as far as the stored record tells: no times, no exit codes.
    package var latestAttempts: [AttemptView] {
        units.indices.filter { units[$0].attempt > 0 }.map { unit in
            let attempt = attemptID(unit: unit)
            return AttemptView(
                task: attempt.task,
                n: attempt.number,
                partition: attempt.partition,
                worker: WorkerID(number: units[unit].worker),
                state: units[unit].state.rawValue
            )
        }
    }

    package var view: RunView {
        let counts = TaskStateCounts(units[...])
        var byState: [String: Int] = [:]
        for state in TaskState.allCases where counts[state] > 0 { byState[state.rawValue] = counts[state] }
        return RunView(
            id: id,
            jobVersion: job.version,
            cause: cause,
            state: state,
            reason: reason,
            priority: priority,
            params: params.isEmpty ? nil : params,
            queuedAt: queuedAt,
            startedAt: startedAt,
            endedAt: endedAt,
            tasks: .init(total: units.count, byState: byState),
            traceID: traceID
        )
    }

    package var taskSummaries: [TaskSummary] {
        job.tasks.map { task in
            TaskSummary(
                id: task.definition.id,
                needs: task.definition.needs ?? [],
                partitions: task.definition.partitions,
                states: String(task.units.map { units[$0].state.letter })
            )
        }
    }
}

/// The order of what waits: larger priority, then earlier logical time, then older.
package struct OrderKey: Hashable, Sendable, Comparable {
    package var priority: Int
    package var logicalTime: Int64
    package var age: Int64

    package init(priority: Int, logicalTime: Int64, age: Int64) {
        self.priority = priority
        self.logicalTime = logicalTime
        self.age = age
    }

    package static func < (left: OrderKey, right: OrderKey) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        if left.logicalTime != right.logicalTime { return left.logicalTime < right.logicalTime }
        return left.age < right.age
    }
}

/// How many units are in each state.
struct TaskStateCounts {
    private var counts = [Int](repeating: 0, count: TaskState.allCases.count)

    init(_ units: ArraySlice<Unit>) {
        for unit in units { counts[Self.index(unit.state)] += 1 }
    }

    subscript(state: TaskState) -> Int { counts[Self.index(state)] }

    private static func index(_ state: TaskState) -> Int {
        switch state {
        case .waiting: 0
        case .queued: 1
        case .assigned: 2
        case .running: 3
        case .retrying: 4
        case .killing: 5
        case .succeeded: 6
        case .failed: 7
        case .killed: 8
        case .cancelled: 9
        case .skipped: 10
        }
    }
}
