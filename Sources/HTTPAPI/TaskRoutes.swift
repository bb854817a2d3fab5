import Hummingbird
import Node
import Scheduling

/// Tasks of runs, and their attempts.
let taskRoutes: [Route] = [
    Route(
        .get,
        "/v1/runs/{id}/tasks",
        "listTasks",
        "List the tasks of a run with partitions and attempts.",
        answer: "TaskList"
    ) { request, environment in
        let (run, attempts) = try await TaskReading.read(request, environment)
        let byTask = Dictionary(grouping: attempts, by: \.task)
        let tasks = run.tasks.map { TaskView($0, attempts: byTask[$0.id] ?? []) }
        return JSONBody.cacheableResponse(ListBody(items: tasks, nextCursor: nil), to: request)
    },
    Route(
        .get,
        "/v1/runs/{id}/tasks/{task}",
        "getTask",
        "Read a task, or one partition of it: `clean[3]`.",
        answer: "Task"
    ) { request, environment in
        let (id, partition) = try request.task()
        let (run, attempts) = try await TaskReading.read(request, environment)
        let task = try TaskReading.find(id, in: run, attempts: attempts)
        guard let partition else { return JSONBody.cacheableResponse(task, to: request) }
        try TaskReading.check(partition, of: task)
        return JSONBody.cacheableResponse(task.only(partition: partition), to: request)
    },
    Route(
        .get,
        "/v1/runs/{id}/tasks/{task}/attempts/{n}",
        "getAttempt",
        "Read one attempt.",
        answer: "Attempt"
    ) { request, environment in
        let (id, partition) = try request.task()
        let number = try request.attempt()
        let (run, attempts) = try await TaskReading.read(request, environment)
        let task = try TaskReading.find(id, in: run, attempts: attempts)
        if let partition {
            try TaskReading.check(partition, of: task)
        } else if !task.partitions.isEmpty {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(id)\" has partitions; name one",
                pointer: "path/task",
                hint: "for example \(id)[0], percent-encoded \(PercentEncoding.encode("\(id)[0]"))"
            )
        }
        guard let attempt = task.attempts.first(where: { $0.partition == partition ?? 0 && $0.n == number })
        else {
            throw Problem(
                .notFound,
                .notFound,
                "there is no attempt \(number) of \(request.parameter("task"))"
            )
        }
        return JSONBody.cacheableResponse(attempt, to: request)
    },
]

/// Reading what tasks are made of.
private enum TaskReading {
    static func read(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> (MirroredRun, [AttemptView]) {
        let id = try request.run()
        let run = try await environment.operations.run(id)
        return (run, try await environment.operations.attempts(of: id))
    }

    static func find(
        _ id: TaskID,
        in run: MirroredRun,
        attempts: [AttemptView]
    ) throws(Problem) -> TaskView {
        guard let summary = run.tasks.first(where: { $0.id == id }) else {
            throw Problem(
                .notFound,
                .notFound,
                "\(run.run.id) has no task \"\(id)\"",
                hint: Spelling.hint(for: id.description, among: run.tasks.map(\.id.description))
            )
        }
        return TaskView(summary, attempts: attempts)
    }

    static func check(_ partition: Int, of task: TaskView) throws(Problem) {
        guard partition < max(task.partitions.count, 1) else {
            throw Problem(
                .notFound,
                .notFound,
                "\"\(task.id)\" has no partition \(partition)",
                hint: task.partitions.isEmpty ? "it has none" : "they are 0 to \(task.partitions.count - 1)"
            )
        }
    }
}
