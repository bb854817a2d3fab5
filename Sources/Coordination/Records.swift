package import Scheduling

/// The content of `/root` itself: which cluster this is.
package struct ClusterRecord: Hashable, Sendable, Codable {
    package var clusterID: String
    package var layoutVersion: Int

    package init(clusterID: String, layoutVersion: Int) {
        self.clusterID = clusterID
        self.layoutVersion = layoutVersion
    }

    enum CodingKeys: String, CodingKey {
        case clusterID = "cluster_id"
        case layoutVersion = "layout_version"
    }
}

/// The content of `term`: whose reign it is and how many commits it has made.
package struct TermRecord: Hashable, Sendable, Codable {
    package var term: Int
    /// `nil` before the first leader.
    package var worker: WorkerID?
    package var commit: Int
    /// Results refused because their attempt had been taken over, in all terms. Counted by the commit that takes them in.
    package var incidents: Int

    package init(term: Int, worker: WorkerID?, commit: Int, incidents: Int) {
        self.term = term
        self.worker = worker
        self.commit = commit
        self.incidents = incidents
    }
}

/// The content of `master`.
package struct MasterRecord: Hashable, Sendable, Codable {
    package var worker: WorkerID
    package var address: String
    package var incarnation: String

    package init(worker: WorkerID, address: String, incarnation: String) {
        self.worker = worker
        self.address = address
        self.incarnation = incarnation
    }
}

/// The content of `jobname/<job>`.
package struct JobNameRecord: Hashable, Sendable, Codable {
    package var owner: WorkerID
    package var version: Int
    package var createdAt: WallTime
    /// Drawn by the request that claimed the name: tells a repeated request from another one.
    package var creationID: String

    package init(owner: WorkerID, version: Int, createdAt: WallTime, creationID: String) {
        self.owner = owner
        self.version = version
        self.createdAt = createdAt
        self.creationID = creationID
    }

    enum CodingKeys: String, CodingKey {
        case owner, version
        case createdAt = "created_at"
        case creationID = "creation_id"
    }
}

/// The content of `assign/worker-N/<attempt>` once it has started.
package struct StartRecord: Hashable, Sendable, Codable {
    package var incarnation: String
    package var startedAt: WallTime
    /// The life of what runs the worker's attempts.
    package var host: String

    package init(incarnation: String, startedAt: WallTime, host: String) {
        self.incarnation = incarnation
        self.startedAt = startedAt
        self.host = host
    }

    enum CodingKeys: String, CodingKey {
        case incarnation, host
        case startedAt = "started_at"
    }
}

/// The content of `configs`: settings of the whole cluster, applied without a restart.
package struct ClusterConfiguration: Hashable, Sendable, Codable {
    /// Nothing is fired or placed while true; what runs goes on.
    package var isPaused = false
    package var pauseReason: String?
    /// Workers that are to take no new work.
    package var draining: [WorkerID] = []
    /// Workers that a person has declared gone for good, until they come back: they do not count for safe mode.
    package var givenUp: [WorkerID] = []
    /// The most entries in the queue before timers hold back and the API answers 429.
    package var maximumQueueLength = 100_000

    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        isPaused = try container.decodeIfPresent(Bool.self, forKey: .isPaused) ?? false
        pauseReason = try container.decodeIfPresent(String.self, forKey: .pauseReason)
        draining = try container.decodeIfPresent([WorkerID].self, forKey: .draining) ?? []
        givenUp = try container.decodeIfPresent([WorkerID].self, forKey: .givenUp) ?? []
        maximumQueueLength = try container.decodeIfPresent(Int.self, forKey: .maximumQueueLength) ?? 100_000
    }

    enum CodingKeys: String, CodingKey {
        case draining
        case givenUp = "given_up"
        case isPaused = "is_paused"
        case pauseReason = "pause_reason"
        case maximumQueueLength = "maximum_queue_length"
    }
}

/// The content of `cluster_status`: a beat of the leader that shows work.
package struct ClusterStatusRecord: Hashable, Sendable, Codable {
    package var clusterID: String
    package var leader: WorkerID
    package var term: Int
    package var commit: Int
    package var at: WallTime
    package var size: Int
    package var hosts: [String]
    package var liveRuns: Int
    package var queued: Int
    package var oldestQueuedAt: WallTime?
    /// Whether fewer than half of the known workers are present, so that nothing is taken over.
    package var isSafeMode: Bool

    package init(
        clusterID: String,
        leader: WorkerID,
        term: Int,
        commit: Int,
        at: WallTime,
        size: Int,
        hosts: [String],
        liveRuns: Int,
        queued: Int,
        oldestQueuedAt: WallTime?,
        isSafeMode: Bool
    ) {
        self.clusterID = clusterID
        self.leader = leader
        self.term = term
        self.commit = commit
        self.at = at
        self.size = size
        self.hosts = hosts
        self.liveRuns = liveRuns
        self.queued = queued
        self.oldestQueuedAt = oldestQueuedAt
        self.isSafeMode = isSafeMode
    }

    enum CodingKeys: String, CodingKey {
        case leader, term, commit, at, size, hosts, queued
        case isSafeMode = "is_safe_mode"
        case clusterID = "cluster_id"
        case liveRuns = "live_runs"
        case oldestQueuedAt = "oldest_queued_at"
    }
}

/// The content of `queue/command/<request>`: the request, and then its verdict.
package struct CommandRecord: Hashable, Sendable, Codable {
    package var request: CommandRequest?
    package var verdict: Verdict?

    package init(request: CommandRequest?, verdict: Verdict? = nil) {
        self.request = request
        self.verdict = verdict
    }
}
