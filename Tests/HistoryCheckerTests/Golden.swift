import HistoryChecking

/// A history that holds every invariant, written by hand as the layout says, to be spoilt by the tests.
///
/// Zxids go up by 16, so that mutations can put transactions between. Times are milliseconds; the day begins
/// at
/// 2026-11-24T10:00:00Z.
struct Golden {
    var transactions: [Transaction] = []
    var probes: [JSON] = []
    var client: [JSON] = []
    var faults: [JSON] = []
    var mirror: [JSON] = []
    var samples: [JSON] = []
    var settings: JSON = .object([
        "session_timeout_ms": .int(4000), "settle_ms": .int(5000),
        "bounds": .object(["rss_bytes": .int(1000)]),
        "live_workers": .array(["worker-2", "worker-3"]),
    ])

    /// Milliseconds of a time of that day.
    static func at(_ text: String) -> Int64 {
        Instants.milliseconds(rfc3339: "2026-11-24T\(text)Z")!
    }

    func verdicts() throws -> [Verdict] { Judge.verdicts(try evidence()) }

    func evidence() throws -> Evidence {
        func lines(_ values: [JSON], _ name: String) -> [Line] {
            values.enumerated().map { Line(json: $0.element, place: "\(name):\($0.offset + 1)") }
        }
        return try Evidence(
            history: try History(transactions),
            probes: lines(probes, "probes"),
            client: lines(client, "client"),
            faults: lines(faults, "faults"),
            mirror: lines(mirror, "mirror"),
            samples: lines(samples, "samples"),
            settings: try JudgeSettings(settings)
        )
    }

    /// Ids of the invariants that are violated.
    func red() throws -> [String] { try verdicts().filter { $0.state == .violated }.map(\.id) }
}

/// Writes a golden history.
struct GoldenWriter {
    private(set) var golden = Golden()
    private var now: Int64 = 0
    private var zxid: Int64 = 0
    private var cxid: Int32 = 1000
    private var process: Int64 = 0
    private var term: Int64 = 0
    private var commit: Int64 = 0
    private var termVersion: Int32 = 0
    /// Of the znodes that there are.
    private var versions: [String: Int32] = [:]
    private var leader = (session: Int64(0), worker: "")
    private var sessions: [String: Int64] = [:]
    /// Attempt to worker and pid.
    private var places: [String: (worker: String, token: Int64, pid: Int64)] = [:]
    private var headers: [String: [String: JSON]] = [:]
    private var firedVersions: [String: Int32] = [:]
    private var pid: Int64 = 100
    private var submitted: [String] = []

    // MARK: Basics

    mutating func at(_ text: String) { now = max(now, Golden.at(text)) }

    @discardableResult
    mutating func write(_ session: Int64, _ operations: [LogOperation], isOwn: Bool = true) -> Int64 {
        zxid += 16
        cxid += 1
        now += 2
        golden.transactions.append(
            Transaction(
                zxid: zxid,
                time: now,
                session: session,
                cxid: isOwn ? cxid : 0,
                operations: operations.map { numbered($0) },
                source: "log:\(zxid)"
            )
        )
        return zxid
    }

    /// Each set of a znode follows on the one before it.
    private mutating func numbered(_ operation: LogOperation) -> LogOperation {
        switch operation {
        case .create(let path, _, _):
            versions[path] = 0
        case .delete(let path):
            versions[path] = nil
        case .set(let path, let data, _):
            guard let version = versions[path] else { return operation }
            versions[path] = version + 1
            return .set(path: path, data: data, version: version + 1)
        default: break
        }
        return operation
    }

    @discardableResult
    mutating func lead(_ operations: [LogOperation] = []) -> Int64 {
        commit += 1
        termVersion += 1
        return write(leader.session, [setTerm()] + operations)
    }

    private func setTerm() -> LogOperation {
        .set(
            path: "/root/term",
            data: bytes(["term": .int(term), "commit": .int(commit), "worker": .string(leader.worker)]),
            version: termVersion
        )
    }

    func bytes(_ members: [String: JSON]) -> [UInt8] { Array(JSON.object(members).text.utf8) }

    func create(_ path: String, _ members: [String: JSON]? = nil, ephemeral: Bool = false) -> LogOperation {
        .create(path: "/root/\(path)", data: members.map(bytes) ?? [], isEphemeral: ephemeral)
    }

    func time(_ milliseconds: Int64) -> JSON { .string(Instants.text(milliseconds)) }

    // MARK: The cluster

    mutating func open(_ worker: String, session: Int64) {
        sessions[worker] = session
        write(session, [.createSession(timeoutMilliseconds: 4000)], isOwn: false)
    }

    mutating func found(_ worker: String) {
        var operations: [LogOperation] = [
            .create(path: "/root", data: bytes(["layout_version": .int(1)]), isEphemeral: false)
        ]
        for name in [
            "workers", "resources", "jobname", "jobs", "pinned", "fired", "outcomes", "queue", "queue/job",
            "queue/command",
            "runs", "assign", "status", "status/1", "status/2", "status/3", "outbox",
        ] { operations.append(create(name)) }
        operations.append(create("term", ["term": .int(0), "commit": .int(0)]))
        operations.append(create("configs", ["is_paused": .bool(false)]))
        operations.append(create("cluster_status"))
        write(sessions[worker]!, operations)
    }

    mutating func register(_ worker: String, isNew: Bool = true) {
        let directories = isNew ? [create("jobs/\(worker)"), create("assign/\(worker)")] : []
        write(
            sessions[worker]!,
            directories + [
                create(
                    "workers/\(worker)",
                    ["incarnation": .string("i\(zxid)"), "slots": .int(4)],
                    ephemeral: true
                ),
                create("resources/\(worker)", ["beat": .int(0)], ephemeral: true),
            ]
        )
    }

    mutating func beat(_ worker: String) {
        write(
            sessions[worker]!,
            [.set(path: "/root/resources/\(worker)", data: bytes(["beat": .int(1)]), version: 1)]
        )
    }

    mutating func elect(_ worker: String) {
        leader = (sessions[worker]!, worker)
        term += 1
        commit = 0
        termVersion += 1
        write(leader.session, [create("master", ["worker": .string(worker)], ephemeral: true), setTerm()])
    }

    mutating func expire(_ worker: String) {
        write(sessions[worker]!, [.closeSession(paths: [])], isOwn: false)
    }

    // MARK: Jobs and runs

    mutating func submit(_ job: String, owner: String, _ definition: [String: JSON]) {
        let begin = now
        submitted.append(job)
        let stored = storedDefinition(job, version: 1, definition)
        write(
            sessions["worker-3"]!,
            [
                create("jobname/\(job)", ["owner": .string(owner), "version": .int(1)]),
                .check(path: "/root/workers/\(owner)", version: -1),
                .create(
                    path: "/root/jobs/\(owner)/\(job)@1",
                    data: Array(stored.text.utf8),
                    isEphemeral: false
                ),
                create("fired/\(job)", ["mark": time(now)]),
            ]
        )
        answer("submit", ["job": .string(job)], ["version": .int(1)], status: 201, begin: begin)
    }

    func storedDefinition(_ job: String, version: Int64, _ definition: [String: JSON]) -> JSON {
        .object([
            "version": .int(version), "created_at": time(now), "stored_at": time(now),
            "definition": .object(definition.merging(["name": .string(job), "version": .int(1)]) { $1 }),
        ])
    }

    mutating func edit(_ job: String, owner: String, _ old: [String: JSON], _ new: [String: JSON]) {
        let before = golden.transactions.flatMap(\.operations).compactMap { operation -> [UInt8]? in
            if case .create("/root/jobs/\(owner)/\(job)@1", let data, _) = operation { data } else { nil }
        }[0]
        write(
            sessions["worker-3"]!,
            [
                .delete(path: "/root/jobs/\(owner)/\(job)@1"),
                .create(
                    path: "/root/jobs/\(owner)/\(job)@2",
                    data: Array(storedDefinition(job, version: 2, new).text.utf8),
                    isEphemeral: false
                ),
                .create(path: "/root/pinned/\(job)@1", data: before, isEphemeral: false),
                .set(
                    path: "/root/jobname/\(job)",
                    data: bytes(["owner": .string(owner), "version": .int(2)]),
                    version: 1
                ),
            ]
        )
    }

    mutating func answer(
        _ operation: String,
        _ arguments: [String: JSON],
        _ result: [String: JSON],
        status: Int64,
        begin: Int64
    ) {
        process += 1
        func line(_ kind: String, _ time: Int64) -> [String: JSON] {
            [
                "type": .string(kind), "process": .int(process), "op": .string(operation), "node": "node-1",
                "args": .object(arguments), "monotonic_ns": .int(time * 1_000_000),
                "realtime_ns": .int(time * 1_000_000),
            ]
        }
        golden.client.append(.object(line("invoke", begin)))
        now += 1
        golden.client.append(
            .object(line("ok", now).merging(["result": .object(result), "status": .int(status)]) { $1 })
        )
    }

    mutating func queue(
        _ run: String,
        by session: Int64,
        cause: String,
        version: Int64 = 1,
        suppression: String? = nil,
        key: String? = nil,
        before: [LogOperation] = []
    ) {
        let job = run.split(separator: "@")[0]
        var entry: [String: JSON] = [
            "run": .string(run), "job_version": .int(version), "cause": .string(cause),
            "queued_at": time(now),
        ]
        if let suppression { entry["suppression"] = .string(suppression) }
        firedVersions[String(job), default: 0] += 1
        write(
            session,
            before + [
                .set(
                    path: "/root/fired/\(job)",
                    data: bytes([
                        "mark": time(now), "requests": .object(key.map { [$0: .string(run)] } ?? [:]),
                    ]),
                    version: firedVersions[String(job)]!
                ),
                create("queue/job/\(run)", entry),
            ]
        )
    }

    mutating func fire(
        _ job: String,
        owner: String,
        version: Int64 = 1,
        _ time: String,
        suppression: String? = nil
    ) {
        let compact = "20261124T" + time.filter { $0 != ":" } + "Z"
        queue(
            "\(job)@\(compact)",
            by: sessions[owner]!,
            cause: "schedule",
            version: version,
            suppression: suppression,
            before: [.check(path: "/root/jobs/\(owner)/\(job)@\(version)", version: -1)]
        )
    }

    mutating func runByHand(_ job: String, _ run: String) {
        let begin = now
        queue(
            run,
            by: sessions["worker-3"]!,
            cause: "manual",
            key: run,
            before: [.check(path: "/root/jobname/\(job)", version: -1)]
        )
        answer(
            "run",
            ["job": .string(job), "key": .string(run)],
            ["id": .string(run)],
            status: 201,
            begin: begin
        )
    }

    /// `units` is the text of the record; `assigned` are attempts with their worker and command.
    mutating func admit(
        _ run: String,
        cause: String,
        version: Int64 = 1,
        units: String,
        _ assigned: [(attempt: String, worker: String, command: [String])]
    ) {
        headers[run] = [
            "job_version": .int(version), "cause": .string(cause), "state": "running",
            "units": .string(units),
            "started_at": time(now),
        ]
        let token = lead(
            [.delete(path: "/root/queue/job/\(run)"), create("runs/\(run)", headers[run]!)]
                + assigned.map(assignment)
        )
        for one in assigned { place(one.attempt, one.worker, token) }
    }

    func assignment(_ one: (attempt: String, worker: String, command: [String])) -> LogOperation {
        create(
            "assign/\(one.worker)/\(one.attempt)",
            ["action": .object(["command": .object(["argv": .array(one.command.map { .string($0) })])])]
        )
    }

    mutating func place(_ attempt: String, _ worker: String, _ token: Int64) {
        pid += 1
        places[attempt] = (worker, token, pid)
    }

    mutating func start(_ attempt: String) {
        let place = places[attempt]!
        write(
            sessions[place.worker]!,
            [
                .set(
                    path: "/root/assign/\(place.worker)/\(attempt)",
                    data: bytes(["incarnation": "x", "started_at": time(now)]),
                    version: 1
                ),
                create("status/\(place.worker.suffix(1))/\(attempt).started.0"),
            ]
        )
        now += 3
        probe("start", attempt)
        now += 1
    }

    mutating func probe(_ event: String, _ attempt: String, at time: Int64? = nil, exit: Int64? = nil) {
        let key = AttemptKey(attempt)!
        let place = places[attempt]!
        let time = time ?? now
        var line: [String: JSON] = [
            "event": .string(event), "run": .string(key.unit.run), "task": .string(key.unit.task),
            "partition": .int(Int64(key.unit.partition)), "attempt": .int(Int64(key.number)),
            "token": .string(String(place.token)), "worker": .string(place.worker), "node": "",
            "role": "main",
            "monotonic_ns": .int(time * 1_000_000), "boottime_ns": .int(time * 1_000_000),
            "realtime_ns": .int(time * 1_000_000), "pid": .int(place.pid), "ppid": .int(1),
            "sid": .int(place.pid),
        ]
        if let exit { line["exit"] = .int(exit) }
        golden.probes.append(.object(line))
    }

    mutating func finish(_ attempt: String, _ outcome: String = "succeeded") {
        let place = places[attempt]!
        probe("end", attempt, exit: outcome == "succeeded" ? 0 : 1)
        now += 1
        write(
            sessions[place.worker]!,
            [
                .delete(path: "/root/assign/\(place.worker)/\(attempt)"),
                create("status/\(place.worker.suffix(1))/\(attempt).\(outcome)"),
            ]
        )
    }

    /// One commit of the leader on a run.
    mutating func advance(
        _ run: String,
        version: Int64 = 1,
        consuming reports: [(attempt: String, outcome: String)] = [],
        lost: [String] = [],
        units: String? = nil,
        state: String? = nil,
        assigning: [(attempt: String, worker: String, command: [String])] = [],
        final: String? = nil,
        reason: String? = nil,
        keepsRun: Bool = false,
        extra: [LogOperation] = []
    ) {
        var operations: [LogOperation] = extra
        var records: [JSON] = []
        for report in reports {
            let worker = places[report.attempt]!.worker
            operations.append(.delete(path: "/root/status/\(worker.suffix(1))/\(report.attempt).started.0"))
            operations.append(
                .delete(path: "/root/status/\(worker.suffix(1))/\(report.attempt).\(report.outcome)")
            )
            records.append(attemptRecord(report.attempt, report.outcome))
        }
        for attempt in lost {
            let worker = places[attempt]!.worker
            operations.append(.delete(path: "/root/assign/\(worker)/\(attempt)"))
            operations.append(.delete(path: "/root/status/\(worker.suffix(1))/\(attempt).started.0"))
            records.append(attemptRecord(attempt, "lost"))
        }
        if let units { headers[run]?["units"] = .string(units) }
        if let state = state ?? final { headers[run]?["state"] = .string(state) }
        if final == nil || keepsRun {
            operations.append(.set(path: "/root/runs/\(run)", data: bytes(headers[run]!), version: 1))
        } else {
            operations.append(.delete(path: "/root/runs/\(run)"))
        }
        operations += assigning.map(assignment)
        if let final { records.append(runRecord(run, final, version: version, reason: reason)) }
        let token = leadWithRecords(operations, records)
        for one in assigning { place(one.attempt, one.worker, token) }
    }

    @discardableResult
    mutating func leadWithRecords(_ operations: [LogOperation], _ records: [JSON]) -> Int64 {
        guard !records.isEmpty else { return lead(operations) }
        let name = "\(term)-\(commit + 1)"
        let version: JSON = .object(["term": .int(term), "commit": .int(commit + 1)])
        for record in records { mirror(record, version) }
        let zxid = lead(
            operations + [create("outbox/\(name)", ["version": version, "records": .array(records)])]
        )
        lead([.delete(path: "/root/outbox/\(name)")])
        return zxid
    }

    /// A queue entry that never becomes a live run.
    mutating func suppress(_ run: String, version: Int64 = 1, reason: String) {
        leadWithRecords(
            [.delete(path: "/root/queue/job/\(run)")],
            [runRecord(run, "skipped", version: version, reason: reason)]
        )
    }

    func runRecord(_ run: String, _ state: String, version: Int64, reason: String?) -> JSON {
        var view: [String: JSON] = [
            "id": .string(run), "state": .string(state), "job_version": .int(version),
            "cause": headers[run]?["cause"] ?? "schedule",
        ]
        if let reason { view["reason"] = .string(reason) }
        return .object(["run": .object(["_0": .object(view), "tasks": .array([])])])
    }

    func attemptRecord(_ attempt: String, _ state: String) -> JSON {
        let key = AttemptKey(attempt)!
        let place = places[attempt]!
        var view: [String: JSON] = [
            "task": .string(key.unit.task), "partition": .int(Int64(key.unit.partition)),
            "n": .int(Int64(key.number)), "state": .string(state), "worker": .string(place.worker),
            "fencing_token": .string(String(place.token)),
        ]
        if state != "lost" { view["exit_code"] = .int(state == "succeeded" ? 0 : 1) }
        return .object(["attempt": .object(["run": .string(key.unit.run), "_1": .object(view)])])
    }

    private var mirroredAttempts: [String: [String: JSON]] = [:]
    private var mirroredStates: [String: [JSON]] = [:]
    private var mirroredRuns: [JSON] = []

    private mutating func mirror(_ record: JSON, _ version: JSON) {
        let (term, commit) = (version["term"]!.int!, version["commit"]!.int!)
        if let run = record["run"]?["_0"] {
            let (id, state) = (run["id"]!.string!, run["state"]!.string!)
            golden.mirror.append(
                .object([
                    "key": .string("skyfire:{c}:run:\(id)"), "type": "hash",
                    "value": .object([
                        "state": .string(state), "final": "1", "term": .string(String(term)),
                        "commit": .string(String(commit)),
                    ]),
                ])
            )
            let parts = id.split(separator: "@")
            let rest = parts[1].split(separator: ".", maxSplits: 1)
            let member = JSON.string("\(rest[0])\(parts[0])@\(rest.count > 1 ? String(rest[1]) : "")")
            mirroredStates[state, default: []].append(member)
            mirroredRuns.append(member)
        } else if let attempt = record["attempt"]?["_1"] {
            let run = record["attempt"]!["run"]!.string!
            let field = "\(attempt["task"]!.string!)~\(attempt["partition"]!.int!)~\(attempt["n"]!.int!)"
            mirroredAttempts[run, default: [:]][field] = .string("\(term)-\(commit)-1 \(attempt.text)")
        }
    }

    mutating func sample(_ bytes: Int64) {
        golden.samples.append(
            .object([
                "source": "node-1", "role": "node", "pid": .int(7), "rss_bytes": .int(bytes),
                "realtime_ns": .int(now * 1_000_000), "monotonic_ns": .int(now * 1_000_000),
            ])
        )
    }

    mutating func closeMirror() {
        for job in submitted {
            golden.mirror.append(
                .object([
                    "key": .string("skyfire:{c}:job:\(job)"), "type": "hash", "value": .object([:]),
                ])
            )
        }
        for (run, fields) in mirroredAttempts.sorted(by: { $0.key < $1.key }) {
            golden.mirror.append(
                .object([
                    "key": .string("skyfire:{c}:attempts:\(run)"), "type": "hash", "value": .object(fields),
                ])
            )
        }
        golden.mirror.append(
            .object(["key": "skyfire:{c}:runs", "type": "zset", "value": .array(mirroredRuns)])
        )
        for (state, members) in mirroredStates.sorted(by: { $0.key < $1.key }) {
            golden.mirror.append(
                .object([
                    "key": .string("skyfire:{c}:runs:state:\(state)"), "type": "zset",
                    "value": .array(members),
                ])
            )
        }
    }

    mutating func mark(_ name: String) {
        golden.faults.append(
            .object([
                "fault": .string(name), "phase": "once", "realtime_ns": .int(now * 1_000_000),
                "monotonic_ns": .int(now * 1_000_000),
            ])
        )
    }

    /// A command that is accepted, with the state and the units that its run has from then on.
    mutating func command(
        _ kind: String,
        _ run: String,
        state: String,
        units: String,
        then operations: [LogOperation] = []
    ) {
        let begin = now
        let id = "request\(zxid)"
        write(
            sessions["worker-3"]!,
            [
                create(
                    "queue/command/\(id)",
                    [
                        "request": .object([
                            "id": .string(id), "kind": .object([kind: .object(["_0": .string(run)])]),
                            "at": time(now),
                            "reason": "a test",
                        ])
                    ]
                )
            ]
        )
        headers[run]?["state"] = .string(state)
        headers[run]?["units"] = .string(units)
        lead(
            [
                .set(
                    path: "/root/queue/command/\(id)",
                    data: bytes(["verdict": .object(["is_accepted": .bool(true)])]),
                    version: 1
                ),
                .set(path: "/root/runs/\(run)", data: bytes(headers[run]!), version: 1),
            ] + operations
        )
        write(sessions["worker-3"]!, [.delete(path: "/root/queue/command/\(id)")])
        answer(kind, ["run": .string(run)], [:], status: 200, begin: begin)
    }
}
