import HistoryChecking

/// Ways to spoil a history.
extension Golden {
    struct NothingToSpoil: Error { var what: String }

    /// Changes every operation for which the closure returns another one; `nil` removes it.
    mutating func change(
        _ what: String,
        _ body: (LogOperation, Transaction) -> LogOperation?
    ) throws {
        var changes = 0
        for index in transactions.indices {
            let transaction = transactions[index]
            let operations = transaction.operations.compactMap { operation -> LogOperation? in
                let next = body(operation, transaction)
                if next != operation { changes += 1 }
                return next
            }
            transactions[index].operations = operations
        }
        guard changes > 0 else { throw NothingToSpoil(what: what) }
    }

    /// Changes the text of the data of znodes whose path contains `path`.
    mutating func rewrite(_ path: String, _ old: String, _ new: String) throws {
        try change("\(path): \(old)") { operation, _ in
            switch operation {
            case .create(let found, let data, let isEphemeral) where found.contains(path):
                .create(path: found, data: Self.replaced(data, old, new), isEphemeral: isEphemeral)
            case .set(let found, let data, let version) where found.contains(path):
                .set(path: found, data: Self.replaced(data, old, new), version: version)
            default: operation
            }
        }
    }

    /// Replaces a text everywhere: in paths, contents and all recordings.
    mutating func rename(_ old: String, _ new: String) throws {
        func text(_ value: String) -> String { Self.replaced(value, old, new) }
        try change(old) { operation, _ in
            switch operation {
            case .create(let path, let data, let isEphemeral):
                .create(path: text(path), data: Self.replaced(data, old, new), isEphemeral: isEphemeral)
            case .set(let path, let data, let version):
                .set(path: text(path), data: Self.replaced(data, old, new), version: version)
            case .delete(let path): .delete(path: text(path))
            case .check(let path, let version): .check(path: text(path), version: version)
            default: operation
            }
        }
        func all(_ lines: [JSON]) -> [JSON] { lines.map { JSON(text: text($0.text))! } }
        (probes, client, mirror) = (all(probes), all(client), all(mirror))
    }

    /// Gives a run another id everywhere, in the mirror's lists too.
    mutating func rename(run old: String, _ new: String) throws {
        func member(_ run: String) -> String {
            let parts = run.split(separator: "@")
            return "\(parts[1])\(parts[0])@"
        }
        try rename(old, new)
        mirror = mirror.map { JSON(text: Self.replaced($0.text, member(old), member(new)))! }
    }

    /// Takes a run out of the history, as if it had never been.
    mutating func remove(run: String) throws {
        var gone: Set<String> = []
        try change(run) { operation, _ in
            switch operation {
            case .create(let path, let data, let isEphemeral):
                if path.contains(run) { return nil }
                guard path.contains("/outbox/"), Self.contains(data, run) else { return operation }
                let kept = Self.records(data).filter { !$0.text.contains(run) }
                if kept.isEmpty { gone.insert(path) }
                return kept.isEmpty
                    ? nil : .create(path: path, data: Self.outbox(data, kept), isEphemeral: isEphemeral)
            case .set(let path, _, _), .delete(let path):
                return path.contains(run) || gone.contains(path) ? nil : operation
            default: return operation
            }
        }
        for index in transactions.indices {
            transactions[index].operations.removeAll { operation in
                if case .delete(let path) = operation { gone.contains(path) } else { false }
            }
        }
        probes.removeAll { $0["run"]?.string == run }
        mirror.removeAll { $0["key"]?.string?.hasSuffix(":\(run)") == true }
    }

    /// Takes one record out of the outbox.
    mutating func removeRecord(containing parts: String...) throws {
        try change("a record with \(parts)") { operation, _ in
            guard case .create(let path, let data, let isEphemeral) = operation, path.contains("/outbox/")
            else {
                return operation
            }
            let records = Self.records(data)
            let kept = records.filter { record in !parts.allSatisfy { record.text.contains($0) } }
            return kept.count == records.count
                ? operation : .create(path: path, data: Self.outbox(data, kept), isEphemeral: isEphemeral)
        }
    }

    /// Adds operations to the first commit of a leader from a time on that does nothing but set `term`, or
    /// that satisfies `condition`.
    mutating func add(
        _ operations: [LogOperation],
        from time: String,
        where condition: (Transaction) -> Bool = { $0.operations.count == 1 && $0.isCommit }
    ) throws {
        guard let index = transactions.firstIndex(where: { $0.time >= Golden.at(time) && condition($0) })
        else {
            throw NothingToSpoil(what: "no transaction from \(time) on")
        }
        transactions[index].operations += operations
    }

    /// Puts a transaction right behind the last one at or before a time.
    mutating func insert(
        _ operations: [LogOperation],
        at time: String,
        session: Int64,
        cxid: Int32 = 1
    ) throws {
        guard let index = transactions.lastIndex(where: { $0.time <= Golden.at(time) }) else {
            throw NothingToSpoil(what: "no transaction before \(time)")
        }
        transactions.insert(
            Transaction(
                zxid: transactions[index].zxid + 1,
                time: Golden.at(time),
                session: session,
                cxid: cxid,
                operations: operations,
                source: "inserted"
            ),
            at: index + 1
        )
    }

    /// Changes a member of the lines of probes that match; at least one must.
    mutating func changeProbes(
        _ attempt: String,
        _ event: String? = nil,
        _ body: (inout [String: JSON]) -> Void
    ) throws {
        let key = AttemptKey(attempt)!
        var changes = 0
        for index in probes.indices {
            guard var line = probes[index].object, line["run"]?.string == key.unit.run,
                line["task"]?.string == key.unit.task,
                line["partition"]?.int == Int64(key.unit.partition),
                line["attempt"]?.int == Int64(key.number),
                event == nil || line["event"]?.string == event
            else { continue }
            body(&line)
            if probes[index] != .object(line) { changes += 1 }
            probes[index] = .object(line)
        }
        guard changes > 0 else { throw NothingToSpoil(what: "\(attempt) \(event ?? "")") }
    }

    /// Adds a copy of an attempt's last line with changes.
    mutating func addProbe(_ attempt: String, _ body: (inout [String: JSON]) -> Void) throws {
        let key = AttemptKey(attempt)!
        guard
            var line = probes.last(where: {
                $0["run"]?.string == key.unit.run && $0["task"]?.string == key.unit.task
                    && $0["attempt"]?.int == Int64(key.number)
            })?.object
        else { throw NothingToSpoil(what: attempt) }
        body(&line)
        probes.append(.object(line))
    }

    /// Replaces a text in what the mirror holds under a key that ends so.
    mutating func rewriteMirror(_ key: String, _ old: String, _ new: String) throws {
        let before = mirror
        mirror = mirror.map { line in
            line["key"]?.string?.hasSuffix(key) == true
                ? JSON(text: Self.replaced(line.text, old, new))! : line
        }
        if mirror == before { throw NothingToSpoil(what: "\(key): \(old)") }
    }

    /// The mirror holds of each attempt what the outbox says last.
    mutating func mirrorAttempts() {
        var fields: [String: [String: JSON]] = [:]
        for case .create(let path, let data, _) in transactions.flatMap(\.operations)
        where path.contains("/outbox/") {
            let version = JSON(data)!["version"]!
            for record in Self.records(data) {
                guard let run = record["attempt"]?["run"]?.string, let view = record["attempt"]?["_1"] else {
                    continue
                }
                let field = "\(view["task"]!.string!)~\(view["partition"]!.int!)~\(view["n"]!.int!)"
                fields[run, default: [:]][field] = .string(
                    "\(version["term"]!.int!)-\(version["commit"]!.int!)-1 \(view.text)"
                )
            }
        }
        mirror = mirror.map { line in
            guard let run = line["key"]?.string?.split(separator: ":attempts:").dropFirst().first,
                let value = fields[String(run)]
            else { return line }
            return .object(["key": line["key"]!, "type": "hash", "value": .object(value)])
        }
    }

    /// The settings with one more member.
    func with(_ key: String, _ value: JSON) -> JSON {
        var members = settings.object ?? [:]
        members[key] = value
        return .object(members)
    }

    /// The mirror is emptied.
    mutating func flush(_ phase: String, at time: String) {
        faults.append(
            .object([
                "fault": "redis-flush", "phase": .string(phase),
                "realtime_ns": .int(Golden.at(time) * 1_000_000),
            ])
        )
    }

    /// Turns the answer to the calls of an operation whose arguments match into a refusal.
    mutating func refuse(
        _ operation: String,
        _ status: Int64,
        where condition: ([String: JSON]) -> Bool
    ) throws {
        let matching = client.indices.filter { index in
            client[index]["op"]?.string == operation && client[index]["type"]?.string == "ok"
                && condition(client[index]["args"]?.object ?? [:])
        }
        guard !matching.isEmpty else { throw NothingToSpoil(what: operation) }
        for index in matching {
            var line = client[index].object!
            line["type"] = "fail"
            line["status"] = .int(status)
            line["result"] = nil
            client[index] = .object(line)
        }
    }

    /// Adds a second call like the first of an operation, by another process.
    mutating func duplicateCall(
        _ operation: String,
        outcome: String = "ok",
        status: Int64 = 201,
        _ body: (inout [String: JSON]) -> Void
    ) throws {
        let lines = client.filter { $0["op"]?.string == operation }.prefix(2).compactMap(\.object)
        guard lines.count == 2 else { throw NothingToSpoil(what: operation) }
        for var line in lines {
            line["process"] = .int(999)
            if line["type"]?.string == "ok" {
                line["type"] = .string(outcome)
                line["status"] = .int(status)
            }
            for key in ["args", "result"] {
                guard var members = line[key]?.object else { continue }
                body(&members)
                line[key] = .object(members)
            }
            client.append(.object(line))
        }
    }

    /// Moves the final record of an attempt into the first outbox entry from a time on, with another state.
    mutating func moveRecord(of attempt: String, from old: String, to new: String, at time: String?) throws {
        let key = AttemptKey(attempt)!
        func isMeant(_ record: JSON) -> Bool {
            let view = record["attempt"]?["_1"]
            return record["attempt"]?["run"]?.string == key.unit.run && view?["task"]?.string == key.unit.task
                && view?["partition"]?.int == Int64(key.unit.partition)
                && view?["n"]?.int == Int64(key.number)
        }
        var moved: JSON?
        try change("the record of \(attempt)") { operation, transaction in
            guard case .create(let path, let data, let isEphemeral) = operation, path.contains("/outbox/")
            else { return operation }
            var records = Golden.records(data)
            if let index = records.firstIndex(where: isMeant) {
                let record = JSON(
                    text: Golden.replaced(records[index].text, "\"state\":\"\(old)\"", "\"state\":\"\(new)\"")
                )!
                if time == nil {
                    records[index] = record
                } else {
                    moved = record
                    records.remove(at: index)
                }
            } else if let record = moved, let time, transaction.time >= Golden.at(time) {
                records.append(record)
                moved = nil
            }
            return .create(path: path, data: Golden.outbox(data, records), isEphemeral: isEphemeral)
        }
        if moved != nil { throw NothingToSpoil(what: "no outbox entry from \(time ?? "") on") }
    }

    /// Replaces a text in the outbox and in the mirror, and moves the mirror's index along.
    mutating func removeAndReplace(_ old: String, _ new: String) throws {
        try rewrite("/outbox/", old, new)
        var members: [JSON] = []
        for line in mirror where line["key"]?.string?.hasSuffix("runs:state:cancelled") == true {
            members = line["value"]?.array ?? []
        }
        mirror = mirror.compactMap { line in
            let key = line["key"]?.string ?? ""
            if key.hasSuffix("runs:state:cancelled") { return nil }
            if key.hasSuffix("runs:state:succeeded") {
                return .object([
                    "key": line["key"]!, "type": "zset", "value": .array(line["value"]!.array! + members),
                ])
            }
            return JSON(text: Golden.replaced(line.text, old, new))!
        }
    }

    /// The records of an outbox entry.
    static func records(_ data: [UInt8]) -> [JSON] { JSON(data)?["records"]?.array ?? [] }

    static func outbox(_ data: [UInt8], _ records: [JSON]) -> [UInt8] {
        var members = JSON(data)?.object ?? [:]
        members["records"] = .array(records)
        return Array(JSON.object(members).text.utf8)
    }

    static func contains(_ data: [UInt8], _ text: String) -> Bool {
        replaced(String(decoding: data, as: UTF8.self), text, "") != String(decoding: data, as: UTF8.self)
    }

    private static func replaced(_ data: [UInt8], _ old: String, _ new: String) -> [UInt8] {
        Array(replaced(String(decoding: data, as: UTF8.self), old, new).utf8)
    }

    static func replaced(_ text: String, _ old: String, _ new: String) -> String {
        let (text, old) = (Array(text.utf8), Array(old.utf8))
        var result: [UInt8] = []
        var position = 0
        while position < text.count {
            if position + old.count <= text.count, text[position..<position + old.count].elementsEqual(old) {
                result += new.utf8
                position += old.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension Transaction {
    /// Whether it begins with a set of `term`.
    var isCommit: Bool {
        if case .set("/root/term", _, _)? = operations.first { true } else { false }
    }
}
