internal import ArgumentParser
internal import Scheduling

/// A job or a run, told apart by the `@` of run ids.
enum Subject: Hashable, Sendable, ExpressibleByArgument {
    case job(JobName)
    case run(RunID)

    init?(argument: String) {
        if let run = RunID(argument) {
            self = .run(run)
        } else if let job = JobArgument(argument: argument) {
            self = .job(job.name)
        } else {
            return nil
        }
    }
}

/// `skyfire get JOB|RUN`
struct GetCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a job or a run in brief."
    )

    @Argument(help: ArgumentHelp("A job's name or a run's id.", valueName: "job|run"))
    var subject: Subject

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        switch subject {
        case .job(let name):
            session.one(try await session.api.get(APIPath("jobs", name.description)).tree(), Columns.jobs)
        case .run(let id):
            session.one(
                try await session.api.get(APIPath("runs", id.description)).tree(),
                Columns.run(now: session.now())
            )
        }
    }
}

/// `skyfire describe JOB|RUN`
struct DescribeCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a job with its next and last runs, or a run with tasks and attempts."
    )

    @Argument(help: ArgumentHelp("A job's name or a run's id.", valueName: "job|run"))
    var subject: Subject

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        switch subject {
        case .job(let name): try await describe(name, session)
        case .run(let id): try await describe(id, session)
        }
    }

    private func describe(_ name: JobName, _ session: ClientSession) async throws {
        let job = try await session.api.get(APIPath("jobs", name.description)).tree()
        let next = try await session.api.get(APIPath("jobs", name.description, "next").with("count", "5"))
            .tree()
        let runs = try await session.api.get(APIPath("runs").with("job", name.description).with("limit", "5"))
            .tree()
        let (firings, last) = (next["items"]?.items ?? [], runs["items"]?.items ?? [])
        guard session.format == .table || session.format == .wide else {
            let whole = JSONTree.object(["job": job, "next": .array(firings), "runs": .array(last)])
            return session.one(whole, [Column("NAME", "job.name"), Column("VERSION", "job.version")])
        }
        session.one(job, Columns.jobs)
        session.console.line("")
        let tasks = job.at("definition.tasks")?.items ?? []
        session.list(
            tasks,
            [
                Column("TASK", "id"), Column("TYPE") { $0["type"]?.text ?? "command" },
                Column("NEEDS") { ($0["needs"]?.items ?? []).map(\.text).joined(separator: ",") },
                Column("RUN") { task in
                    guard let run = task["run"] else { return task.at("http.url")?.text ?? "" }
                    return run.items.isEmpty ? run.text : run.items.map(\.text).joined(separator: " ")
                },
            ],
            empty: ""
        )
        if !firings.isEmpty {
            session.console.line("")
            session.list(
                firings,
                [Column("NEXT", "at", .time), Column("ZONE", "zone"), Column("NOTE", "note")],
                empty: ""
            )
        }
        if !last.isEmpty {
            session.console.line("")
            session.list(last, Columns.runs(now: session.now()), empty: "")
        }
    }

    private func describe(_ id: RunID, _ session: ClientSession) async throws {
        let run = try await session.api.get(APIPath("runs", id.description)).tree()
        let tasks =
            try await session.api.get(APIPath("runs", id.description, "tasks")).tree()["items"]?.items ?? []
        guard session.format == .table || session.format == .wide else {
            let whole = JSONTree.object(["run": run, "tasks": .array(tasks)])
            return session.one(whole, [Column("RUN", "run.id"), Column("STATE", "run.state", .state)])
        }
        session.one(run, Columns.run(now: session.now()))
        session.console.line("")
        session.list(tasks, Columns.tasks, empty: "no tasks")
        let attempts = tasks.flatMap { task in
            (task["attempts"]?.items ?? []).map { attempt -> JSONTree in
                guard case .object(var members) = attempt else { return attempt }
                let isPartitioned = !(task["partitions"]?.items ?? []).isEmpty
                let name = task["id"]?.text ?? "?"
                members["name"] = .string(
                    isPartitioned ? "\(name)[\(attempt["partition"]?.text ?? "?")]" : name
                )
                return .object(members)
            }
        }
        if !attempts.isEmpty {
            session.console.line("")
            session.list(attempts, Columns.attempts(now: session.now()), empty: "")
        }
    }
}

/// `skyfire export JOB`
struct ExportCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print a job's definition as a job file: YAML, or JSON with -o json."
    )

    @Argument(help: "The job's name.")
    var job: JobArgument

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let view = try await session.api.get(APIPath("jobs", job.name.description)).tree()
        guard let definition = view["definition"] else {
            throw ClientError(.failure, "the server's answer has no definition")
        }
        switch session.options.output ?? .yaml {
        case .yaml, .table, .wide: session.console.data(Array(YAMLText.write(definition).utf8))
        case .json, .jsonl, .name, .csv: session.one(definition, [Column("NAME", "name")])
        }
    }
}

/// `skyfire delete JOB`
struct DeleteCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a job: it fires no more. Its runs stay."
    )

    @Argument(help: "The job's name.")
    var job: JobArgument

    @Option(help: ArgumentHelp("Delete only this version of the job.", valueName: "n"))
    var ifVersion: Int?

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let headers = ifVersion.map { [("If-Match", "\"\($0)\"")] } ?? []
        _ = try await session.api.checked(
            .delete,
            APIPath("jobs", job.name.description).description,
            headers: headers
        )
        let item = JSONTree.object(["name": .string(job.name.description), "result": "deleted"])
        session.one(
            item,
            [Column("NAME", "name"), Column("RESULT", "result")],
            lines: ["job \(job.name) deleted"]
        )
    }
}
