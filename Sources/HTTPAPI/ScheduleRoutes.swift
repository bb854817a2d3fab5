import Cron
import Hummingbird
import Node
import Scheduling

/// What will run, and why then.
let scheduleRoutes: [Route] = [
    Route(
        .get,
        "/v1/upcoming",
        "listUpcoming",
        "List the due times of all jobs in a span, soonest first.",
        query: [
            QueryParameter("from", .time, "Default now."),
            QueryParameter("to", .time, "Default a day after from; 366 days after it at most."),
            QueryParameter("limit", .integer(1...10_000), "How many. Default 100."),
        ],
        answer: "UpcomingList"
    ) { request, environment in
        var query = request.query
        let from = query.time("from") ?? request.now
        let through = query.time("to") ?? from + 86_400_000
        let limit = query.integer("limit") ?? 100
        if through < from { query.refuse("to", "lies before from") }
        if through - from > 366 * 86_400_000 { query.refuse("to", "lies more than 366 days after from") }
        try query.check()
        let runs = try await environment.operations.upcoming(from: from, through: through, limit: limit)
        return JSONBody.response(ListBody(items: runs, nextCursor: nil))
    },
    Route(
        .get,
        "/v1/schedules",
        "listSchedules",
        "List the jobs that have triggers, with their next time.",
        query: [
            QueryParameter("prefix", .text, "Only names that begin with this."),
            QueryParameter("cursor", .text, "The `next_cursor` of the page before."),
            QueryParameter("limit", .integer(1...1000), "How many jobs to look at. Default 100."),
        ],
        answer: "ScheduleList"
    ) { request, environment in
        var query = request.query
        let limit = query.integer("limit") ?? 100
        try query.check()
        let page = try await environment.operations.jobs(
            prefix: query.text("prefix"),
            cursor: query.text("cursor"),
            limit: limit
        )
        let items = page.items.compactMap {
            ScheduleView($0, after: request.now.second, zones: environment.zones)
        }
        return JSONBody.response(ListBody(items: items, nextCursor: page.nextCursor))
    },
    Route(
        .get,
        "/v1/cron:explain",
        "explainCron",
        "Say a cron expression in words, and when it fires next.",
        query: CronExplaining.parameters,
        answer: "CronExplanation",
        handler: CronExplaining.answer
    ),
]

/// A job with triggers.
private struct ScheduleView: Encodable {
    var job: JobName
    var worker: WorkerID
    var triggers: [JobTriggers.TriggerView]
    var next: WallTime?
    /// Why nothing can be said of the triggers on this node.
    var problem: String?

    /// Nil for a job without triggers.
    init?(_ job: JobView, after time: UnixTime, zones: TimeZoneDatabase) {
        guard let schedule = job.definition.schedule, !schedule.isEmpty else { return nil }
        self.job = job.name
        worker = job.worker
        do {
            let made = try JobTriggers(job, zones: zones)
            triggers = made.views(after: time)
            next = made.next(after: time)
        } catch {
            triggers = schedule.map { JobTriggers.TriggerView(trigger: $0) }
            problem = (error as? Problem)?.detail ?? "\(error)"
        }
    }
}

/// `/cron:explain`.
private enum CronExplaining {
    static let parameters = [
        QueryParameter("expr", .text, "The expression: 5 fields, or 6 with seconds."),
        QueryParameter("zone", .text, "An IANA zone. Default UTC."),
        QueryParameter("seconds", .flag, "Whether the first of 6 fields is seconds."),
        QueryParameter("count", .integer(1...1000), "How many times. Default 5."),
        QueryParameter(
            "gap",
            .oneOf(["next_valid", "skip"]),
            "Where the clocks are put forward. Default next_valid."
        ),
        QueryParameter(
            "overlap",
            .oneOf(["first", "second", "both"]),
            "Where they are put back. Default first."
        ),
    ]

    private struct Body: Encodable {
        var expr: String
        var zone: String
        var seconds: Bool
        var words: JobTriggers.Words
        var next: [JobTriggers.Firing]
        var notes: [String]
    }

    @Sendable static func answer(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> Response {
        var query = request.query
        let seconds = query.flag("seconds")
        let count = query.integer("count") ?? 5
        let zone = query.reading("zone") { try environment.zones.zone(named: $0) } ?? TimeZoneRules.utc
        let policy = DaylightSavingPolicy(
            gap: query.choice("gap").flatMap { .init(rawValue: $0) } ?? .nextValid,
            overlap: query.choice("overlap").flatMap { .init(rawValue: $0) } ?? .first
        )
        let expression = query.reading("expr") { try CronExpression($0, seconds: seconds) }
        if query.text("expr") == nil { query.refuse("expr", "is missing") }
        try query.check()
        guard let expression, let text = query.text("expr") else {
            preconditionFailure("a query without an expression has passed its check")
        }
        let schedule = Schedule.cron(expression, zone, policy)
        var next: [JobTriggers.Firing] = []
        var last = request.now.second
        while next.count < count, let at = schedule.next(after: last) {
            next.append(JobTriggers.firing(at, schedule))
            last = at
        }
        var notes: [String] = []
        if next.isEmpty { notes.append("it never fires from now on") }
        if let change = zone.nextTransition(after: request.now.second) {
            notes.append("the clocks of \(zone.name) change at \(change.rfc3339(in: zone))")
            notes.append(
                expression.runsOnElapsedTime
                    ? "it runs on elapsed time, so changes of the clocks do not touch it"
                    : "it runs at wall times: gap \(policy.gap.rawValue), overlap \(policy.overlap.rawValue)"
            )
        }
        return JSONBody.response(
            Body(
                expr: text,
                zone: zone.name,
                seconds: seconds,
                words: .init(expression),
                next: next,
                notes: notes
            )
        )
    }
}
