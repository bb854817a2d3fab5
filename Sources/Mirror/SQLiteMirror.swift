import Cron
import GRDB
package import Logging
package import Scheduling

/// The mirror of solo mode, in SQLite: the same semantics as ``RedisMirror``, in a file of the data directory.
///
/// The file is in WAL mode with `synchronous = NORMAL`: a killed process loses nothing, a power cut may lose the last
/// moments, as Redis's append-only file would.
package final class SQLiteMirror: MirrorStore {
    let database: GatedDatabase
    private let eventLimit: Int
    private let bell: EventBell
    private let logger: Logger

    /// Opens or makes the file at `path` and brings its tables up to date; blocks meanwhile.
    ///
    /// `nil` keeps everything in memory. The last `eventLimit` events are kept.
    package init(path: String?, eventLimit: Int = 10_000, logger: Logger) throws(MirrorError) {
        precondition(eventLimit > 0, "a ring of \(eventLimit) events holds none")
        database = try GatedDatabase(path: path, label: "mirror")
        let newest = try database.readBlocking { database in
            try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        }
        bell = EventBell(newest: newest ?? 0)
        self.eventLimit = eventLimit
        self.logger = logger
    }

    /// Writes batches in order, in one transaction: all or nothing.
    package func write(_ batches: [MirrorBatch]) async throws(MirrorError) {
        let records = try EncodedRecord.encode(batches)
        let limit = eventLimit
        let newest = try await database.write { database in
            try SQLiteRecordWriter(database: database).apply(records, eventLimit: limit)
        }
        if let newest { bell.ring(newest) }
    }

    package func run(_ id: RunID) async throws(MirrorError) -> MirroredRun? {
        let texts = try await database.read { database -> (run: String, tasks: String)? in
            try Row.fetchOne(
                database,
                sql: "SELECT run, tasks FROM run WHERE id = ?",
                arguments: [id.description]
            ).map { (run: $0["run"], tasks: $0["tasks"]) }
        }
        guard let texts else { return nil }
        let json = MirrorJSON()
        return MirroredRun(
            run: try json.decode(RunView.self, from: texts.run.utf8, of: "run \(id)"),
            tasks: try json.decode([TaskSummary].self, from: texts.tasks.utf8, of: "run \(id)")
        )
    }

    package func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView] {
        let texts = try await database.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT attempt FROM attempt WHERE run = ? ORDER BY task, partition_index, n",
                arguments: [run.description]
            )
        }
        let json = MirrorJSON()
        var attempts: [AttemptView] = []
        for text in texts {
            attempts.append(try json.decode(AttemptView.self, from: text.utf8, of: "attempts of \(run)"))
        }
        return attempts
    }

    package func job(_ name: JobName) async throws(MirrorError) -> JobView? {
        let text = try await database.read { database in
            try String.fetchOne(
                database,
                sql: "SELECT job FROM job WHERE name = ? AND job IS NOT NULL",
                arguments: [name.description]
            )
        }
        guard let text else { return nil }
        return try MirrorJSON().decode(JobView.self, from: text.utf8, of: "job \(name)")
    }

    /// Events after an id, or from now on; an id that is none counts as from now on.
    ///
    /// Nothing is buffered: a slow consumer reads later, and misses what the ring has dropped meanwhile.
    package func events(after id: String?) -> AsyncStream<MirrorEvent> {
        let newest = bell.newest
        let position = id.flatMap { Int64($0) }.map { min($0, newest) } ?? newest
        let feed = SQLiteEventFeed(database, bell: bell, after: position, logger: logger)
        return AsyncStream(unfolding: { await feed.next() })
    }

    /// Runs a transaction that writes nothing; `nil` where that works.
    /// The file is this process's own: nobody else empties it.
    package func incarnation() async throws(MirrorError) -> String { "file" }

    package func health() async -> String? {
        do throws(MirrorError) {
            try await database.write { database in
                try database.execute(sql: "DELETE FROM event WHERE id < 0")
            }
            return nil
        } catch {
            return error.description
        }
    }

    /// Ends the streams of events, waits for calls that are running, and closes the file.
    package func close() async {
        bell.close()
        do throws(MirrorError) {
            try await database.close()
        } catch {
            // Nothing uses it any more; what SQLite still holds ends with the process.
            logger.debug("The mirror's file was not closed", metadata: [MirrorLogKeys.error: "\(error)"])
        }
    }
}
