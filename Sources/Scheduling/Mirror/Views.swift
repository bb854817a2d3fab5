import Cron

/// A run as the API shows it and the mirror holds it.
package struct RunView: Hashable, Sendable, Codable {
    package var id: RunID
    package var job: JobName
    package var jobVersion: Int
    package var logicalTime: WallTime
    package var cause: RunCause
    package var state: RunState
    package var reason: String?
    package var priority: Int
    package var params: [String: String]?
    package var queuedAt: WallTime
    package var startedAt: WallTime?
    package var endedAt: WallTime?
    package var tasks: TaskCounts
    package var traceID: String

    /// How many tasks (partitions counted each) stand where.
    package struct TaskCounts: Hashable, Sendable, Codable {
        package var total: Int
        package var byState: [String: Int]

        package init(total: Int, byState: [String: Int]) {
            self.total = total
            self.byState = byState
        }

        enum CodingKeys: String, CodingKey {
            case total
            case byState = "by_state"
        }
    }

    enum CodingKeys: String, CodingKey {
        case id, job, cause, state, reason, priority, params, tasks
        case jobVersion = "job_version"
        case logicalTime = "logical_time"
        case queuedAt = "queued_at"
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case traceID = "trace_id"
    }

    package init(
        id: RunID,
        jobVersion: Int,
        cause: RunCause,
        state: RunState,
        reason: String? = nil,
        priority: Int,
        params: [String: String]? = nil,
        queuedAt: WallTime,
        startedAt: WallTime? = nil,
        endedAt: WallTime? = nil,
        tasks: TaskCounts,
        traceID: String
    ) {
        self.id = id
        self.job = id.job
        self.jobVersion = jobVersion
        self.logicalTime = WallTime(id.logicalTime)
        self.cause = cause
        self.state = state
        self.reason = reason
        self.priority = priority
        self.params = params
        self.queuedAt = queuedAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.tasks = tasks
        self.traceID = traceID
    }
}

/// A task of a run in compact form: one letter of `TaskState` for each partition.
package struct TaskSummary: Hashable, Sendable, Codable {
    package var id: TaskID
    package var needs: [TaskID]
    package var partitions: TaskDefinition.Partitions?
    package var states: String

    package init(id: TaskID, needs: [TaskID], partitions: TaskDefinition.Partitions?, states: String) {
        self.id = id
        self.needs = needs
        self.partitions = partitions
        self.states = states
    }
}

/// One attempt as the API shows it and the mirror holds it.
package struct AttemptView: Hashable, Sendable, Codable {
    package var task: TaskID
    package var n: Int
    package var partition: Int
    package var worker: WorkerID
    /// `assigned`, `running`, or one of `AttemptOutcome`.
    package var state: String
    package var exitCode: Int?
    package var signal: Int?
    package var reason: String?
    /// What it handed on, where it succeeded.
    package var outputs: [String: String]?
    /// Decimal czxid of the assignment; a string, since JSON numbers lose digits. Known once it has started.
    package var fencingToken: String?
    package var assignedAt: WallTime?
    package var startedAt: WallTime?
    package var endedAt: WallTime?

    enum CodingKeys: String, CodingKey {
        case task, n, partition, worker, state, signal, reason, outputs
        case exitCode = "exit_code"
        case fencingToken = "fencing_token"
        case assignedAt = "assigned_at"
        case startedAt = "started_at"
        case endedAt = "ended_at"
    }

    package init(
        task: TaskID,
        n: Int,
        partition: Int,
        worker: WorkerID,
        state: String,
        exitCode: Int? = nil,
        signal: Int? = nil,
        reason: String? = nil,
        outputs: [String: String]? = nil,
        fencingToken: String? = nil,
        assignedAt: WallTime? = nil,
        startedAt: WallTime? = nil,
        endedAt: WallTime? = nil
    ) {
        self.task = task
        self.n = n
        self.partition = partition
        self.worker = worker
        self.state = state
        self.exitCode = exitCode
        self.signal = signal
        self.reason = reason
        self.outputs = outputs
        self.fencingToken = fencingToken
        self.assignedAt = assignedAt
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}

/// A job as the API lists it and the mirror holds it.
package struct JobView: Hashable, Sendable, Codable {
    package var name: JobName
    package var version: Int
    /// The worker whose timers fire it.
    package var worker: WorkerID
    package var createdAt: WallTime
    /// When this version was stored: where `every` without `from` is anchored.
    package var storedAt: WallTime
    package var definition: JobDefinition

    enum CodingKeys: String, CodingKey {
        case name, version, worker, definition
        case createdAt = "created_at"
        case storedAt = "stored_at"
    }

    /// `storedAt` is `createdAt` unless it is given: the first version of a job.
    package init(
        name: JobName,
        version: Int,
        worker: WorkerID,
        createdAt: WallTime,
        storedAt: WallTime? = nil,
        definition: JobDefinition
    ) {
        self.name = name
        self.version = version
        self.worker = worker
        self.createdAt = createdAt
        self.storedAt = storedAt ?? createdAt
        self.definition = definition
    }
}
