import Foundation
import GRDB
package import ZnodeStore

/// The journal of an embedded store in one SQLite file: a table of znodes, each at its latest state, and the counters.
///
/// The file is in WAL mode and locked for this process (`locking_mode=EXCLUSIVE`), so that a second store on it fails
/// to open instead of tearing it apart. What a returned `append` has written survives `kill -9` in both modes of
/// `Durability`; a power loss is survived in full with `.powerLoss` only, and with `.processKill` costs the last
/// moments, never the consistency: whole groups are missing from the end.
package final class SQLiteJournal: ZnodeJournal {
    /// What a returned `append` survives.
    package enum Durability: Hashable, Sendable {
        /// The end of the process. `synchronous=NORMAL`: the file reaches the disk at checkpoints.
        case processKill
        /// Loss of power as well. `synchronous=FULL`: one `fsync` for each group.
        case powerLoss
    }

    private let database: DatabaseQueue

    /// Opens or creates the file. Blocks.
    ///
    /// - Throws: `DatabaseError` where the file cannot be opened, is locked by another process, or is no journal of a
    ///   known version.
    package init(path: String, durability: Durability = .powerLoss) throws {
        var configuration = Configuration()
        configuration.label = "skyfire.store"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            switch durability {
            case .processKill: try database.execute(sql: "PRAGMA synchronous = NORMAL")
            case .powerLoss: try database.execute(sql: "PRAGMA synchronous = FULL")
            }
        }
        database = try DatabaseQueue(path: path, configuration: configuration)
        try database.write(Self.prepareSchema)
    }

    /// Closes the file, with a last checkpoint. Blocks.
    package func close() throws {
        try database.close()
    }

    package func load() throws -> JournalSnapshot {
        try database.read { database in
            var snapshot = JournalSnapshot()
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT path, data, created_zxid, modified_zxid, created_ms, modified_ms, version,
                        child_creations
                    FROM znode ORDER BY created_zxid, path
                    """
            )
            while let row = try rows.next() {
                snapshot.records.append(try Self.record(row))
            }
            snapshot.counters.zxid = try Self.counter("zxid", database)
            snapshot.counters.sessionID = try Self.counter("session_id", database)
            return snapshot
        }
    }

    package func append(_ group: [JournalEntry]) throws {
        guard let counters = group.last?.counters else { return }
        let rows = JournalGroup(group)
        try database.write { database in
            let delete = try database.cachedStatement(sql: "DELETE FROM znode WHERE path = ?")
            for path in rows.deleted {
                try delete.execute(arguments: [path.description])
            }
            let put = try database.cachedStatement(
                sql: """
                    INSERT INTO znode (path, data, created_zxid, modified_zxid, created_ms, modified_ms, version,
                        child_creations)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (path) DO UPDATE SET data = excluded.data,
                        created_zxid = excluded.created_zxid, modified_zxid = excluded.modified_zxid,
                        created_ms = excluded.created_ms, modified_ms = excluded.modified_ms,
                        version = excluded.version, child_creations = excluded.child_creations
                    """
            )
            for record in rows.records {
                try put.execute(arguments: [
                    record.path.description, Data(record.data), record.createdZxid, record.modifiedZxid,
                    record.createdMilliseconds, record.modifiedMilliseconds, record.version,
                    record.childCreations,
                ])
            }
            // The root has no row until something of it changes.
            let count = try database.cachedStatement(
                sql: """
                    INSERT INTO znode (path, data, created_zxid, modified_zxid, created_ms, modified_ms, version,
                        child_creations)
                    VALUES (?, x'', 0, 0, 0, 0, 0, ?)
                    ON CONFLICT (path) DO UPDATE SET child_creations = excluded.child_creations
                    """
            )
            for row in rows.childCreations {
                try count.execute(arguments: [row.path.description, row.creations])
            }
            let counter = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)"
            )
            try counter.execute(arguments: ["zxid", counters.zxid])
            try counter.execute(arguments: ["session_id", counters.sessionID])
        }
    }

    // MARK: Rows

    /// "SkyF", in the file's header, so that no other SQLite file is taken for a journal.
    private static let applicationID: Int32 = 0x536B_7946
    private static let schemaVersion: Int32 = 1

    private static func prepareSchema(_ database: Database) throws {
        let application = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let version = try Int32.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        switch (application, version) {
        case (applicationID, schemaVersion):
            return
        case (0, 0):
            try database.execute(
                sql: """
                    CREATE TABLE znode (
                        path TEXT NOT NULL PRIMARY KEY,
                        data BLOB NOT NULL,
                        created_zxid INTEGER NOT NULL,
                        modified_zxid INTEGER NOT NULL,
                        created_ms INTEGER NOT NULL,
                        modified_ms INTEGER NOT NULL,
                        version INTEGER NOT NULL,
                        child_creations INTEGER NOT NULL
                    );
                    CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(schemaVersion);
                    """
            )
        default:
            throw DatabaseError(
                resultCode: .SQLITE_NOTADB,
                message:
                    "not a store of version \(schemaVersion) (application \(application), version \(version))"
            )
        }
    }

    private static func record(_ row: Row) throws -> ZnodeRecord {
        ZnodeRecord(
            path: try ZnodePath(row["path"] as String),
            data: Array(row["data"] as Data),
            createdZxid: row["created_zxid"],
            modifiedZxid: row["modified_zxid"],
            createdMilliseconds: row["created_ms"],
            modifiedMilliseconds: row["modified_ms"],
            version: row["version"],
            childCreations: row["child_creations"]
        )
    }

    private static func counter(_ name: String, _ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT value FROM counter WHERE name = ?", arguments: [name]) ?? 0
    }
}
