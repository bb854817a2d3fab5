package import Cron
package import Scheduling

/// Why an operation was refused or could not be done. Maps one to one to a problem+json answer.
package struct OperationError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// 422: what the request asks for cannot be.
        case invalid
        /// 404
        case notFound
        /// 409: the name is taken, or the state does not allow it.
        case conflict
        /// 412: not the version that the request named.
        case staleVersion
        /// 413
        case tooLarge
        /// 429, with Retry-After: a bound is reached; nothing was stored.
        case saturated
        /// 503: no leader, no contact with the store, mirror down …
        case unavailable
        /// 504: the outcome is not known (yet); asking again with the same request id is safe.
        case unknownOutcome
    }

    package var kind: Kind
    /// A code of the error catalogue, such as `E2012`.
    package var code: String
    package var message: String
    package var hint: String?

    package init(_ kind: Kind, code: String, _ message: String, hint: String? = nil) {
        self.kind = kind
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(code) \(message)" }
}

/// What a person may ask of a run.
package enum RunAction: String, Hashable, Sendable, Codable, CaseIterable {
    /// TERM, grace, KILL; ends `cancelled`.
    case cancel
    /// KILL at once; ends `killed`.
    case kill
    /// No new attempts start; what runs goes on.
    case pause
    case resume
}

/// A worker as the API shows it.
package struct WorkerView: Hashable, Sendable, Codable {
    package var id: WorkerID
    /// `ready` or `draining`.
    package var state: String
    package var address: String
    package var version: String
    package var tzdata: String
    package var pool: String
    package var labels: [String: String]
    package var startedAt: WallTime
    package var slots: Int
    package var running: Int
    /// Jobs whose timers this worker owns.
    package var jobs: Int
    package var cpuCount: Int
    /// Share of all cores in use, 0...1.
    package var cpuLoad: Double?
    package var loadAverage: Double?
    package var memoryTotalBytes: Int64?
    package var memoryFreeBytes: Int64?
    package var diskTotalBytes: Int64?
    package var diskFreeBytes: Int64?
    package var isLeader: Bool

    enum CodingKeys: String, CodingKey {
        case id, state, address, version, tzdata, pool, labels, slots, running, jobs
        case startedAt = "started_at"
        case cpuCount = "cpu_count"
        case cpuLoad = "cpu_load"
        case loadAverage = "load_average"
        case memoryTotalBytes = "memory_total_bytes"
        case memoryFreeBytes = "memory_free_bytes"
        case diskTotalBytes = "disk_total_bytes"
        case diskFreeBytes = "disk_free_bytes"
        case isLeader = "is_leader"
    }

    package init(
        id: WorkerID,
        state: String,
        address: String,
        version: String,
        tzdata: String,
        pool: String,
        labels: [String: String],
        startedAt: WallTime,
        slots: Int,
        running: Int,
        jobs: Int,
        cpuCount: Int,
        isLeader: Bool
    ) {
        self.id = id
        self.state = state
        self.address = address
        self.version = version
        self.tzdata = tzdata
        self.pool = pool
        self.labels = labels
        self.startedAt = startedAt
        self.slots = slots
        self.running = running
        self.jobs = jobs
        self.cpuCount = cpuCount
        self.isLeader = isLeader
    }
}

/// The cluster as the API shows it.
package struct ClusterView: Hashable, Sendable, Codable {
    package var id: String
    /// `solo` or `cluster`.
    package var mode: String
    package var isPaused: Bool
    /// Why, as whoever paused it has said.
    package var pauseReason: String?
    package var leader: WorkerID?
    package var leaderAddress: String?
    package var term: Int?
    package var workers: Int
    /// Entries in the queue that wait for admission.
    package var queued: Int
    package var oldestQueuedAt: WallTime?
    /// Whether fewer than half of the known workers are present, so that nothing of the others is taken over.
    package var isSafeMode: Bool
    /// Results refused, in this term and those before, because their attempt had been taken over before they came.
    package var incidents: Int
    /// `ok`, or what is wrong with the mirror.
    package var mirror: String
    package var version: String

    enum CodingKeys: String, CodingKey {
        case id, mode, leader, term, workers, queued, incidents, mirror, version
        case isPaused = "is_paused"
        case pauseReason = "pause_reason"
        case isSafeMode = "is_safe_mode"
        case leaderAddress = "leader_address"
        case oldestQueuedAt = "oldest_queued_at"
    }

    package init(
        id: String,
        mode: String,
        isPaused: Bool,
        pauseReason: String? = nil,
        leader: WorkerID?,
        leaderAddress: String?,
        term: Int?,
        workers: Int,
        queued: Int,
        oldestQueuedAt: WallTime?,
        isSafeMode: Bool = false,
        incidents: Int = 0,
        mirror: String,
        version: String
    ) {
        self.id = id
        self.mode = mode
        self.isPaused = isPaused
        self.pauseReason = pauseReason
        self.leader = leader
        self.leaderAddress = leaderAddress
        self.term = term
        self.workers = workers
        self.queued = queued
        self.oldestQueuedAt = oldestQueuedAt
        self.isSafeMode = isSafeMode
        self.incidents = incidents
        self.mirror = mirror
        self.version = version
    }
}

/// What a manual run asks for.
package struct RunRequest: Hashable, Sendable {
    package var job: JobName
    package var params: [String: String]
    /// The logical time; default: now.
    package var at: UnixTime?
    /// The client's key; the same key gives the same run.
    package var requestID: String?
    /// Whether jobs that come `after` this one are started by its success. Default true.
    package var triggersDownstream: Bool
    /// Whether `after` of the job itself is waited for. Default false for manual runs.
    package var waitsForUpstreams: Bool
    /// The trace that the run belongs to, 32 hexadecimal digits. Default: a new one.
    package var traceID: String?

    package init(
        job: JobName,
        params: [String: String] = [:],
        at: UnixTime? = nil,
        requestID: String? = nil,
        triggersDownstream: Bool = true,
        waitsForUpstreams: Bool = false,
        traceID: String? = nil
    ) {
        self.job = job
        self.params = params
        self.at = at
        self.requestID = requestID
        self.triggersDownstream = triggersDownstream
        self.waitsForUpstreams = waitsForUpstreams
        self.traceID = traceID
    }
}

/// One due time in the future.
package struct UpcomingRun: Hashable, Sendable, Codable {
    package var job: JobName
    package var at: WallTime
    package var worker: WorkerID?

    package init(job: JobName, at: WallTime, worker: WorkerID?) {
        self.job = job
        self.at = at
        self.worker = worker
    }
}

/// Where the log of an attempt is.
package enum LogLocation: Sendable {
    /// On this machine's disk: the directory of the attempt's log.
    case here(directory: String)
    /// On another node, at this `HOST:PORT`.
    case node(WorkerID, address: String)
}

/// Requests that one node passes on to another.
package enum ForwardedRequest {
    /// The header that names the node which passed a request on. Such a request is never passed on again.
    package static let header = "skyfire-forwarded-by"
}

/// What any node can be asked to do, behind the HTTP API. All methods throw `OperationError`.
///
/// Conformers: `NodeOperations`, and the recorded one of the API's tests.
package protocol ClusterOperations: Sendable {
    /// This node's id, once registered.
    var worker: WorkerID? { get }
    /// How many jobs of the nodes of this process are due and held back; nil while they fire none.
    var heldTimers: Int? { get }

    /// Creates a job. `conflict` where the name is taken.
    func createJob(_ definition: JobDefinition) async throws(OperationError) -> JobView
    /// Replaces a job's definition, at `ifVersion` where given; creates it where it is missing and `ifVersion` is nil.
    func replaceJob(
        _ definition: JobDefinition,
        ifVersion: Int?
    ) async throws(OperationError) -> (JobView, isNew: Bool)
    func deleteJob(_ name: JobName, ifVersion: Int?) async throws(OperationError)
    /// From the store itself: what was accepted can be read on every node at once.
    func job(_ name: JobName) async throws(OperationError) -> JobView
    func jobs(prefix: String?, cursor: String?, limit: Int) async throws(OperationError) -> Page<JobView>

    /// Queues a run; `isNew` is false where an earlier request with the same id did.
    func createRun(_ request: RunRequest) async throws(OperationError) -> (RunView, isNew: Bool)
    /// From the mirror, and from the store where the mirror does not have it (yet).
    func run(_ id: RunID) async throws(OperationError) -> MirroredRun
    func attempts(of run: RunID) async throws(OperationError) -> [AttemptView]
    func runs(_ query: RunQuery) async throws(OperationError) -> Page<RunView>
    /// Asks the leader; returns its verdict in words.
    func act(_ action: RunAction, on run: RunID, reason: String?) async throws(OperationError) -> RunView
    /// Queues a repeated run of one that is over. `onlyFailed` carries over what succeeded.
    ///
    /// The same `requestID` for the same run gives the same repetition, and `isNew` is false.
    func repeatRun(
        _ id: RunID,
        onlyFailed: Bool,
        requestID: String?,
        traceID: String?
    ) async throws(OperationError) -> (RunView, isNew: Bool)
    /// Asks the leader, on its own node where need be; a request that was passed on already is answered here or not
    /// at all.
    func explain(_ run: RunID, task: TaskID?, isForwarded: Bool) async throws(OperationError) -> Explanation
    func logLocation(
        run: RunID,
        task: TaskID,
        partition: Int,
        attempt: Int
    ) async throws(OperationError) -> LogLocation

    func workers() async throws(OperationError) -> [WorkerView]
    func setDraining(_ worker: WorkerID, _ isDraining: Bool) async throws(OperationError)
    func cluster() async throws(OperationError) -> ClusterView
    func setPaused(_ isPaused: Bool, reason: String?) async throws(OperationError)
    /// How many runs the queue takes before timers hold back and `createRun` is refused.
    func setMaximumQueueLength(_ length: Int) async throws(OperationError)
    /// Declares the workers that are not there gone for good, so that the rest takes everything of theirs over.
    func giveUpAbsent(reason: String?) async throws(OperationError)
    /// Due times of all jobs in a span, soonest first, `limit` at most.
    func upcoming(from: WallTime, through: WallTime, limit: Int) async throws(OperationError) -> [UpcomingRun]
    func events(after id: String?) async -> AsyncStream<MirrorEvent>
    /// How near this node, and the cluster as far as it sees it, are to their bounds. What cannot be read is left out.
    func bounds() async -> [BoundFigure]
    /// What is missing to be ready; empty when ready.
    func missingForReady() async -> [String]
}
