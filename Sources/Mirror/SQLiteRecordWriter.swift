import Cron
import GRDB
import Scheduling

/// Applies records inside a transaction, or drops those that are older than what is there.
struct SQLiteRecordWriter {
    /// A deleted job's row is kept this long, to refuse late records.
    private static let tombstoneSeconds = 604_800

    let database: Database

    /// Applies the records in order; returns the id of the newest event, `nil` where nothing changed.
    func apply(_ records: [EncodedRecord], eventLimit: Int) throws -> Int64? {
        var newest: Int64?
        for record in records {
            if let event = try apply(record) { newest = event }
        }
        if let newest {
            try database.execute(
                sql: "DELETE FROM event WHERE id <= ?",
                arguments: [newest - Int64(eventLimit)]
            )
        }
        return newest
    }

    private func apply(_ record: EncodedRecord) throws -> Int64? {
        switch record.content {
        case .run(let view, let run, let tasks):
            try apply(record, view, run: run, tasks: tasks)
        case .attempt(let run, let view, let json):
            try apply(record, run: run, view, json: json)
        case .job(let name, let json, let summary):
            try apply(record, name, job: json, summary: summary)
        case .jobDeleted(let name, let summary):
            try apply(record, name, job: nil, summary: summary)
        }
    }

    private func apply(_ record: EncodedRecord, _ view: RunView, run: String, tasks: String) throws -> Int64?
    {
        let id = view.id.description
        let held = try row("SELECT term, commit_number, is_final, run, tasks FROM run WHERE id = ?", [id])
        guard isNewer(record, than: held) else { return nil }
        try execute(
            """
            INSERT INTO run (id, logical_time, job, state, term, commit_number, is_final, run, tasks)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, term = excluded.term,
                commit_number = excluded.commit_number, is_final = excluded.is_final, run = excluded.run,
                tasks = excluded.tasks
            """,
            [
                id, view.id.logicalTime.seconds, view.job.description, view.state.rawValue,
                record.version.term, record.version.commit, record.isFinal, run, tasks,
            ]
        )
        if let held, held["run"] == run, held["tasks"] == tasks { return nil }
        return try announce("run", run)
    }

    private func apply(
        _ record: EncodedRecord,
        run: RunID,
        _ view: AttemptView,
        json: String
    ) throws -> Int64? {
        let key: [any DatabaseValueConvertible] = [
            run.description, view.task.description, view.partition, view.n,
        ]
        let held = try row(
            """
            SELECT term, commit_number, is_final, attempt FROM attempt
            WHERE run = ? AND task = ? AND partition_index = ? AND n = ?
            """,
            key
        )
        guard isNewer(record, than: held) else { return nil }
        try execute(
            """
            INSERT OR REPLACE INTO attempt
                (run, task, partition_index, n, term, commit_number, is_final, attempt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            key + [record.version.term, record.version.commit, record.isFinal, json]
        )
        if let held, held["attempt"] == json { return nil }
        return try announce("attempt", EncodedRecord.attemptEvent(run: run, json: json))
    }

    private func apply(
        _ record: EncodedRecord,
        _ name: JobName,
        job: String?,
        summary: String
    ) throws -> Int64? {
        let held = try row(
            "SELECT term, commit_number, FALSE AS is_final, job FROM job WHERE name = ?",
            [name.description]
        )
        guard isNewer(record, than: held) else { return nil }
        try execute(
            """
            INSERT OR REPLACE INTO job (name, term, commit_number, job, deleted_at)
            VALUES (?, ?, ?, ?, CASE WHEN ? THEN CAST(strftime('%s', 'now') AS INTEGER) END)
            """,
            [name.description, record.version.term, record.version.commit, job, job == nil]
        )
        if job == nil {
            try execute(
                "DELETE FROM job WHERE deleted_at < CAST(strftime('%s', 'now') AS INTEGER) - ?",
                [Self.tombstoneSeconds]
            )
        }
        if let held, held["job"] as String? == job { return nil }
        return try announce("job", summary)
    }

    private func isNewer(_ record: EncodedRecord, than held: Row?) -> Bool {
        guard let held else { return true }
        let version = MirrorVersion(term: held["term"], commit: held["commit_number"])
        return HeldVersion(version: version, isFinal: held["is_final"]).yields(to: record)
    }

    private func announce(_ topic: String, _ data: String) throws -> Int64 {
        try execute("INSERT INTO event (topic, data) VALUES (?, ?)", [topic, data])
        return database.lastInsertedRowID
    }

    private func row(_ sql: String, _ arguments: [any DatabaseValueConvertible]) throws -> Row? {
        try Row.fetchOne(database.cachedStatement(sql: sql), arguments: StatementArguments(arguments))
    }

    private func execute(_ sql: String, _ arguments: [(any DatabaseValueConvertible)?]) throws {
        try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
    }
}
