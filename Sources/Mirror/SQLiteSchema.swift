import GRDB

/// The tables of the mirror in SQLite. They are private to this program, unlike the keys in Redis.
enum SQLiteSchema {
    /// Brings a database to the newest form.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE run (
                        id TEXT PRIMARY KEY NOT NULL,
                        logical_time INTEGER NOT NULL,
                        job TEXT NOT NULL,
                        state TEXT NOT NULL,
                        term INTEGER NOT NULL,
                        commit_number INTEGER NOT NULL,
                        run TEXT NOT NULL,
                        tasks TEXT NOT NULL,
                        is_final BOOLEAN NOT NULL
                    );
                    CREATE INDEX run_by_time ON run (logical_time, id);
                    CREATE INDEX run_by_state ON run (state, logical_time, id);
                    CREATE INDEX run_by_job ON run (job, logical_time, id);
                    CREATE INDEX run_by_job_and_state ON run (job, state, logical_time, id);
                    CREATE TABLE attempt (
                        run TEXT NOT NULL,
                        task TEXT NOT NULL,
                        partition_index INTEGER NOT NULL,
                        n INTEGER NOT NULL,
                        term INTEGER NOT NULL,
                        commit_number INTEGER NOT NULL,
                        attempt TEXT NOT NULL,
                        is_final BOOLEAN NOT NULL,
                        PRIMARY KEY (run, task, partition_index, n)
                    ) WITHOUT ROWID;
                    CREATE TABLE job (
                        name TEXT PRIMARY KEY NOT NULL,
                        term INTEGER NOT NULL,
                        commit_number INTEGER NOT NULL,
                        job TEXT,
                        deleted_at INTEGER
                    );
                    CREATE INDEX job_by_deletion ON job (deleted_at) WHERE deleted_at IS NOT NULL;
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        topic TEXT NOT NULL,
                        data TEXT NOT NULL
                    );
                    """
            )
        }
        return migrator
    }
}
