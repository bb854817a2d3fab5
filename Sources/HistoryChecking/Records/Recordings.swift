/// A line of a probe.
package struct ProbeLine: Hashable, Sendable {
    private static let events: Set = ["start", "beat", "term", "end"]

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
        guard let event = json["event"]?.string, Self.events.contains(event), let run = json["run"]?.string,
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

    /// When machines stood still as a whole (`freeze-worker`), in milliseconds since 1970.
    package var freezes: [ClosedRange<Int64>] {
        let marks = faults.filter { $0.name == "freeze-worker" }
        return marks.filter { $0.phase == "start" }.compactMap { start in
            let stop = marks.first {
                $0.phase == "stop" && $0.target == start.target && $0.milliseconds >= start.milliseconds
            }
            return stop.map { start.milliseconds...$0.milliseconds }
        }
    }
}

extension [ProbeLine] {
    /// The lines without those of a wakening. Nothing on a machine that stood still as a whole can act before it wakes, so
    /// what its processes write within 100 ms of that is not held against whoever has to kill them.
    package func lived(_ freezes: [ClosedRange<Int64>]) -> [ProbeLine] {
        filter { line in
            !freezes.contains { freeze in
                let (begin, end) = (freeze.lowerBound + 500, freeze.upperBound - 500)
                return line.milliseconds >= end && line.milliseconds <= freeze.upperBound + 100
                    && contains { $0.milliseconds < begin }
                    && !contains { $0.milliseconds >= begin && $0.milliseconds < end }
            }
        }
    }
}

/// What is configured: bounds, and what cannot be seen in the recordings.
package struct JudgeSettings: Sendable {
    /// What a setting may be.
    private enum Form {
        case milliseconds(Int64)
        case texts
        case countOrCounts
        case counts
        case numbers
        case countsByRole
        case numbersByRole
    }

    /// All settings there are. What excuses facts has an end: without one it would excuse them all.
    private static let forms: [String: Form] = [
        "tolerance_ms": .milliseconds(10_000), "settle_ms": .milliseconds(600_000),
        "session_timeout_ms": .milliseconds(300_000), "live_workers": .texts, "slots": .countOrCounts,
        "bounds": .counts, "bounds_by_role": .countsByRole, "slopes": .numbers,
        "slopes_by_role": .numbersByRole,
    ]

    package let json: JSON

    package init() { json = .object([:]) }

    /// Takes an object that consists of settings alone; `place` is where it is from.
    package init(_ json: JSON, place: String = "--settings") throws(UnreadableInput) {
        guard let members = json.object else { throw UnreadableInput(place, "not a JSON object") }
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let form = Self.forms[key] else {
                throw UnreadableInput(place, "there is no setting \(key)")
            }
            guard Self.accepts(value, form) else {
                throw UnreadableInput(place, "\(key) cannot be \(value.text)")
            }
        }
        self.json = json
    }

    /// Reads a file with one JSON object.
    package init(file: String) throws(UnreadableInput) {
        guard let json = JSON(try InputFile.bytes(of: file)) else {
            throw UnreadableInput(file, "not a JSON object")
        }
        try self.init(json, place: file)
    }

    private static func accepts(_ value: JSON, _ form: Form) -> Bool {
        func all(_ value: JSON, _ condition: (JSON) -> Bool) -> Bool {
            value.object?.values.allSatisfy(condition) ?? false
        }
        return switch form {
        case .milliseconds(let most): value.int.map { (0...most).contains($0) } ?? false
        case .texts: value.array?.allSatisfy { $0.string != nil } ?? false
        case .countOrCounts: value.int != nil || all(value) { $0.int != nil }
        case .counts: all(value) { $0.int != nil }
        case .numbers: all(value) { $0.number != nil }
        case .countsByRole: all(value) { all($0) { $0.int != nil } }
        case .numbersByRole: all(value) { all($0) { $0.number != nil } }
        }
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
