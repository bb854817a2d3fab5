import Cron
import HTTPTypes
import Hummingbird
import Node
import Scheduling

/// Runs: list, make, look, act.
let runRoutes: [Route] =
    [
        Route(
            .get,
            "/v1/runs",
            "listRuns",
            "List runs, newest logical time first; queued ones, where they are asked for, come last.",
            query: [
                QueryParameter("job", .text, "Only runs of this job."),
                QueryParameter(
                    "state",
                    .someOf(RunState.allCases.map(\.rawValue)),
                    "Only runs in these states."
                ),
                QueryParameter("since", .time, "Only runs whose logical time is not before this."),
                QueryParameter("cursor", .text, "The `next_cursor` of the page before."),
                QueryParameter("limit", .integer(1...1000), "How many. Default 100."),
            ],
            answer: "RunList"
        ) { request, environment in
            var query = request.query
            let job = query.reading("job") { try JobName($0) }
            let states = Set(query.choices("state").compactMap { RunState(rawValue: $0) })
            let since = query.time("since")
            let limit = query.integer("limit") ?? 100
            let cursor = query.text("cursor")
            try query.check()
            let page = try await environment.operations.runs(
                RunQuery(job: job, states: states, since: since, cursor: cursor, limit: limit)
            )
            return JSONBody.response(ListBody(items: page.items, nextCursor: page.nextCursor))
        },
        Route(
            .post,
            "/v1/runs",
            "createRun",
            "Start a run; the same request id gives the same run.",
            body: .required("RunRequest"),
            status: 201,
            replayStatus: 200,
            answer: "Run",
            handler: RunMaking.create
        ),
        Route(.get, "/v1/runs/{id}", "getRun", "Read a run.", answer: "Run") { request, environment in
            let found = try await environment.operations.run(try request.run())
            return JSONBody.cacheableResponse(found.run, to: request)
        },
        Route(
            .get,
            "/v1/runs/{id}/explain",
            "explainRun",
            "Say what a run or one of its tasks waits for.",
            query: [QueryParameter("task", .text, "Only this task.")],
            answer: "Explanation"
        ) { request, environment in
            let run = try request.run()
            var query = request.query
            let task = query.reading("task") { try APIRequest.task($0, pointer: "query/task").id }
            try query.check()
            let isForwarded = request.headers[LogProxy.forwardedBy] != nil
            return JSONBody.response(
                try await environment.operations.explain(run, task: task, isForwarded: isForwarded)
            )
        },
        Route(
            .post,
            "/v1/runs/{id}:retry",
            "retryRun",
            "Repeat a run that is over; what succeeded in it is carried over.",
            body: .optional("RepeatRequest"),
            status: 201,
            replayStatus: 200,
            answer: "Run"
        ) { request, environment in
            try await RunMaking.repeatRun(request, environment, onlyFailed: true)
        },
        Route(
            .post,
            "/v1/runs/{id}:rerun",
            "rerunRun",
            "Repeat a whole run that is over.",
            body: .optional("RepeatRequest"),
            status: 201,
            replayStatus: 200,
            answer: "Run"
        ) { request, environment in
            try await RunMaking.repeatRun(request, environment, onlyFailed: false)
        },
    ]
    + RunAction.allCases.map { action in
        Route(
            .post,
            "/v1/runs/{id}:\(action.rawValue)",
            "\(action.rawValue)Run",
            action.summary,
            body: .optional("Reason"),
            answer: "Run"
        ) { request, environment in
            let run = try request.run()
            let reason = try await request.reason()
            return JSONBody.response(try await environment.operations.act(action, on: run, reason: reason))
        }
    }

extension RunAction {
    fileprivate var summary: String {
        switch self {
        case .cancel: "End a run: TERM, grace, KILL. It ends cancelled."
        case .kill: "End a run with KILL at once. It ends killed."
        case .pause: "Start no new attempts of a run; what runs goes on."
        case .resume: "Go on with a paused run."
        }
    }
}

extension APIRequest {
    /// In bytes.
    private static let longestReason = 2_000

    /// The reason in a body that may hold nothing else.
    func reason() async throws -> String? {
        var body = try await object(keys: ["reason"])
        let reason = body.string("reason")
        // It goes wherever the run goes.
        if let reason, reason.utf8.count > Self.longestReason {
            body.refuse("reason", "has \(reason.utf8.count) bytes, more than \(Self.longestReason)")
        }
        try body.check()
        return reason
    }
}

/// Starting runs.
private enum RunMaking {
    private static let keys = [
        "job", "params", "at", "request_id", "triggers_downstream", "waits_for_upstreams",
    ]
    private static let longestRequestID = 200

    @Sendable static func create(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> Response {
        var body = try await request.object(keys: keys)
        var name: JobName?
        if let text = body.string("job") {
            do {
                name = try JobName(text)
            } catch {
                body.refuse("job", "is no job name: \(error.description)")
            }
        } else if !body.has("job") {
            body.refuse("job", "is missing")
        }
        var at: UnixTime?
        if let text = body.string("at") {
            at = WallTime(rfc3339: text)?.second
            if at == nil {
                body.refuse(
                    "at",
                    "must be a time (RFC 3339, with offset)",
                    hint: "for example 2026-11-20T10:00:00Z"
                )
            }
        }
        let params = body.texts("params")
        let requestID = requestID(request, &body)
        let triggersDownstream = body.bool("triggers_downstream") ?? true
        let waitsForUpstreams = body.bool("waits_for_upstreams") ?? false
        try body.check()
        guard let name else { preconditionFailure("a body without a job has passed its check") }
        let (run, isNew) = try await environment.operations.createRun(
            RunRequest(
                job: name,
                params: params,
                at: at,
                requestID: requestID,
                triggersDownstream: triggersDownstream,
                waitsForUpstreams: waitsForUpstreams,
                traceID: request.trace.traceID
            )
        )
        return answer(run, isNew: isNew)
    }

    /// The client's key, from the header or the body.
    private static func requestID(_ request: APIRequest, _ body: inout BodyObject) -> String? {
        let inBody = body.string("request_id")
        let inHeader = request.headers[.idempotencyKey]
        if let inBody, let inHeader, inBody != inHeader {
            body.refuse("request_id", "differs from the header Idempotency-Key")
        }
        guard let key = inBody ?? inHeader else { return nil }
        if key.isEmpty || key.utf8.count > longestRequestID
            || key.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        {
            body.refuse("request_id", "must be 1 to \(longestRequestID) bytes without control characters")
        }
        return key
    }

    static func repeatRun(
        _ request: APIRequest,
        _ environment: APIEnvironment,
        onlyFailed: Bool
    ) async throws -> Response {
        let run = try request.run()
        var body = try await request.object(keys: ["request_id"])
        let requestID = requestID(request, &body)
        try body.check()
        let (repeated, isNew) = try await environment.operations.repeatRun(
            run,
            onlyFailed: onlyFailed,
            requestID: requestID,
            traceID: request.trace.traceID
        )
        return answer(repeated, isNew: isNew)
    }

    /// 201 for a run that this request made, 200 for one that an earlier request with the same id made.
    private static func answer(_ run: RunView, isNew: Bool) -> Response {
        let location = "/v1/runs/" + PercentEncoding.encode(run.id.description)
        return JSONBody.response(run, status: isNew ? .created : .ok, headers: [.location: location])
    }
}

extension HTTPField.Name {
    // A token, as the initializer demands.
    fileprivate static let idempotencyKey = HTTPField.Name("idempotency-key")!
}
