internal import ArgumentParser
internal import Scheduling

/// What the verbs that act on runs have in common.
struct RunActionOptions: ParsableArguments, Sendable {
    @Argument(help: ArgumentHelp("The runs' ids.", valueName: "run"))
    var runs: [RunArgument]

    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?

    /// Asks for the action on each run; the first that is refused gives the exit code, the others are asked all the same.
    func act(_ verb: String, _ session: ClientSession) async throws {
        let isForPeople = session.format == .table || session.format == .wide
        var results: [JSONTree] = []
        var first: ClientError?
        for run in runs {
            do {
                let answer = try await session.post(
                    APIPath("runs", run.id.description, verb: verb),
                    reason: reason
                )
                let view = try answer.tree()
                results.append(view)
                if isForPeople { session.console.line("\(run.id) \(view["state"]?.text ?? "?")") }
            } catch let error as ClientError {
                if runs.count == 1 { throw error }
                session.console.error("\(run.id):\n\(error.description)")
                first = first ?? error
            }
        }
        if !isForPeople { session.list(results, Columns.runs(now: session.now()), empty: "") }
        if let first { throw ClientError.silent(first.exit) }
    }
}

/// `skyfire cancel RUN…`
struct CancelCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End runs: TERM, a grace, KILL. They end cancelled."
    )

    @OptionGroup var action: RunActionOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws { try await action.act("cancel", session) }
}

/// `skyfire kill RUN…`
struct KillCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "End runs with KILL at once. They end killed."
    )

    @OptionGroup var action: RunActionOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws { try await action.act("kill", session) }
}

/// `skyfire pause RUN…`
struct PauseCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no new attempts of runs; what runs goes on."
    )

    @OptionGroup var action: RunActionOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws { try await action.act("pause", session) }
}

/// `skyfire resume RUN…`
struct ResumeCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with paused runs."
    )

    @OptionGroup var action: RunActionOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws { try await action.act("resume", session) }
}
