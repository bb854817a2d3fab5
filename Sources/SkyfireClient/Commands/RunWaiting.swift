/// Stays with a run until it is over, and tells of it by exit code.
struct RunWaiting: Sendable {
    let session: ClientSession
    let run: String

    /// Waits for the end. Words about it go to stderr; with `followsLogs` the tasks' output goes to stdout.
    ///
    /// - Returns: the record of the run that is over, and the exit code that tells of it.
    func untilOver(followsLogs: Bool) async throws -> (record: JSONTree, exit: ClientExit) {
        let clock = ContinuousClock()
        let start = clock.now
        var patience = Patience(console: session.console, hasAnswered: true)
        var follower = LogFollower(session: session, run: run)
        var told = ""
        var pause = Duration.milliseconds(100)
        while true {
            let roundStart = clock.now
            do {
                let answer = try await session.api.get(APIPath("runs", run))
                let record = try answer.decode(RunRecord.self)
                var wasQuiet = true
                var isDrained = true
                if followsLogs {
                    let tasks = try await session.api.get(APIPath("runs", run, "tasks")).decode(
                        TaskRecords.self
                    )
                    (wasQuiet, isDrained) = try await follower.drain(
                        tasks.items,
                        runIsOver: record.exit != nil
                    )
                }
                patience.reset()
                if record.state != told, record.exit == nil {
                    told = record.state
                    session.console.note("\(run) \(record.state)")
                }
                if let exit = record.exit, isDrained {
                    let reason = record.reason.map { ": \($0)" } ?? ""
                    let span = TimeText.span(Int64((clock.now - start) / .milliseconds(1)))
                    session.console.note("\(run) \(record.state) after \(span) (\(record.progress))\(reason)")
                    return (try answer.tree(), exit)
                }
                // Look often while something happens, and never spend more than a fifth of the time on looking.
                pause = wasQuiet ? min(pause * 3 / 2, .seconds(1)) : .milliseconds(100)
                try await Task.sleep(for: max(pause, (clock.now - roundStart) * 4))
            } catch let error as ClientError where error.isTransient {
                try await patience.wait(after: error)
            }
        }
    }
}

/// Prints the output of all attempts of a run as it comes, whole lines, with the task before each where there are
/// several.
struct LogFollower {
    private struct Key: Hashable {
        var task: String
        var attempt: Int
        var stream: String
    }

    private struct Place {
        var offset: Int64 = 0
        /// A line that has not ended yet, of less than `longestLine` bytes.
        var pending: [UInt8] = []
        var failures = 0
        var isDone = false
    }

    /// In bytes. Without a prefix output goes through as it is.
    private static let longestLine = 65_536
    /// Rounds in which a log may fail once its attempt is over, before it is given up.
    private static let tries = 8

    private let session: ClientSession
    private let run: String
    private var places: [Key: Place] = [:]
    private var toldEnds: Set<Key> = []

    init(session: ClientSession, run: String) {
        self.session = session
        self.run = run
    }

    /// Prints what is new.
    ///
    /// - Returns: whether there was nothing, and whether no more will come of these attempts.
    mutating func drain(
        _ tasks: [TaskRecord],
        runIsOver: Bool
    ) async throws -> (wasQuiet: Bool, isDrained: Bool) {
        let hasPrefix = tasks.count > 1 || tasks.contains { $0.partitions.count > 1 }
        var wasQuiet = true
        var isDrained = true
        for task in tasks {
            for attempt in task.attempts where attempt.state != "assigned" || runIsOver {
                let name = task.name(ofPartition: attempt.partition)
                let isOver = attempt.isOver || runIsOver
                for stream in ["stdout", "stderr"] {
                    let key = Key(task: name, attempt: attempt.n, stream: stream)
                    var place = places[key] ?? Place()
                    if place.isDone { continue }
                    let reader = LogReader(api: session.api, run: run, task: name, attempt: attempt.n)
                    let prefix = hasPrefix ? "\(name) | " : ""
                    if try await read(reader, stream, prefix: prefix, into: &place, isOver: isOver) {
                        wasQuiet = false
                    }
                    if !place.isDone { isDrained = false }
                    places[key] = place
                }
                tell(attempt, name)
            }
        }
        return (wasQuiet, isDrained)
    }

    /// Reads on in one stream; tells whether there was something.
    private func read(
        _ reader: LogReader,
        _ stream: String,
        prefix: String,
        into place: inout Place,
        isOver: Bool
    ) async throws -> Bool {
        var hasRead = false
        do {
            while true {
                let slice = try await reader.read(stream, offset: place.offset)
                place.offset = slice.nextOffset
                place.failures = 0
                if !slice.bytes.isEmpty {
                    hasRead = true
                    print(slice.bytes, prefix: prefix, into: &place)
                }
                if slice.isComplete || (slice.bytes.isEmpty && isOver) {
                    finish(prefix: prefix, &place)
                    break
                }
                if slice.bytes.isEmpty { break }
            }
        } catch let error as ClientError where error.isTransient || error.exit == .notFound {
            // The worker is gone, or its log is not there yet; while the attempt lives there is time.
            guard isOver else { return hasRead }
            place.failures += 1
            if place.failures >= Self.tries || (error.exit == .notFound && place.failures > 1) {
                if error.isTransient {
                    session.console.note("\(prefix)the rest of \(stream) is out of reach: \(error.message)")
                }
                finish(prefix: prefix, &place)
            }
        }
        return hasRead
    }

    private func print(_ bytes: [UInt8], prefix: String, into place: inout Place) {
        guard !prefix.isEmpty else { return session.console.data(bytes) }
        var out: [UInt8] = []
        var rest = (place.pending + bytes)[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            out += prefix.utf8
            out += rest[...end]
            rest = rest[(end + 1)...]
        }
        // A longer one is broken, so that no line has to fit into memory.
        while rest.count >= Self.longestLine {
            out += prefix.utf8
            out += rest.prefix(Self.longestLine)
            out.append(UInt8(ascii: "\n"))
            rest = rest.dropFirst(Self.longestLine)
        }
        place.pending = Array(rest)
        if !out.isEmpty { session.console.data(out) }
    }

    private func finish(prefix: String, _ place: inout Place) {
        place.isDone = true
        guard !place.pending.isEmpty else { return }
        session.console.data(Array(prefix.utf8) + place.pending + [UInt8(ascii: "\n")])
        place.pending = []
    }

    private mutating func tell(_ attempt: TaskRecord.Attempt, _ name: String) {
        guard attempt.isOver, toldEnds.insert(Key(task: name, attempt: attempt.n, stream: "")).inserted else {
            return
        }
        session.console.note("\(name) attempt \(attempt.n) on \(attempt.worker): \(attempt.outcome)")
    }
}
