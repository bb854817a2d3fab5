internal import ArgumentParser
internal import Scheduling

/// `skyfire why RUN[/TASK]`, `skyfire why RUN TASK`
struct WhyCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say what a run, or a task of it, waits for.",
        discussion: "The leader answers; what is first in the way comes first."
    )

    @Argument(help: ArgumentHelp("A run's id, or RUN/TASK.", valueName: "run[/task]"))
    var target: RunTarget

    @Argument(help: "The task, where it is not part of the first argument.")
    var task: TaskTarget?

    @OptionGroup var globals: GlobalOptions

    private static let columns = [
        Column("KIND", "kind"), Column("TASK", "task"), Column("MESSAGE", "message"),
    ]

    mutating func validate() throws {
        if target.task != nil, task != nil { throw ValidationError("the task is given twice") }
    }

    func perform(_ session: ClientSession) async throws {
        let task = target.task ?? task
        let answer = try await session.api.get(
            APIPath("runs", target.run.description, "explain").with("task", task?.description)
        ).tree()
        let blockers = answer["blockers"]?.items ?? []
        switch session.format {
        case .table, .wide:
            let subject = task.map { "\(target.run)/\($0)" } ?? "\(target.run)"
            session.console.line("\(subject) is \(answer["state"]?.text ?? "?")")
            if blockers.isEmpty { session.console.line("nothing is in its way") }
            for (index, blocker) in blockers.enumerated() {
                let task = blocker["task"].map { " (task \($0.text))" } ?? ""
                session.console.line(
                    Console.printable(
                        "  \(index + 1). \(blocker["kind"]?.text ?? "?"): \(blocker["message"]?.text ?? "")\(task)"
                    )
                )
            }
        case .json, .jsonl, .yaml: session.one(answer, Self.columns)
        case .name, .csv: session.list(blockers, Self.columns, empty: "")
        }
    }
}
