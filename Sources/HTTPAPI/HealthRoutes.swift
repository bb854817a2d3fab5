import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import Node
import Scheduling

/// What machines ask: whether the node lives, whether it is ready, how it does, and what it offers.
let healthRoutes: [Route] = [
    Route(.get, "/livez", "live", "Answers while the process serves.", contentType: "text/plain") { _, _ in
        Response(
            status: .ok,
            headers: [.contentType: "text/plain"],
            body: .init(byteBuffer: ByteBuffer(string: "ok\n"))
        )
    },
    Route(.get, "/readyz", "ready", "200 when ready, 503 with what is missing.", answer: "Readiness") {
        _,
        environment in
        let missing = await environment.operations.missingForReady()
        guard !missing.isEmpty else { return JSONBody.response(Readiness(ready: true, missing: [])) }
        throw Problem(
            .serviceUnavailable,
            errors: missing.map { ProblemDetail(code: APICode.notReady.rawValue, message: $0) }
        )
    },
    Route(.get, "/metrics", "metrics", "Figures for Prometheus.", contentType: "text/plain") {
        _,
        environment in
        let text = await MetricsText.write(environment)
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    },
    Route(.get, "/openapi.json", "describe", "This description.", contentType: "application/json") {
        request,
        _ in
        JSONBody.cacheableResponse(OpenAPIDocument.make(RouteTable.all), to: request)
    },
]

private struct Readiness: Encodable {
    var ready: Bool
    var missing: [String]
}

/// The figures of a node in Prometheus' text format.
private enum MetricsText {
    static func write(_ environment: APIEnvironment) async -> String {
        var text = ""
        func add(_ name: String, _ type: String, _ help: String, _ value: (some LosslessStringConvertible)?) {
            guard let value else { return }
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(value)\n"
        }
        let missing = await environment.operations.missingForReady()
        add("skyfire_ready", "gauge", "1 when the node is ready.", missing.isEmpty ? 1 : 0)
        add("skyfire_http_open_streams", "gauge", "Streams that are open now.", environment.streams.count)
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
        add("process_threads", "gauge", "Threads.", figures.threads)
        return text
    }
}
