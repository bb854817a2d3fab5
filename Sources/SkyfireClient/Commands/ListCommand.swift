internal import ArgumentParser
internal import Scheduling

/// `skyfire list …`
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List jobs, runs, schedules or workers.",
        subcommands: [ListJobs.self, ListRuns.self, ListSchedules.self, ListWorkers.self]
    )
}

/// `skyfire list jobs`
struct ListJobs: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "List jobs by name.",
        discussion: "Filters: name (the beginning of it), owner, worker."
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let conditions = try list.conditions("name", "owner", "worker")
        let names = conditions["name"]
        let prefix = names?.count == 1 ? names?.first : nil
        try await ListReading(session: session, limit: list.limit).show(
            APIPath("jobs").with("prefix", prefix),
            Columns.jobs,
            empty: "no jobs; add one with skyfire apply -f FILE"
        ) { job in
            let name = job["name"]?.text ?? ""
            return names.map { $0.contains { name.hasPrefix($0) } } ?? true
                && conditions["owner"].map { $0.contains(job.at("definition.owner")?.text ?? "") } ?? true
                && conditions["worker"].map { $0.contains(job["worker"]?.text ?? "") } ?? true
        }
    }
}

/// `skyfire list runs`
struct ListRuns: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "List runs, newest logical time first.",
        discussion: """
            Filters: state, job, since (a span such as 24h, or a time), cause (schedule, manual, dependency, retry). \
            For example: --filter 'state=failed,killed job=hello since=24h'
            """
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let conditions = try list.conditions("state", "job", "since", "cause")
        for key in ["job", "since"] where (conditions[key]?.count ?? 0) > 1 {
            throw ClientError(.usage, "\"\(key)\" in --filter takes one value")
        }
        try await ListReading(session: session, limit: list.limit).show(
            APIPath("runs").with("state", conditions["state"]?.joined(separator: ","))
                .with("job", conditions["job"]?.first).with("since", conditions["since"]?.first),
            Columns.runs(now: session.now()),
            empty: "no such runs"
        ) { run in
            conditions["cause"].map { $0.contains(run["cause"]?.text ?? "") } ?? true
        }
    }
}

/// `skyfire list schedules`
struct ListSchedules: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "List jobs with triggers, and when they fire next.",
        discussion: "Filters: name (the beginning of the job's name)."
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let names = try list.conditions("name")["name"]
        try await ListReading(session: session, limit: list.limit).show(
            APIPath("schedules").with("prefix", names?.count == 1 ? names?.first : nil),
            Columns.schedules,
            empty: "no job has triggers"
        ) { schedule in
            names.map { $0.contains { (schedule["job"]?.text ?? "").hasPrefix($0) } } ?? true
        }
    }
}

/// `skyfire list workers`, and `skyfire workers list`.
struct ListWorkers: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "workers",
        abstract: "List the workers.",
        discussion: "Filters: state (ready, draining), pool."
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let conditions = try list.conditions("state", "pool")
        let workers = try await session.api.get(APIPath("workers")).tree()["items"]?.items ?? []
        let found = workers.filter { worker in
            ["state", "pool"].allSatisfy { key in
                conditions[key].map { $0.contains(worker[key]?.text ?? "") } ?? true
            }
        }
        session.list(Array(found.prefix(list.limit)), Columns.workers, empty: "no such workers")
    }
}

/// `skyfire schedules`
struct SchedulesCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "List jobs with triggers, and when they fire next."
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        var verb = ListSchedules()
        verb.list = list
        verb.globals = globals
        try await verb.perform(session)
    }
}

/// `skyfire upcoming`
struct UpcomingCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "upcoming",
        abstract: "List the due times of all jobs, soonest first."
    )

    @Option(help: ArgumentHelp("How far to look ahead.", valueName: "duration"))
    var within: DurationArgument?

    @Option(help: ArgumentHelp("How many at most.", valueName: "n"))
    var limit = 50

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let end = within.map { session.now() + $0.milliseconds }
        let answer = try await session.api.get(
            APIPath("upcoming").with("to", end?.description).with("limit", String(limit))
        )
        session.list(try answer.tree()["items"]?.items ?? [], Columns.upcoming, empty: "nothing is due")
    }
}

/// `skyfire ps`
struct PsCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "List the runs that are not over."
    )

    @Option(help: ArgumentHelp("How many at most.", valueName: "n"))
    var limit = 100

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        try await ListReading(session: session, limit: max(1, limit)).show(
            APIPath("runs").with("state", "waiting,queued,running,paused,failing,killing"),
            Columns.runs(now: session.now()),
            empty: "nothing is running"
        )
    }
}
