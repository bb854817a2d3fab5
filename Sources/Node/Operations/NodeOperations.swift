import Coordination
import Cron
import FoundationEssentials
import Logging
import Processes
package import Scheduling
import ZnodeStore

/// What this node can be asked to do: the store for what is accepted, the mirror for lists, the leader for verdicts.
package struct NodeOperations: ClusterOperations {
    let context: NodeContext
    let layout: ZnodeLayout
    let mode: String
    let version: String
    /// Where output is that this process can read itself.
    let places: [Place]
    let zones: TimeZoneDatabase
    let time: NodeTime
    let logger: Logger
    /// What viewers of live events share.
    private let fanout: EventFanout

    /// A node of this process.
    struct Place: Sendable {
        var worker: @Sendable () -> WorkerID?
        var directory: DataDirectory
        var logSpace: LogSpace
        /// The bounds of the place where its attempts run.
        var hostFigures: @Sendable () -> [BoundFigure] = { [] }
        /// How many timers it holds; nil where it fires none.
        var heldTimers: @Sendable () -> Int? = { nil }
    }

    init(
        context: NodeContext,
        layout: ZnodeLayout,
        mode: String,
        version: String,
        places: [Place],
        zones: TimeZoneDatabase,
        time: NodeTime,
        logger: Logger
    ) {
        self.context = context
        self.layout = layout
        self.mode = mode
        self.version = version
        self.places = places
        self.zones = zones
        self.time = time
        self.logger = logger
        fanout = EventFanout(executor: time.executor)
    }

    package var worker: WorkerID? { context.current?.worker }

    /// Of all nodes of this process, which has one set of metrics.
    package var heldTimers: Int? {
        let held = places.compactMap { $0.heldTimers() }
        return held.isEmpty ? nil : held.reduce(0, +)
    }

    func current() throws(OperationError) -> NodeContext.Current {
        guard let current = context.current, current.session.state == .connected else {
            throw OperationError(
                .unavailable,
                code: "E2009",
                "this node has no contact with the store",
                hint: "try again in a moment, or ask another node"
            )
        }
        return current
    }

    func mirror() throws(OperationError) -> any MirrorStore {
        guard let mirror = context.mirror else {
            throw OperationError(.unavailable, code: "E2010", "this node has not opened the mirror yet")
        }
        return mirror
    }

    /// Does something with the store and says in the API's words what went wrong.
    func storing<Value>(
        _ body: () async throws -> Value
    ) async throws(OperationError) -> Value {
        do {
            return try await body()
        } catch let error as OperationError {
            throw error
        } catch let error as StoreError {
            throw Self.operationError(error)
        } catch let error as MirrorError where error.isInvalidRequest {
            throw OperationError(.invalid, code: "E2002", error.description)
        } catch let error as MirrorError {
            throw OperationError(.unavailable, code: "E2010", "the mirror does not answer: \(error)")
        } catch {
            logger.error("An operation failed", metadata: [LogKeys.error: "\(error)"])
            throw OperationError(
                .unavailable,
                code: "E2009",
                "the store holds something unexpected; see this node's log"
            )
        }
    }

    static func operationError(_ error: StoreError) -> OperationError {
        if error.isOutcomeUnknown {
            return OperationError(
                .unknownOutcome,
                code: "E2011",
                "the connection broke before the answer came",
                hint: "ask again with the same request id: what was done is not done twice"
            )
        }
        return switch error.code {
        case .throttled:
            OperationError(.saturated, code: "E2007", "this node has too many requests under way")
        case .tooLarge:
            OperationError(.tooLarge, code: "E2006", error.message ?? "the request is too large")
        default:
            OperationError(.unavailable, code: "E2009", "the store does not take the request: \(error.code)")
        }
    }

    // MARK: Cluster

    package func workers() async throws(OperationError) -> [WorkerView] {
        let current = try current()
        return try await storing {
            let census = WorkerCensus(session: current.session, layout: layout)
            let master = try await leaderRecord(current.session)
            var views: [WorkerView] = []
            for (id, found) in try await census.registrations().sorted(by: { $0.key < $1.key }) {
                views.append(
                    try await view(id, found.registration, isLeader: master?.worker == id, current.session)
                )
            }
            return views
        }
    }

    private func view(
        _ id: WorkerID,
        _ registration: WorkerRegistration,
        isLeader: Bool,
        _ session: any ZnodeSession
    ) async throws -> WorkerView {
        let resources: ResourceReport? = try await optional(session, layout.resources(id))
        let jobs = try await session.exists(layout.jobs(of: id))?.childCount ?? 0
        var view = WorkerView(
            id: id,
            state: registration.isDraining ? "draining" : "ready",
            address: registration.address,
            version: registration.version,
            tzdata: registration.tzdata,
            pool: registration.pool,
            labels: registration.labels,
            startedAt: registration.startedAt,
            slots: registration.slots,
            running: resources?.running ?? 0,
            jobs: Int(jobs),
            cpuCount: registration.cpuCount,
            isLeader: isLeader
        )
        view.cpuLoad = resources?.cpuLoad
        view.loadAverage = resources?.loadAverage
        view.memoryTotalBytes = resources?.memoryTotalBytes
        view.memoryFreeBytes = resources?.memoryFreeBytes
        view.diskTotalBytes = resources?.diskTotalBytes
        view.diskFreeBytes = resources?.diskFreeBytes
        return view
    }

    /// A record, or `nil` where its znode is missing.
    func optional<Record: Decodable>(_ session: any ZnodeSession, _ path: ZnodePath) async throws -> Record? {
        do {
            return try RecordCoding.decode(Record.self, from: try await session.get(path).data, path: path)
        } catch let error as StoreError where error.code == .noNode {
            return nil
        }
    }

    func leaderRecord(_ session: any ZnodeSession) async throws -> MasterRecord? {
        try await optional(session, layout.master)
    }

    package func cluster() async throws(OperationError) -> ClusterView {
        let current = try current()
        return try await storing {
            let master = try await leaderRecord(current.session)
            let term: TermRecord? = try await optional(current.session, layout.term)
            let beat = try await current.session.get(layout.clusterStatus)
            let status =
                beat.data.isEmpty
                ? nil
                : try RecordCoding.decode(
                    ClusterStatusRecord.self,
                    from: beat.data,
                    path: layout.clusterStatus
                )
            let workers = try await current.session.children(layout.workers)
            let queue = try await current.session.exists(layout.jobQueue)
            return ClusterView(
                id: context.clusterID ?? "",
                mode: mode,
                isPaused: context.configuration.isPaused,
                pauseReason: context.configuration.pauseReason,
                leader: master?.worker,
                leaderAddress: master?.address,
                term: term?.term,
                workers: workers.count,
                queued: Int(queue?.childCount ?? 0),
                oldestQueuedAt: status?.oldestQueuedAt,
                isSafeMode: status?.isSafeMode ?? false,
                incidents: term?.incidents ?? 0,
                mirror: await context.mirror?.health() ?? "ok",
                version: version
            )
        }
    }

    package func setPaused(_ isPaused: Bool, reason: String?) async throws(OperationError) {
        try await configure { configuration in
            configuration.isPaused = isPaused
            configuration.pauseReason = isPaused ? reason : nil
        }
    }

    package func giveUpAbsent(reason: String?) async throws(OperationError) {
        let current = try current()
        let absent = try await storing {
            let known = try await current.session.children(layout.assign).compactMap { WorkerID($0) }
            let present = Set(try await current.session.children(layout.workers))
            return known.filter { !present.contains($0.description) }
        }
        try await configure { configuration in configuration.givenUp = absent.sorted() }
        logger.warning(
            "Absent workers are given up on request",
            metadata: [LogKeys.count: "\(absent.count)", LogKeys.reason: "\(reason ?? "none given")"]
        )
    }

    package func setMaximumQueueLength(_ length: Int) async throws(OperationError) {
        try await configure { $0.maximumQueueLength = length }
    }

    package func setDraining(_ worker: WorkerID, _ isDraining: Bool) async throws(OperationError) {
        let current = try current()
        let stat = try await storing { try await current.session.exists(layout.worker(worker)) }
        guard stat != nil else {
            throw OperationError(.notFound, code: "E2003", "there is no worker \(worker)")
        }
        try await configure { configuration in
            configuration.draining.removeAll { $0 == worker }
            if isDraining { configuration.draining.append(worker) }
        }
    }

    private func configure(
        _ change: @Sendable (inout ClusterConfiguration) -> Void
    ) async throws(OperationError) {
        let current = try current()
        try await storing {
            while true {
                let znode = try await current.session.get(layout.configs)
                var configuration = try RecordCoding.decode(
                    ClusterConfiguration.self,
                    from: znode.data,
                    path: layout.configs
                )
                change(&configuration)
                do {
                    _ = try await current.session.set(
                        layout.configs,
                        data: RecordCoding.encode(configuration),
                        version: znode.stat.version
                    )
                    return
                } catch let error as StoreError where error.code == .badVersion {
                    continue
                }
            }
        }
    }

    package func missingForReady() async -> [String] {
        guard let current = context.current, current.session.state == .connected else {
            return ["no contact with the store"]
        }
        var missing: [String] = []
        if context.isDraining { missing.append("draining") }
        do {
            if try await leaderRecord(current.session) == nil { missing.append("no leader is known") }
        } catch {
            missing.append("no contact with the store")
        }
        return missing
    }

    package func events(after id: String?) async -> AsyncStream<MirrorEvent> {
        guard let mirror = context.mirror else { return AsyncStream { $0.finish() } }
        // Who resumes reads on from there alone; who looks at what comes shares one subscription with the others.
        guard id == nil else { return mirror.events(after: id) }
        return fanout.events { mirror.events(after: nil) }
    }
}
