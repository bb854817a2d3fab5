package import Scheduling

/// The columns of what the API lists.
package enum Columns {
    /// Runs. The span of one that is not over reaches to `now`.
    package static func runs(now: WallTime) -> [Column] {
        [
            Column("RUN", "id"),
            Column("STATE", "state", .state),
            Column("CAUSE", "cause"),
            Column("TASKS") { run in
                guard let total = run.at("tasks.total")?.integer else { return "" }
                return "\(run.at("tasks.by_state.succeeded")?.integer ?? 0)/\(total)"
            },
            Column("TOOK", isRight: true) { took($0, now: now) },
            Column("QUEUED", "queued_at", .time),
            Column("STARTED", "started_at", .time, isWide: true),
            Column("ENDED", "ended_at", .time, isWide: true),
            Column("PRIORITY", "priority", isWide: true, isRight: true),
            Column("JOB", "job", isWide: true),
            Column("VERSION", "job_version", isWide: true, isRight: true),
            Column("LOGICAL TIME", "logical_time", .time, isWide: true),
            Column("REASON", "reason", isWide: true),
        ]
    }

    /// One run, below each other: the reason belongs to what everybody sees.
    package static func run(now: WallTime) -> [Column] {
        runs(now: now).map { $0.title == "PRIORITY" ? $0 : $0.narrow }
    }

    private static func took(_ item: JSONTree, now: WallTime) -> String {
        guard let start = item["started_at"].flatMap({ WallTime(rfc3339: $0.text) }) else { return "" }
        let end = item["ended_at"].flatMap { WallTime(rfc3339: $0.text) } ?? now
        return TimeText.span(max(0, end - start))
    }

    package static let jobs: [Column] = [
        Column("NAME", "name"),
        Column("VERSION", "version", isRight: true),
        Column("OWNER", "definition.owner"),
        Column("TASKS", isRight: true) { String($0.at("definition.tasks")?.items.count ?? 0) },
        Column("TRIGGERS") { job in
            let after = job.at("definition.after")?.items.map { "after \($0["job"]?.text ?? "?")" } ?? []
            return ((job.at("definition.schedule")?.items ?? []).map(trigger) + after).joined(separator: "; ")
        },
        Column("WORKER", "worker"),
        Column("CREATED", "created_at", .time),
        Column("PRIORITY", "definition.priority", isWide: true, isRight: true),
        Column("POOL", "definition.pool", isWide: true),
    ]

    /// `10 0 * * * Asia/Shanghai`, `every 30s`, `at 2026-11-20T10:00:00Z`
    package static func trigger(_ trigger: JSONTree) -> String {
        if let cron = trigger["cron"] { return "\(cron.text) \(trigger["zone"]?.text ?? "UTC")" }
        if let every = trigger["every"] { return "every \(every.text)" }
        return "at \(trigger["at"]?.text ?? "?")"
    }

    package static let schedules: [Column] = [
        Column("JOB", "job"),
        Column("NEXT", "next", .time),
        Column("TRIGGERS") { schedule in
            (schedule["triggers"]?.items ?? []).map { trigger($0["trigger"] ?? $0) }.joined(separator: "; ")
        },
        Column("MEANS") { schedule in
            (schedule["triggers"]?.items ?? []).compactMap { $0.at("words.en")?.text }.joined(separator: "; ")
        },
        Column("WORKER", "worker", isWide: true),
        Column("PROBLEM", "problem", isWide: true),
    ]

    package static let upcoming: [Column] = [
        Column("JOB", "job"), Column("AT", "at", .time), Column("WORKER", "worker"),
    ]

    package static let firings: [Column] = [
        Column("AT", "at", .time), Column("LOCAL", "local"), Column("NOTE", "note"),
    ]

    package static let workers: [Column] = [
        Column("WORKER", "id"),
        Column("STATE", "state", .state),
        Column("LEADER") { if case .bool(true) = $0["is_leader"] { "leader" } else { "" } },
        Column("RUNNING", isRight: true) { "\($0["running"]?.text ?? "?")/\($0["slots"]?.text ?? "?")" },
        Column("JOBS", "jobs", isRight: true),
        Column("CPU", isRight: true) { $0["cpu_load"]?.double.map { "\(Int(($0 * 100).rounded()))%" } ?? "" },
        Column("MEMORY FREE", "memory_free_bytes", .bytes, isRight: true),
        Column("ADDRESS", "address"),
        Column("STARTED", "started_at", .time),
        Column("POOL", "pool", isWide: true),
        Column("LABELS", isWide: true) { worker in
            guard case .object(let labels) = worker["labels"] else { return "" }
            return labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }.joined(
                separator: ","
            )
        },
        Column("CORES", "cpu_count", isWide: true, isRight: true),
        Column("LOAD", "load_average", isWide: true, isRight: true),
        Column("DISK FREE", "disk_free_bytes", .bytes, isWide: true, isRight: true),
        Column("VERSION", "version", isWide: true),
        Column("TZDATA", "tzdata", isWide: true),
    ]

    package static let cluster: [Column] = [
        Column("CLUSTER", "id"),
        Column("MODE", "mode"),
        Column("STATE", .state) { if case .bool(true) = $0["is_paused"] { "paused" } else { "running" } },
        Column("PAUSE REASON", "pause_reason", isWide: true),
        Column("SAFE MODE") { cluster in
            if case .bool(let isSafeMode) = cluster["is_safe_mode"] { isSafeMode ? "yes" : "no" } else { "" }
        },
        Column("LEADER", "leader"),
        Column("LEADER ADDRESS", "leader_address"),
        Column("TERM", "term"),
        Column("WORKERS", "workers"),
        Column("QUEUED", "queued"),
        Column("OLDEST QUEUED", "oldest_queued_at", .time),
        Column("INCIDENTS", "incidents"),
        Column("MIRROR", "mirror"),
        Column("VERSION", "version"),
    ]

    package static let tasks: [Column] = [
        Column("TASK", "id"),
        Column("STATE", "state", .state),
        Column("PARTITIONS", isRight: true) { task in
            let partitions = task["partitions"]?.items ?? []
            guard !partitions.isEmpty else { return "" }
            return "\(partitions.count { $0["state"]?.text == "succeeded" })/\(partitions.count)"
        },
        Column("ATTEMPTS", isRight: true) { String($0["attempts"]?.items.count ?? 0) },
        Column("NEEDS") { ($0["needs"]?.items ?? []).map(\.text).joined(separator: ",") },
    ]

    /// Attempts; `name` is the task with its partition.
    package static func attempts(now: WallTime) -> [Column] {
        [
            Column("TASK", "name"),
            Column("ATTEMPT", "n", isRight: true),
            Column("STATE", "state", .state),
            Column("EXIT", isRight: true) {
                $0["exit_code"]?.text ?? $0["signal"].map { "signal \($0.text)" } ?? ""
            },
            Column("WORKER", "worker"),
            Column("TOOK", isRight: true) { took($0, now: now) },
            Column("STARTED", "started_at", .time),
            Column("REASON", "reason"),
        ]
    }
}

extension Column {
    /// The same column, in the narrow table too.
    fileprivate var narrow: Column { Column(title, kind, isRight: isRight) { raw($0) } }
}
