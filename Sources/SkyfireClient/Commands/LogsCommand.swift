internal import ArgumentParser
internal import Scheduling

/// The streams of an attempt.
enum LogStreamName: String, Hashable, Sendable, CaseIterable, ExpressibleByArgument {
    case stdout, stderr
}

/// `skyfire logs RUN [TASK]`
struct LogsCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print the output of a task's attempt.",
        discussion: """
            What the task wrote to stdout goes to stdout, and stderr to stderr; with --stream, that one to stdout. \
            With -f it ends with the attempt: exit code 0 succeeded, 3 failed, 7 killed.
            """
    )

    @Argument(help: ArgumentHelp("The run's id; RUN/TASK is read too.", valueName: "run"))
    var target: RunTarget

    @Argument(
        help: ArgumentHelp("The task, clean or clean[3]. Not needed where there is one.", valueName: "task")
    )
    var task: TaskTarget?

    @Flag(name: [.customShort("f"), .long], help: "Go on until the attempt is over.")
    var follow = false

    @Option(help: ArgumentHelp("Which attempt, from 1. Default: the last.", valueName: "n"))
    var attempt: Int?

    @Option(help: "Only this stream.")
    var stream: LogStreamName?

    @Option(help: ArgumentHelp("Begin with the last lines.", valueName: "n"))
    var tail: Int?

    @Option(
        help: ArgumentHelp("Only lines that this POSIX extended regular expression finds.", valueName: "re")
    )
    var grep: String?

    @OptionGroup var globals: GlobalOptions

    mutating func validate() throws {
        if grep != nil, follow {
            throw ValidationError("--grep does not go with -f; pipe into grep --line-buffered")
        }
        if grep != nil, tail != nil { throw ValidationError("--grep does not go with --tail") }
        if let tail, !(0...100_000).contains(tail) { throw ValidationError("--tail is 0 to 100000") }
        if let attempt, attempt < 1 { throw ValidationError("attempts count from 1") }
        if target.task != nil, task != nil { throw ValidationError("the task is named twice") }
    }

    func perform(_ session: ClientSession) async throws {
        let chosen = try await attemptToRead(session)
        let reader = LogReader(
            api: session.api,
            run: target.run.description,
            task: chosen.name,
            attempt: chosen.number
        )
        if follow {
            let end = try await reader.follow(
                stream: stream?.rawValue,
                lines: tail,
                patience: Patience(console: session.console, hasAnswered: true)
            ) { name, bytes in
                session.console.data(bytes, to: isError(name) ? .errors : .output)
            }
            let code = end.exitCode.map { " (exit code \($0))" } ?? ""
            session.console.note("\(chosen.name) attempt \(chosen.number): \(end.state)\(code)")
            if let exit = ClientExit(ended: end.state), exit != .ok { throw ClientError.silent(exit) }
            return
        }
        for name in stream.map({ [$0.rawValue] }) ?? ["stdout", "stderr"] {
            try await printAll(reader, name, session)
        }
    }

    private func isError(_ name: String) -> Bool { name == "stderr" && stream == nil }

    private func printAll(_ reader: LogReader, _ name: String, _ session: ClientSession) async throws {
        let output: Console.Stream = isError(name) ? .errors : .output
        if let tail {
            return session.console.data(try await reader.tail(name, lines: tail).bytes, to: output)
        }
        var offset: Int64 = 0
        while true {
            let slice = try await reader.read(name, offset: offset, grep: grep)
            if !slice.bytes.isEmpty { session.console.data(slice.bytes, to: output) }
            if slice.isComplete || slice.nextOffset <= offset { return }
            offset = slice.nextOffset
        }
    }

    /// Finds the attempt that is meant; with -f, waits for it where the task has not started.
    private func attemptToRead(_ session: ClientSession) async throws -> (name: String, number: Int) {
        let path = APIPath("runs", target.run.description, "tasks")
        var patience = Patience(console: session.console)
        var hasTold = false
        while true {
            do {
                let tasks = try await session.api.get(path).decode(TaskRecords.self)
                patience.reset()
                let (record, partition) = try choose(tasks)
                let name = record.name(ofPartition: partition)
                let numbers = record.attempts.filter { $0.partition == partition }.map(\.n)
                if let attempt, numbers.contains(attempt) { return (name, attempt) }
                if attempt == nil, let last = numbers.max() { return (name, last) }
                let isOver = record.isOver
                guard follow, !isOver else {
                    throw ClientError(
                        .notFound,
                        attempt.map { "\(name) has no attempt \($0)" }
                            ?? "\(name) has not started (\(record.state)), so there is no log",
                        hint: isOver ? nil : "see skyfire why \(target.run)/\(record.id)"
                    )
                }
                if !hasTold { session.console.note("\(name) is \(record.state); waiting for it to start") }
                hasTold = true
                // The interval of asking: the API tells of no start by itself.
                try await Task.sleep(for: .milliseconds(300))
            } catch let error as ClientError where follow && error.isTransient {
                try await patience.wait(after: error)
            }
        }
    }

    private func choose(_ tasks: TaskRecords) throws(ClientError) -> (TaskRecord, Int) {
        let wanted = target.task ?? task
        let record: TaskRecord
        if let wanted {
            guard let found = tasks.task(wanted.id) else {
                throw ClientError(
                    .notFound,
                    "\(target.run) has no task \"\(wanted.id)\"",
                    hint: "it has \(Self.names(tasks.items.map(\.id)))"
                )
            }
            record = found
        } else {
            guard tasks.items.count == 1 else {
                throw ClientError(
                    .usage,
                    "\(target.run) has \(tasks.items.count) tasks; name one",
                    hint: Self.names(tasks.items.map(\.id))
                )
            }
            record = tasks.items[0]
        }
        if let partition = wanted?.partition {
            guard partition < max(record.partitions.count, 1) else {
                throw ClientError(.notFound, "\"\(record.id)\" has no partition \(partition)")
            }
            return (record, partition)
        }
        guard record.partitions.count <= 1 else {
            throw ClientError(
                .usage,
                "\"\(record.id)\" has \(record.partitions.count) partitions; name one",
                hint: "\(record.id)[0] to \(record.id)[\(record.partitions.count - 1)]"
            )
        }
        return (record, 0)
    }

    private static func names(_ names: [String]) -> String {
        names.count <= 20 ? names.joined(separator: ", ") : names.prefix(20).joined(separator: ", ") + " …"
    }
}
