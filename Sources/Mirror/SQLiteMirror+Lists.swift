import Cron
import GRDB
package import Scheduling

extension SQLiteMirror {
    /// What a page of runs needs of one of them.
    private struct ListedRun: Comparable, Sendable {
        let member: RunIndexMember
        let id: String
        let json: String

        static func < (left: ListedRun, right: ListedRun) -> Bool { left.member < right.member }
        static func == (left: ListedRun, right: ListedRun) -> Bool { left.member == right.member }
    }

    /// Runs, newest logical time first. With several states each is read by its own index and the lists are merged.
    package func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView> {
        let limit = query.boundedLimit
        let last = try query.lastRun
        let states: [RunState?] =
            query.states.isEmpty ? [nil] : RunState.allCases.filter { query.states.contains($0) }
        let lists = try await database.read { database in
            try states.map { state in
                try Self.runs(of: query, state: state, after: last, limit: limit + 1, in: database)
            }
        }
        let page = KeysetPage(merging: lists, limit: limit)
        let json = MirrorJSON()
        var items: [RunView] = []
        for run in page.keys {
            items.append(try json.decode(RunView.self, from: run.json.utf8, of: "run \(run.id)"))
        }
        return Page(items: items, nextCursor: page.hasMore ? page.keys.last?.id : nil)
    }

    package func jobs(
        prefix: String?,
        cursor: String?,
        limit: Int
    ) async throws(MirrorError) -> Page<JobView> {
        let limit = min(max(limit, 1), 1000)
        let range = JobNameRange(prefix: prefix, cursor: cursor)
        var sql = "SELECT job FROM job WHERE job IS NOT NULL AND name \(range.isAfterLeast ? ">" : ">=") ?"
        var arguments: StatementArguments = [range.least]
        if let bound = range.bound {
            sql += " AND name < ?"
            arguments += [bound]
        }
        sql += " ORDER BY name LIMIT ?"
        arguments += [limit + 1]
        let (text, values) = (sql, arguments)
        let texts = try await database.read { database in
            try String.fetchAll(database, sql: text, arguments: values)
        }
        let json = MirrorJSON()
        var items: [JobView] = []
        for text in texts.prefix(limit) {
            items.append(try json.decode(JobView.self, from: text.utf8, of: "list of jobs"))
        }
        return Page(items: items, nextCursor: texts.count > limit ? items.last?.name.description : nil)
    }

    private static func runs(
        of query: RunQuery,
        state: RunState?,
        after last: RunID?,
        limit: Int,
        in database: Database
    ) throws -> [ListedRun] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        if let job = query.job {
            conditions.append("job = ?")
            arguments += [job.description]
        }
        if let state {
            conditions.append("state = ?")
            arguments += [state.rawValue]
        }
        if let since = query.sinceSecond {
            conditions.append("logical_time >= ?")
            arguments += [since.seconds]
        }
        if let last {
            conditions.append("(logical_time, id) < (?, ?)")
            arguments += [last.logicalTime.seconds, last.description]
        }
        let filter = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        arguments += [limit]
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT id, run FROM run \(filter) ORDER BY logical_time DESC, id DESC LIMIT ?",
            arguments: arguments
        )
        return rows.compactMap { row in
            let id: String = row["id"]
            return RunID(id).map { ListedRun(member: RunIndexMember($0), id: id, json: row["run"]) }
        }
    }
}
