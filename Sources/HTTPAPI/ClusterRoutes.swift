import Hummingbird
import Node
import Scheduling

/// Workers and the cluster as a whole.
let clusterRoutes: [Route] = [
    Route(.get, "/v1/workers", "listWorkers", "List the workers.", answer: "WorkerList") {
        request,
        environment in
        JSONBody.response(ListBody(items: try await environment.operations.workers(), nextCursor: nil))
    },
    Route(.get, "/v1/workers/{id}", "getWorker", "Read a worker.", answer: "Worker") { request, environment in
        JSONBody.response(try await worker(try request.worker(), environment))
    },
    Route(
        .post,
        "/v1/workers/{id}:drain",
        "drainWorker",
        "Give a worker no new attempts.",
        answer: "Worker"
    ) { request, environment in
        let id = try request.worker()
        try (try await request.object(keys: [])).check()
        try await environment.operations.setDraining(id, true)
        return JSONBody.response(try await worker(id, environment))
    },
    Route(
        .post,
        "/v1/workers/{id}:enable",
        "enableWorker",
        "Give a drained worker attempts again.",
        answer: "Worker"
    ) { request, environment in
        let id = try request.worker()
        try (try await request.object(keys: [])).check()
        try await environment.operations.setDraining(id, false)
        return JSONBody.response(try await worker(id, environment))
    },
    Route(.get, "/v1/cluster", "getCluster", "Read the state of the cluster.", answer: "Cluster") {
        request,
        environment in
        JSONBody.response(try await environment.operations.cluster())
    },
    Route(
        .post,
        "/v1/cluster:pause",
        "pauseCluster",
        "Start no new attempts in the whole cluster.",
        body: .optional("Reason"),
        answer: "Cluster"
    ) { request, environment in
        try await environment.operations.setPaused(true, reason: try await request.reason())
        return JSONBody.response(try await environment.operations.cluster())
    },
    Route(
        .post,
        "/v1/cluster:takeover",
        "takeOverAbsent",
        "Give up the workers that are gone, so that safe mode ends and the rest takes everything of theirs over.",
        body: .optional("Reason"),
        answer: "Cluster"
    ) { request, environment in
        try await environment.operations.giveUpAbsent(reason: try await request.reason())
        return JSONBody.response(try await environment.operations.cluster())
    },
    Route(
        .post,
        "/v1/cluster:configure",
        "configureCluster",
        "Set how many runs the queue takes before timers hold back and requests are answered 429.",
        body: .required("ClusterSettings"),
        answer: "Cluster"
    ) { request, environment in
        var body = try await request.object(keys: ["maximum_queue_length"])
        let length = body.integer("maximum_queue_length", in: 1...1_000_000)
        if !body.has("maximum_queue_length") { body.refuse("maximum_queue_length", "is missing") }
        try body.check()
        if let length { try await environment.operations.setMaximumQueueLength(length) }
        return JSONBody.response(try await environment.operations.cluster())
    },
    Route(
        .post,
        "/v1/cluster:resume",
        "resumeCluster",
        "Go on after a pause of the cluster.",
        body: .optional("Reason"),
        answer: "Cluster"
    ) { request, environment in
        try await environment.operations.setPaused(false, reason: try await request.reason())
        return JSONBody.response(try await environment.operations.cluster())
    },
]

private func worker(_ id: WorkerID, _ environment: APIEnvironment) async throws -> WorkerView {
    let workers = try await environment.operations.workers()
    guard let worker = workers.first(where: { $0.id == id }) else {
        throw Problem(
            .notFound,
            .notFound,
            "there is no \(id)",
            hint: workers.isEmpty ? nil : "there are " + workers.map(\.id.description).joined(separator: ", ")
        )
    }
    return worker
}
