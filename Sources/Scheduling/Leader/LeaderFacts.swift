package import Cron

/// A due run that waits for admission: the content of `queue/job/<run>`.
package struct QueueEntry: Hashable, Sendable, Codable {
    package var run: RunID
    /// The job's version when it was fired; the version at admission is what runs.
    package var jobVersion: Int
    package var cause: RunCause
    package var priority: Int
    package var params: [String: String]
    package var queuedAt: WallTime
    package var traceID: String
    package var triggersDownstream: Bool
    package var waitsForUpstreams: Bool
    /// For a repeated run: the tasks that count as succeeded, with their outputs.
    package var carried: [TaskID: [String: String]]?
    /// Why the run is to become a record in state `skipped` and never to start: a missed fire time.
    package var suppression: String?
    /// The znode's creation transaction: the age. Not part of the content.
    package var age: Int64 = 0

    package init(
        run: RunID,
        jobVersion: Int,
        cause: RunCause,
        priority: Int,
        params: [String: String] = [:],
        queuedAt: WallTime,
        traceID: String,
        triggersDownstream: Bool = true,
        waitsForUpstreams: Bool = true,
        carried: [TaskID: [String: String]]? = nil,
        suppression: String? = nil
    ) {
        self.run = run
        self.jobVersion = jobVersion
        self.cause = cause
        self.priority = priority
        self.params = params
        self.queuedAt = queuedAt
        self.traceID = traceID
        self.triggersDownstream = triggersDownstream
        self.waitsForUpstreams = waitsForUpstreams
        self.carried = carried
        self.suppression = suppression
    }

    enum CodingKeys: String, CodingKey {
        case run, cause, priority, params, carried, suppression
        case jobVersion = "job_version"
        case queuedAt = "queued_at"
        case traceID = "trace_id"
        case triggersDownstream = "triggers_downstream"
        case waitsForUpstreams = "waits_for_upstreams"
    }
}

/// What a worker said about an attempt: one znode in `status`.
package struct Report: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case started
        case ended(AttemptOutcome)
        /// A result that its worker could not hand in, because the attempt had been taken over. Not certain where it may
        /// have been handed in after all and only the answer was lost.
        case late(AttemptOutcome, isCertain: Bool)
    }

    package var attempt: AttemptID
    package var event: Event
    package var startedAt: WallTime?
    package var endedAt: WallTime?
    package var exitCode: Int?
    package var signal: Int?
    package var reason: String?
    package var outputs: [String: String]
    /// Who reports; known of late results.
    package var worker: WorkerID?
    /// Of an end: what it was assigned as. The assignment is gone with it, and a new term knows it from nowhere else.
    package var stamp: AssignmentStamp?
    /// Where the znode is, so that its consumption can delete it.
    package var bucket: Int
    package var znodeName: String

    package init(
        attempt: AttemptID,
        event: Event,
        startedAt: WallTime? = nil,
        endedAt: WallTime? = nil,
        exitCode: Int? = nil,
        signal: Int? = nil,
        reason: String? = nil,
        outputs: [String: String] = [:],
        bucket: Int,
        znodeName: String
    ) {
        self.attempt = attempt
        self.event = event
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.exitCode = exitCode
        self.signal = signal
        self.reason = reason
        self.outputs = outputs
        self.bucket = bucket
        self.znodeName = znodeName
    }
}

/// A node's registration: the content of `workers/worker-N`.
package struct WorkerRegistration: Hashable, Sendable, Codable {
    /// One life of the process under this id; drawn at its start.
    package var incarnation: String
    package var address: String
    package var startedAt: WallTime
    package var version: String
    package var tzdata: String
    package var pool: String
    package var labels: [String: String]
    package var slots: Int
    package var cpuCount: Int
    package var memoryBytes: Int64
    /// The timeout that its session has negotiated, in milliseconds.
    package var sessionTimeoutMilliseconds: Int64
    package var isDraining: Bool
    /// Whether attempts and jobs may be placed here at all.
    package var takesWork: Bool

    package init(
        incarnation: String,
        address: String,
        startedAt: WallTime,
        version: String,
        tzdata: String,
        pool: String,
        labels: [String: String],
        slots: Int,
        cpuCount: Int,
        memoryBytes: Int64,
        sessionTimeoutMilliseconds: Int64 = 10_000,
        isDraining: Bool,
        takesWork: Bool
    ) {
        self.incarnation = incarnation
        self.address = address
        self.startedAt = startedAt
        self.version = version
        self.tzdata = tzdata
        self.pool = pool
        self.labels = labels
        self.slots = slots
        self.cpuCount = cpuCount
        self.memoryBytes = memoryBytes
        self.sessionTimeoutMilliseconds = sessionTimeoutMilliseconds
        self.isDraining = isDraining
        self.takesWork = takesWork
    }

    enum CodingKeys: String, CodingKey {
        case incarnation, address, version, tzdata, pool, labels, slots
        case startedAt = "started_at"
        case cpuCount = "cpu_count"
        case memoryBytes = "memory_bytes"
        case sessionTimeoutMilliseconds = "session_timeout_ms"
        case isDraining = "is_draining"
        case takesWork = "takes_work"
    }
}

/// What a node measured of itself: the content of `resources/worker-N`.
package struct ResourceReport: Hashable, Sendable, Codable {
    /// Share of all cores in use, 0...1.
    package var cpuLoad: Double
    package var loadAverage: Double
    package var memoryTotalBytes: Int64
    package var memoryFreeBytes: Int64
    package var diskTotalBytes: Int64
    package var diskFreeBytes: Int64
    package var running: Int
    /// Grows by one with each report.
    package var beat: Int

    package init(
        cpuLoad: Double,
        loadAverage: Double,
        memoryTotalBytes: Int64,
        memoryFreeBytes: Int64,
        diskTotalBytes: Int64,
        diskFreeBytes: Int64,
        running: Int,
        beat: Int
    ) {
        self.cpuLoad = cpuLoad
        self.loadAverage = loadAverage
        self.memoryTotalBytes = memoryTotalBytes
        self.memoryFreeBytes = memoryFreeBytes
        self.diskTotalBytes = diskTotalBytes
        self.diskFreeBytes = diskFreeBytes
        self.running = running
        self.beat = beat
    }

    enum CodingKeys: String, CodingKey {
        case running, beat
        case cpuLoad = "cpu_load"
        case loadAverage = "load_average"
        case memoryTotalBytes = "memory_total_bytes"
        case memoryFreeBytes = "memory_free_bytes"
        case diskTotalBytes = "disk_total_bytes"
        case diskFreeBytes = "disk_free_bytes"
    }
}

/// A job as the leader needs it: who owns it, and what it says.
package struct KnownJob: Sendable {
    package var owner: WorkerID
    package var job: CompiledJob
    package var createdAt: WallTime
    package var storedAt: WallTime
    /// Drawn by the request that claimed the name.
    package var creationID: String
    /// The transaction that claimed the name. What was queued before it was queued for a job of that name that is gone.
    package var age: Int64
    /// Up to which logical time a schedule that it once had has fired; read of jobs that only come after others.
    package var firedThrough: UnixTime?

    package init(
        owner: WorkerID,
        job: CompiledJob,
        createdAt: WallTime,
        storedAt: WallTime,
        creationID: String,
        age: Int64 = 0,
        firedThrough: UnixTime? = nil
    ) {
        self.owner = owner
        self.job = job
        self.createdAt = createdAt
        self.storedAt = storedAt
        self.creationID = creationID
        self.age = age
        self.firedThrough = firedThrough
    }

    package var stored: StoredJob {
        StoredJob(
            version: job.version,
            createdAt: createdAt,
            storedAt: storedAt,
            definition: job.definition
        )
    }

    package var view: JobView {
        JobView(
            name: job.definition.name,
            version: job.version,
            worker: owner,
            createdAt: createdAt,
            definition: job.definition
        )
    }
}

/// A job's definition as it is stored: the content of `jobs/worker-N/<job>@<v>`.
package struct StoredJob: Hashable, Sendable, Codable {
    package var version: Int
    /// When the job was created: differs when a name is used again.
    package var createdAt: WallTime
    /// When this version was stored; `every` without `from` is anchored here.
    package var storedAt: WallTime
    package var definition: JobDefinition

    package init(version: Int, createdAt: WallTime, storedAt: WallTime, definition: JobDefinition) {
        self.version = version
        self.createdAt = createdAt
        self.storedAt = storedAt
        self.definition = definition
    }

    enum CodingKeys: String, CodingKey {
        case version, definition
        case createdAt = "created_at"
        case storedAt = "stored_at"
    }
}

/// How far a job has fired: the content of `fired/<job>`. Outlives the job, so that a name used again goes on counting.
package struct FiredRecord: Hashable, Sendable, Codable {
    /// The most request ids kept.
    package static let maximumRequests = 64

    /// All due times up to here are dealt with.
    package var mark: UnixTime
    /// Manual runs so far.
    package var manual: Int
    /// Repeated runs so far.
    package var repeated: Int
    /// Recent request ids with the run that each got.
    package var requests: [String: RunID]
    /// The order of `requests`, oldest first.
    package var requestOrder: [String]

    package init(mark: UnixTime, manual: Int = 0, repeated: Int = 0) {
        self.mark = mark
        self.manual = manual
        self.repeated = repeated
        requests = [:]
        requestOrder = []
    }

    /// Remembers which run a request got.
    package mutating func remember(_ request: String, _ run: RunID) {
        requests[request] = run
        requestOrder.append(request)
        if requestOrder.count > Self.maximumRequests { requests[requestOrder.removeFirst()] = nil }
    }

    enum CodingKeys: String, CodingKey {
        case mark, manual, repeated, requests
        case requestOrder = "request_order"
    }
}

/// How runs of a job ended, for the jobs that come after it: the content of `outcomes/<job>`. Outlives the job.
package struct OutcomeRecord: Hashable, Sendable, Codable {
    /// The most logical times kept.
    package static let maximumCount = 256
    /// The most that they take as they are stored.
    package static let maximumBytes = maximumCount * 30

    /// Ends by logical time (seconds since 1970, as text): the newest, and the one recorded last.
    package private(set) var ends: [String: RunState]
    /// Those of `ends` at which only manual and repeated runs have ended, not the run of that time itself.
    private var onRequest: Set<String> = []
    /// The version at which a job of this name was deleted last; `nil` where none was. No version of a name is given twice:
    /// whoever knows a definition by its name and version knows which one it is.
    package var deletedVersion: Int?

    package init() {
        ends = [:]
    }

    package func end(at time: UnixTime) -> RunState? { ends[String(time.seconds)] }

    /// Whether the run of this time has ended: not one that somebody asked for in the same second.
    package func hasEnded(at time: UnixTime) -> Bool {
        let key = String(time.seconds)
        return ends[key] != nil && !onRequest.contains(key)
    }

    /// Records an end. A success is never taken back by a later repeat that failed.
    package mutating func record(_ state: RunState, of run: RunID) {
        let key = String(run.logicalTime.seconds)
        if run.suffix.isEmpty {
            onRequest.remove(key)
        } else if ends[key] == nil {
            onRequest.insert(key)
        }
        if ends[key] != .succeeded { ends[key] = state }
        // What waits for this one is still to see it, however old it is.
        if ends.count > Self.maximumCount,
            let oldest = ends.keys.lazy.filter({ $0 != key }).compactMap({ Int64($0) }).min()
        {
            ends[String(oldest)] = nil
            onRequest.remove(String(oldest))
        }
    }
}

extension OutcomeRecord {
    private enum CodingKeys: String, CodingKey {
        case ends
        case deletedVersion = "deleted_version"
    }

    /// Follows the state of what ended on request alone, as `.m` follows the time in the ids of such runs.
    private static let requestMark = ".m"

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        deletedVersion = try container.decodeIfPresent(Int.self, forKey: .deletedVersion)
        for (time, text) in try container.decode([String: String].self, forKey: .ends) {
            let isOnRequest = text.hasSuffix(Self.requestMark)
            guard
                let state = RunState(
                    rawValue: isOnRequest ? String(text.dropLast(Self.requestMark.count)) : text
                )
            else {
                throw DecodingError.dataCorruptedError(
                    forKey: .ends,
                    in: container,
                    debugDescription: "not how a run ends: \(text)"
                )
            }
            ends[time] = state
            if isOnRequest { onRequest.insert(time) }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(deletedVersion, forKey: .deletedVersion)
        var texts = ends.mapValues(\.rawValue)
        for time in onRequest { texts[time]? += Self.requestMark }
        try container.encode(texts, forKey: .ends)
    }
}

/// What a person asks of the leader: the content of `queue/command/<request>` until it holds the verdict.
package struct CommandRequest: Hashable, Sendable, Codable {
    package enum Kind: Hashable, Sendable, Codable {
        case cancel(RunID)
        case kill(RunID)
        case pause(RunID)
        case resume(RunID)
        /// Deletes a job, at this version where given; refused while other jobs come after it, and where the name is another
        /// job's by now than the one with this creation id, whose request this was.
        case deleteJob(JobName, ifVersion: Int?, creationID: String? = nil)
        /// Replaces the definition of a job that has dependencies; refused like a deletion where the name is another job's.
        case replaceJob(JobDefinition, ifVersion: Int?, creationID: String? = nil)
        /// Takes a new job that comes after others into the graph. From the verdict on no end of theirs is missed.
        case learnJob(JobName)
    }

    package var id: String
    package var kind: Kind
    package var reason: String?
    package var at: WallTime

    package init(id: String, kind: Kind, reason: String?, at: WallTime) {
        self.id = id
        self.kind = kind
        self.reason = reason
        self.at = at
    }
}

/// What the leader answered to a command.
package struct Verdict: Hashable, Sendable, Codable {
    package var isAccepted: Bool
    /// A code of the catalogue where it was refused.
    package var code: String?
    package var message: String

    package init(isAccepted: Bool, code: String? = nil, message: String) {
        self.isAccepted = isAccepted
        self.code = code
        self.message = message
    }

    enum CodingKeys: String, CodingKey {
        case code, message
        case isAccepted = "is_accepted"
    }
}
