import FoundationEssentials
package import Scheduling
package import ZnodeStore

/// A znode whose content is not what this version writes.
package struct RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// JSON of the records. Small, readable in any ZooKeeper shell, keys sorted.
package enum RecordCoding {
    package static func encode(_ record: some Encodable) -> [UInt8] {
        do {
            return try CanonicalJSON.encode(record)
        } catch {
            // Records hold strings, integers and lists of them: there is nothing in them that JSON cannot say.
            preconditionFailure("record of type \(type(of: record)) does not encode: \(error)")
        }
    }

    package static func decode<Record: Decodable>(
        _ type: Record.Type,
        from data: [UInt8],
        path: ZnodePath
    ) throws(RecordError) -> Record {
        do {
            return try CanonicalJSON.decode(type, from: data)
        } catch {
            throw RecordError("\(path) does not hold a \(type): \(error)")
        }
    }
}

/// The stored form of a live run: a header, and states of units in chunks where there are more than one chunk holds.
package enum RunRecordCoding {
    private struct Header: Codable {
        var jobVersion: Int
        var cause: RunCause
        var priority: Int
        var params: [String: String]?
        var queuedAt: WallTime
        var startedAt: WallTime
        var endedAt: WallTime?
        var traceID: String
        var triggersDownstream: Bool
        var age: Int64
        var state: RunState
        var stopAs: RunState?
        var reason: String?
        /// States of all units where one chunk holds them.
        var units: String?

        enum CodingKeys: String, CodingKey {
            case cause, priority, params, age, state, reason, units
            case jobVersion = "job_version"
            case queuedAt = "queued_at"
            case startedAt = "started_at"
            case endedAt = "ended_at"
            case traceID = "trace_id"
            case triggersDownstream = "triggers_downstream"
            case stopAs = "stop_as"
        }
    }

    package static func header(_ run: LiveRun) -> [UInt8] {
        RecordCoding.encode(
            Header(
                jobVersion: run.job.version,
                cause: run.cause,
                priority: run.priority,
                params: run.params.isEmpty ? nil : run.params,
                queuedAt: run.queuedAt,
                startedAt: run.startedAt,
                endedAt: run.endedAt,
                traceID: run.traceID,
                triggersDownstream: run.triggersDownstream,
                age: run.age,
                state: run.state,
                stopAs: run.stopAs,
                reason: run.reason,
                units: run.chunkCount == 0 ? unitText(run.units[...]) : nil
            )
        )
    }

    package static func chunk(_ run: LiveRun, _ chunk: Int) -> [UInt8] {
        let start = chunk * LiveRun.chunkSize
        let end = min(start + LiveRun.chunkSize, run.units.count)
        return Array(unitText(run.units[start..<end]).utf8)
    }

    /// Which version of the job a stored run executes: needed to read the rest.
    package static func jobVersion(inHeader data: [UInt8], path: ZnodePath) throws(RecordError) -> Int {
        try RecordCoding.decode(Header.self, from: data, path: path).jobVersion
    }

    package static func run(
        _ id: RunID,
        job: CompiledJob,
        header data: [UInt8],
        chunks: [[UInt8]],
        outputs: [TaskID: [String: String]],
        path: ZnodePath
    ) throws(RecordError) -> LiveRun {
        let header = try RecordCoding.decode(Header.self, from: data, path: path)
        var run = LiveRun(
            id: id,
            job: job,
            cause: header.cause,
            priority: header.priority,
            params: header.params ?? [:],
            queuedAt: header.queuedAt,
            startedAt: header.startedAt,
            traceID: header.traceID,
            triggersDownstream: header.triggersDownstream,
            age: header.age
        )
        run.endedAt = header.endedAt
        run.state = header.state
        run.stopAs = header.stopAs
        run.reason = header.reason
        run.outputs = outputs
        let text = header.units ?? chunks.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ";")
        let units = try text.split(separator: ";").map { part throws(RecordError) in try unit(part, path) }
        guard units.count == job.unitCount else {
            throw RecordError("\(path) has \(units.count) units where the definition has \(job.unitCount)")
        }
        run.units = units
        return run
    }

    /// One letter of `TaskState`, then attempt, failures, losses, worker and the end of its backoff, without the
    /// zeros at the end: `w`, `r1,0,0,3`.
    private static func unitText(_ units: ArraySlice<Unit>) -> String {
        units.map { unit in
            var numbers: [Int64] = [
                Int64(unit.attempt), Int64(unit.failures), Int64(unit.losses), Int64(unit.worker),
                unit.retryAt,
            ]
            while numbers.last == 0 { numbers.removeLast() }
            return String(unit.state.letter) + numbers.map(String.init).joined(separator: ",")
        }.joined(separator: ";")
    }

    private static func unit(_ text: Substring, _ path: ZnodePath) throws(RecordError) -> Unit {
        guard let letter = text.first, let state = TaskState(letter: letter) else {
            throw RecordError("\(path) has a unit \"\(text)\"")
        }
        let numbers = text.dropFirst().split(separator: ",", omittingEmptySubsequences: false).map {
            Int64($0) ?? 0
        }
        var unit = Unit()
        unit.state = state
        if numbers.count > 0 { unit.attempt = Int(numbers[0]) }
        if numbers.count > 1 { unit.failures = Int(numbers[1]) }
        if numbers.count > 2 { unit.losses = Int(numbers[2]) }
        if numbers.count > 3 { unit.worker = Int(numbers[3]) }
        if numbers.count > 4 { unit.retryAt = numbers[4] }
        return unit
    }
}

/// The names and contents of `status/<bucket>/…`.
///
/// The outcome is in the name, and where that says all (`started`, and success without outputs and reason) so are the times, in
/// base 36 of milliseconds: such a report is never read.
package enum ReportCoding {
    private struct Content: Codable {
        var startedAt: WallTime?
        var endedAt: WallTime?
        var exitCode: Int?
        var signal: Int?
        var reason: String?
        var outputs: [String: String]?
        /// Of a late result: what it was, and whether it was certainly taken over before.
        var outcome: AttemptOutcome?
        var isCertain: Bool?
        var worker: WorkerID?
        var token: Int64?
        var assignedAt: WallTime?

        enum CodingKeys: String, CodingKey {
            case signal, reason, outputs, outcome, worker, token
            case assignedAt = "assigned_at"
            case isCertain = "is_certain"
            case startedAt = "started_at"
            case endedAt = "ended_at"
            case exitCode = "exit_code"
        }
    }

    package static func started(_ attempt: AttemptID, at time: WallTime) -> (name: String, data: [UInt8]) {
        ("\(attempt.znodeName).started.\(text(time))", [])
    }

    /// `stamp` is what its assignment says, where that is known.
    package static func ended(
        _ attempt: AttemptID,
        _ end: AttemptEnd,
        _ stamp: AssignmentStamp?
    ) -> (name: String, data: [UInt8]) {
        if end.outcome == .succeeded, end.outputs.isEmpty, end.reason == nil, let startedAt = end.startedAt,
            let stamp
        {
            let elapsed = String(max(0, end.endedAt - startedAt), radix: 36)
            let token = String(stamp.token, radix: 36)
            return (
                "\(attempt.znodeName).succeeded.\(text(startedAt)).\(elapsed).\(token).\(text(stamp.assignedAt))",
                []
            )
        }
        let content = Content(
            startedAt: end.startedAt,
            endedAt: end.endedAt,
            exitCode: end.exitCode,
            signal: end.signal,
            reason: end.reason,
            outputs: end.outputs.isEmpty ? nil : end.outputs,
            token: stamp?.token,
            assignedAt: stamp?.assignedAt
        )
        return ("\(attempt.znodeName).\(end.outcome.rawValue)", RecordCoding.encode(content))
    }

    /// A result that was refused because its attempt had been taken over.
    package static func late(
        _ attempt: AttemptID,
        _ end: AttemptEnd,
        _ stamp: AssignmentStamp?,
        isCertain: Bool,
        worker: WorkerID
    ) -> (name: String, data: [UInt8]) {
        let content = Content(
            startedAt: end.startedAt,
            endedAt: end.endedAt,
            exitCode: end.exitCode,
            signal: end.signal,
            reason: end.reason,
            outputs: nil,
            outcome: end.outcome,
            isCertain: isCertain,
            worker: worker,
            token: stamp?.token,
            assignedAt: stamp?.assignedAt
        )
        return ("\(attempt.znodeName).late", RecordCoding.encode(content))
    }

    /// Whether a name is that of a result that was refused.
    package static func isLate(name: String) -> Bool { name.hasSuffix(".late") }

    /// What a name says by itself; `needsContent` where the znode must be read for the rest.
    package static func parse(name: String, bucket: Int) -> (report: Report, needsContent: Bool)? {
        guard let tilde = name.lastIndex(of: "~"),
            let dot = name[tilde...].firstIndex(of: "."),
            let attempt = AttemptID(znodeName: name[..<dot])
        else { return nil }
        let parts = name[name.index(after: dot)...].split(separator: ".")
        switch parts.first {
        case "started":
            guard parts.count == 2, let time = time(parts[1]) else { return nil }
            return (
                Report(attempt: attempt, event: .started, startedAt: time, bucket: bucket, znodeName: name),
                false
            )
        case "late":
            return (
                Report(
                    attempt: attempt,
                    event: .late(.lost, isCertain: false),
                    bucket: bucket,
                    znodeName: name
                ),
                true
            )
        case let outcome?:
            guard let outcome = AttemptOutcome(rawValue: String(outcome)) else { return nil }
            var report = Report(attempt: attempt, event: .ended(outcome), bucket: bucket, znodeName: name)
            guard parts.count == 5, let started = time(parts[1]), let elapsed = Int64(parts[2], radix: 36),
                let token = Int64(parts[3], radix: 36), let assigned = time(parts[4])
            else {
                return (report, true)
            }
            report.stamp = AssignmentStamp(token: token, assignedAt: assigned)
            report.startedAt = started
            report.endedAt = started + elapsed
            report.exitCode = 0
            return (report, false)
        case nil:
            return nil
        }
    }

    package static func complete(
        _ report: inout Report,
        from data: [UInt8],
        path: ZnodePath
    ) throws(RecordError) {
        let content = try RecordCoding.decode(Content.self, from: data, path: path)
        report.startedAt = content.startedAt
        report.endedAt = content.endedAt
        report.exitCode = content.exitCode
        report.signal = content.signal
        report.reason = content.reason
        report.outputs = content.outputs ?? [:]
        if let token = content.token, let assignedAt = content.assignedAt {
            report.stamp = AssignmentStamp(token: token, assignedAt: assignedAt)
        }
        if case .late = report.event {
            report.event = .late(content.outcome ?? .lost, isCertain: content.isCertain ?? false)
            report.worker = content.worker
        }
    }

    private static func text(_ time: WallTime) -> String { String(time.milliseconds, radix: 36) }

    private static func time(_ text: Substring) -> WallTime? {
        Int64(text, radix: 36).map { WallTime(milliseconds: $0) }
    }
}
