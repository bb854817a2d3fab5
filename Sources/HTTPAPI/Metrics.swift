import Node
import Scheduling

/// The figures of a node in Prometheus' text format.
struct Metrics {
    private var text = ""

    static func text(_ environment: APIEnvironment) async -> String {
        var metrics = Metrics()
        await metrics.addCluster(environment)
        for bound in await environment.operations.bounds() { metrics.add(bound) }
        metrics.addServer(environment)
        metrics.addProcess(environment)
        return metrics.text
    }

    private mutating func add(
        _ name: String,
        _ type: String,
        _ help: String,
        _ value: (some LosslessStringConvertible)?
    ) {
        guard let value else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(value)\n"
    }

    private mutating func add(_ bound: BoundFigure) {
        let name = "skyfire_\(bound.name)"
        add(name, "gauge", bound.summary, bound.value)
        add("\(name)_limit", "gauge", "The bound of \(name).", bound.limit)
        add("\(name)_refused_total", "counter", "What \(name)_limit kept out.", bound.refused)
    }

    private mutating func addCluster(_ environment: APIEnvironment) async {
        let missing = await environment.operations.missingForReady()
        add("skyfire_ready", "gauge", "1 when the node is ready.", missing.isEmpty ? 1 : 0)
        // Told without contact too: a node that holds its timers is to be noticed.
        add(
            "skyfire_worker_held_timers",
            "gauge",
            "Jobs that are due and held back: the cluster is paused, the queue full, or this machine's clock wrong.",
            environment.operations.heldTimers
        )
        do throws(OperationError) {
            let cluster = try await environment.operations.cluster()
            add("skyfire_cluster_workers", "gauge", "Workers of the cluster.", cluster.workers)
            add("skyfire_cluster_queued", "gauge", "Queue entries that wait for admission.", cluster.queued)
            add("skyfire_cluster_paused", "gauge", "1 while the cluster is paused.", cluster.isPaused ? 1 : 0)
            add(
                "skyfire_cluster_has_leader",
                "gauge",
                "1 while a leader is known.",
                cluster.leader == nil ? 0 : 1
            )
            add(
                "skyfire_mirror_healthy",
                "gauge",
                "1 while the mirror takes writes.",
                cluster.mirror == "ok" ? 1 : 0
            )
            add(
                "skyfire_cluster_oldest_queued_seconds",
                "gauge",
                "Age of the oldest queue entry.",
                cluster.oldestQueuedAt.map { Double(max(environment.now() - $0, 0)) / 1000 }
            )
            let own = environment.operations.worker
            if let worker = try await environment.operations.workers().first(where: { $0.id == own }) {
                add("skyfire_worker_is_leader", "gauge", "1 on the leader.", worker.isLeader ? 1 : 0)
                add("skyfire_worker_slots", "gauge", "Attempts that may run at once.", worker.slots)
                add("skyfire_worker_running_attempts", "gauge", "Attempts that run now.", worker.running)
                add("skyfire_worker_jobs", "gauge", "Jobs whose timers this worker owns.", worker.jobs)
            }
        } catch {
            // A node without contact still tells of itself.
        }
    }

    private mutating func addServer(_ environment: APIEnvironment) {
        let (gate, limits, streams) = (environment.gate.figures, environment.limits, environment.streams)
        add(
            BoundFigure(
                "http_connections",
                "Connections that are open now.",
                value: gate.open,
                limit: limits.connections,
                refused: gate.refused
            )
        )
        add(
            BoundFigure(
                "http_connections_of_one_address",
                "Connections from the address that has the most.",
                value: gate.mostOfOneAddress,
                limit: limits.connectionsPerAddress,
                refused: gate.refusedByAddress
            )
        )
        add(
            BoundFigure(
                "http_open_streams",
                "Streams that are open now.",
                value: streams.count,
                limit: limits.streams,
                refused: streams.refused
            )
        )
        let problems = "skyfire_http_problems_total"
        text += "# HELP \(problems) Requests that were answered with a problem.\n# TYPE \(problems) counter\n"
        for (code, count) in environment.problems.all { text += "\(problems){code=\"\(code)\"} \(count)\n" }
        let name = "skyfire_http_slow_clients_total"
        text += "# HELP \(name) Connections closed since the client was too slow.\n# TYPE \(name) counter\n"
        for slowness in ConnectionGate.Slowness.allCases {
            text += "\(name){with=\"\(slowness.rawValue)\"} \(gate.closedForSlowness[slowness] ?? 0)\n"
        }
        for (name, help, bytes) in [
            ("skyfire_http_body_limit_bytes", "The largest body of a request.", APIRequest.largestBody),
            ("skyfire_http_header_limit_bytes", "The most headers of a request.", limits.headerBytes),
        ] {
            add(name, "gauge", help, bytes)
        }
    }

    private mutating func addProcess(_ environment: APIEnvironment) {
        add(
            "skyfire_start_time_seconds",
            "gauge",
            "When the server started.",
            Double(environment.startedAt.milliseconds) / 1000
        )
        let figures = ProcessFigures.read()
        add("process_cpu_seconds_total", "counter", "CPU time used.", figures.cpuSeconds)
        add("process_resident_memory_bytes", "gauge", "Resident memory.", figures.residentBytes)
        add("process_virtual_memory_bytes", "gauge", "Virtual memory.", figures.virtualBytes)
        add("process_open_fds", "gauge", "Open file descriptors.", figures.openFiles)
        add("process_max_fds", "gauge", "The most open file descriptors.", figures.openFilesLimit)
        add("process_threads", "gauge", "Threads.", figures.threads)
    }
}
