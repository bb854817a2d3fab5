/// A line of a probe.
package struct ProbeLine: Hashable, Sendable {
    package var event: String
    package var key: AttemptKey
    package var token: Int64?
    package var worker: String
    package var isMain: Bool
    package var monotonic: Int64
    /// Nanoseconds since 1970.
    package var realtime: Int64
    package var pid: Int64
    /// The exit code, with `end`.
    package var exit: Int64?
    package var place: String

    /// Milliseconds since 1970, as the transaction log counts.
    package var milliseconds: Int64 { realtime / 1_000_000 }

    package init?(_ line: Line) {
        let json = line.json
        guard let event = json["event"]?.string, let run = json["run"]?.string,
            let task = json["task"]?.string,
            let attempt = json["attempt"]?.int, let monotonic = json["monotonic_ns"]?.int,
            let realtime = json["realtime_ns"]?.int
        else { return nil }
        self.event = event
        key = AttemptKey(
            unit: UnitKey(run: run, task: task, partition: Int(json["partition"]?.int ?? 0)),
            number: Int(attempt)
        )
        token = json["token"]?.string.flatMap { Int64($0) }
        worker = json["worker"]?.string ?? ""
        isMain = json["role"]?.string != "child"
        self.monotonic = monotonic
        self.realtime = realtime
        pid = json["pid"]?.int ?? 0
        exit = json["exit"]?.int
        place = line.place
    }
}

/// A request of the client: its invocation and what came of it.
package struct ClientCall: Hashable, Sendable {
    /// `ok`, `fail` (certainly not done) or `info` (unknown; also where the log ends before the answer).
    package enum Outcome: String, Hashable, Sendable { case ok, fail, info }

    package var operation: String
    package var arguments: JSON
    package var outcome: Outcome
    package var result: JSON
    package var status: Int64
    package var code: String?
    /// Nanoseconds since 1970; the end is `Int64.max` where there is none.
    package var begin: Int64
    package var end: Int64
    package var place: String

    /// An argument's text, or that of the result.
    package func argument(_ key: String) -> String? { arguments[key]?.string }
}

/// Reads the client's log.
package enum ClientLog {
    /// Joins invocations and answers by process.
    package static func calls(_ lines: [Line]) throws(UnreadableInput) -> [ClientCall] {
        var calls: [ClientCall] = []
        var open: [Int64: Int] = [:]
        for line in lines {
            let json = line.json
            guard let kind = json["type"]?.string, let process = json["process"]?.int,
                let operation = json["op"]?.string, let time = json["realtime_ns"]?.int
            else {
                throw UnreadableInput(line.place, "a client's line without type, process, op or realtime_ns")
            }
            if kind == "invoke" {
                guard open[process] == nil else {
                    throw UnreadableInput(line.place, "process \(process) has a request under way already")
                }
                open[process] = calls.count
                calls.append(
                    ClientCall(
                        operation: operation,
                        arguments: json["args"] ?? .null,
                        outcome: .info,
                        result: .null,
                        status: 0,
                        begin: time,
                        end: .max,
                        place: line.place
                    )
                )
            } else {
                guard let outcome = ClientCall.Outcome(rawValue: kind) else {
                    throw UnreadableInput(line.place, "type \"\(kind)\" is none of invoke, ok, fail, info")
                }
                guard let index = open.removeValue(forKey: process) else {
                    throw UnreadableInput(line.place, "process \(process) has no request under way")
                }
                calls[index].outcome = outcome
                calls[index].result = json["result"] ?? .null
                calls[index].status = json["status"]?.int ?? 0
                calls[index].code = json["code"]?.string
                calls[index].end = time
            }
        }
        return calls
    }

    /// A job's name as znodes have it.
    package static func jobName(_ text: String) -> String {
        text.hasPrefix("default.") ? String(text.dropFirst(8)) : text
    }
}

/// The marks and faults of a test.
package struct FaultLog: Hashable, Sendable {
    /// A fault, or one end of it.
    package struct Fault: Hashable, Sendable {
        package var name: String
        package var phase: String
        package var target: String
        package var milliseconds: Int64
        package var place: String
    }

    package var faults: [Fault] = []

    package init(_ lines: [Line] = []) throws(UnreadableInput) {
        for line in lines {
            guard let name = line.json["fault"]?.string, let time = line.json["realtime_ns"]?.int else {
                throw UnreadableInput(line.place, "a fault without fault or realtime_ns")
            }
            faults.append(
                Fault(
                    name: name,
                    phase: line.json["phase"]?.string ?? "once",
                    target: line.json["target"]?.string ?? "",
                    milliseconds: time / 1_000_000,
                    place: line.place
                )
            )
        }
    }

    /// When a mark was set last, in milliseconds since 1970.
    package func mark(_ name: String) -> Int64? { faults.last { $0.name == name }?.milliseconds }
}

/// What is configured: bounds, and what cannot be seen in the recordings.
package struct JudgeSettings: Sendable {
    package var json: JSON

    package init(_ json: JSON = .object([:])) { self.json = json }

    /// Reads a file with one JSON object.
    package init(file: String) throws(UnreadableInput) {
        guard let json = JSON(try InputFile.bytes(of: file)), json.object != nil else {
            throw UnreadableInput(file, "not a JSON object")
        }
        self.json = json
    }

    /// How far apart clocks that should agree may be, and how long a signal takes. Default 200.
    package var tolerance: Int64 { json["tolerance_ms"]?.int ?? 200 }
    /// How long after a fact the system may take until nothing is left to do. Default two session timeouts
    /// and 10 s.
    package func settle(sessionTimeout: Int64) -> Int64 {
        json["settle_ms"]?.int ?? 2 * (json["session_timeout_ms"]?.int ?? sessionTimeout) + 10_000
    }
    /// Workers that must be registered in the end.
    package var liveWorkers: [String]? { json["live_workers"]?.array?.compactMap(\.string) }
    /// The slots of a worker, where they are not those of its registration.
    package func slots(of worker: String) -> Int64? { json["slots"]?.int ?? json["slots"]?[worker]?.int }
    /// The bound of a series.
    package func bound(_ name: String, role: String? = nil) -> Int64? {
        role.flatMap { json["bounds_by_role"]?[$0]?[name]?.int } ?? json["bounds"]?[name]?.int
    }
}
