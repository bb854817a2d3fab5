internal import ArgumentParser
internal import FoundationEssentials
internal import Scheduling

/// Whether to stay with a run that was started.
struct WaitOptions: ParsableArguments, Sendable {
    @Flag(name: [.customShort("f"), .long], help: "Print the output of all tasks until the run is over.")
    var follow = false

    @Flag(help: "Wait until the run is over.")
    var wait = false

    mutating func validate() throws {
        if follow, wait { throw ValidationError("--follow waits already; leave out --wait") }
    }

    /// Prints the id of a run that was started, and stays with it as was asked for.
    ///
    /// Where a format was chosen the run's record is printed instead: once, as it is when this returns.
    func stay(with answer: APIAnswer, _ session: ClientSession) async throws {
        let run = try answer.tree()
        let id = run["id"]?.text ?? ""
        let isFormatted = session.options.output != nil
        if !isFormatted { session.console.line(id) }
        guard follow || wait else {
            if isFormatted { session.one(run, Columns.runs(now: session.now())) }
            return
        }
        let (record, exit) = try await RunWaiting(session: session, run: id).untilOver(followsLogs: follow)
        if isFormatted { session.one(record, Columns.runs(now: session.now())) }
        if exit != .ok { throw ClientError.silent(exit) }
    }
}

/// `skyfire run JOB`
struct RunCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Start a run; its id is printed alone on stdout.",
        discussion: """
            With --follow or --wait the exit code tells of the run: 0 succeeded, 3 failed, 7 cancelled, killed or \
            skipped, 124 not over within --timeout, 130 after Ctrl-C, which stops the watching and not the run.
            """
    )

    @Argument(help: "The job's name.")
    var job: JobArgument

    @Option(
        name: [.customShort("p"), .customLong("param")],
        help: ArgumentHelp("A parameter; may be repeated.", valueName: "key=value")
    )
    var params: [Assignment] = []

    @Option(help: ArgumentHelp("The logical time, RFC 3339 with offset. Default: now.", valueName: "time"))
    var at: TimeArgument?

    @Flag(help: "Do not start the jobs that run after this one.")
    var noDownstream = false

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        var values: [String: JSONTree] = [:]
        for param in params {
            guard values.updateValue(.string(param.value), forKey: param.key) == nil else {
                throw ClientError(.usage, "the parameter \(param.key) is given twice")
            }
        }
        var body: [String: JSONTree] = ["job": .string(job.name.description)]
        if !values.isEmpty { body["params"] = .object(values) }
        if let at { body["at"] = .string(at.time.description) }
        if noDownstream { body["triggers_downstream"] = .bool(false) }
        // With a key the request may be sent again without a second run.
        let key = globals.requestID ?? "cli-\(UUID().uuidString.lowercased())"
        let answer = try await session.api.checked(
            .post,
            APIPath("runs").description,
            json: Array(JSONTree.object(body).json(isPretty: false).utf8),
            headers: [("Idempotency-Key", key)]
        )
        try await waiting.stay(with: answer, session)
    }
}

/// `skyfire retry RUN`
struct RetryCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Repeat what did not succeed in a run that is over; prints the new run's id."
    )

    @Argument(help: "The run's id.")
    var run: RunArgument

    @Flag(help: "Only what did not succeed, which is what retry does; `rerun` repeats everything.")
    var failed = false

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let answer = try await session.post(
            APIPath("runs", run.id.description, verb: "retry"),
            reason: nil
        )
        try await waiting.stay(with: answer, session)
    }
}

/// `skyfire rerun RUN`
struct RerunCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "rerun",
        abstract: "Repeat a whole run that is over; prints the new run's id."
    )

    @Argument(help: "The run's id.")
    var run: RunArgument

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let answer = try await session.post(
            APIPath("runs", run.id.description, verb: "rerun"),
            reason: nil
        )
        try await waiting.stay(with: answer, session)
    }
}

extension ClientSession {
    /// Asks for an action, with its reason.
    func post(_ path: APIPath, reason: String?) async throws -> APIAnswer {
        let body = reason.map { JSONTree.object(["reason": .string($0)]) } ?? .object([:])
        return try await api.checked(.post, path.description, json: Array(body.json(isPretty: false).utf8))
    }
}
