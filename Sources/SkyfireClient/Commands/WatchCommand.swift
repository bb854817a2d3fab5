internal import ArgumentParser
internal import Scheduling

/// `skyfire watch RUN`
struct WatchCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show a run's tasks as they go, until it is over.",
        discussion: "On a terminal it is redrawn in place, elsewhere printed anew when something changes. "
            + "The exit code tells of the run, as with run --wait."
    )

    @Argument(help: "The run's id.")
    var run: RunArgument

    @OptionGroup var globals: GlobalOptions

    /// Above this, tasks that are over or have not begun are only counted.
    private static let compactAbove = 30

    func perform(_ session: ClientSession) async throws {
        var patience = Patience(console: session.console)
        var shown = ""
        while true {
            do {
                let answer = try await session.api.get(APIPath("runs", run.id.description))
                let record = try answer.decode(RunRecord.self)
                let path = APIPath("runs", run.id.description, "tasks")
                let tasks = try await session.api.get(path).decode(TaskRecords.self).items
                patience.reset()
                let text = Self.text(record, tasks, session)
                if text != shown {
                    if session.console.isTerminal, session.format == .table {
                        session.console.data(Array(("\u{1B}[H\u{1B}[2J\u{1B}[3J" + text).utf8))
                    } else if session.format == .table || session.format == .wide {
                        session.console.data(Array((shown.isEmpty ? text : "\n" + text).utf8))
                    } else {
                        session.one(try answer.tree(), Columns.runs(now: session.now()))
                    }
                    shown = text
                }
                if let exit = record.exit {
                    if exit != .ok { throw ClientError.silent(exit) }
                    return
                }
                // The interval of drawing anew.
                try await Task.sleep(for: .milliseconds(tasks.count > 200 ? 1500 : 500))
            } catch let error as ClientError where error.isTransient {
                try await patience.wait(after: error)
            }
        }
    }

    static func text(_ run: RunRecord, _ tasks: [TaskRecord], _ session: ClientSession) -> String {
        let reason = run.reason.map { ": \(Console.printable($0))" } ?? ""
        let state = StateColor.paint(run.state, isColored: session.console.isColored)
        var text = "\(run.id) \(state) (\(run.progress))\(reason)\n"
        let isCompact = tasks.count > compactAbove
        let visible =
            isCompact ? tasks.filter { !["waiting", "succeeded", "skipped"].contains($0.state) } : tasks
        let width = visible.map { DisplayWidth.of($0.id) }.max() ?? 0
        for task in visible {
            let state = StateColor.paint(task.state, isColored: session.console.isColored)
            text += "  \(DisplayWidth.padded(task.id, to: width))  \(state)"
            if !task.partitions.isEmpty {
                let counts = Dictionary(grouping: task.partitions, by: \.state).mapValues(\.count)
                text +=
                    "  "
                    + counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(
                        separator: ", "
                    )
            }
            if let last = task.attempts.last, last.n > 1 || (last.isOver && last.state != "succeeded") {
                text += "  attempt \(last.n) on \(last.worker): \(Console.printable(last.outcome))"
            }
            text += "\n"
        }
        if isCompact {
            text += "  … and \(tasks.count - visible.count) tasks that wait, succeeded or were skipped\n"
        }
        return text
    }
}
