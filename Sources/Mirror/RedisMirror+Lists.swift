import Cron
import Redis
package import Scheduling

extension RedisMirror {
    /// Runs, newest logical time first, in two round trips: a page of the indexes, then the runs themselves.
    ///
    /// The indexes that the filter touches are read at one moment. A run that changed its state between the two is
    /// left out where it no longer fits, so a page may hold fewer than it could.
    package func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView> {
        let limit = query.boundedLimit
        let newest = try query.lastRun.map { "(\(RunIndexMember($0).text)" } ?? "+"
        let oldest = query.sinceSecond.map { "[\($0.compact)" } ?? "-"
        let page = KeysetPage(
            merging: try await members(
                of: sources(for: query),
                from: newest,
                to: oldest,
                limit: limit + 1
            ),
            limit: limit
        )
        let ids = page.keys.map(\.runID)
        let texts = try await fields(of: ids.map { (keys.run($0), "run") })
        let json = MirrorJSON()
        var items: [RunView] = []
        for (id, text) in zip(ids, texts) {
            guard let text else { continue }
            let view = try json.decode(RunView.self, from: text, of: keys.run(id))
            if query.states.isEmpty || query.states.contains(view.state) { items.append(view) }
        }
        return Page(items: items, nextCursor: page.hasMore ? ids.last : nil)
    }

    package func jobs(
        prefix: String?,
        cursor: String?,
        limit: Int
    ) async throws(MirrorError) -> Page<JobView> {
        let limit = min(max(limit, 1), 1000)
        let range = JobNameRange(prefix: prefix, cursor: cursor)
        let least = range.isAfterLeast ? "(\(range.least)" : range.least.isEmpty ? "-" : "[\(range.least)"
        let most = range.bound.map { "(\($0)" } ?? "+"
        let reply = try await send(
            RedisCommand("ZRANGEBYLEX", keys.jobs, least, most, "LIMIT", 0, limit + 1)
        )
        var names: [String] = []
        for value in reply { names.append(String(decoding: try value.text ?? [], as: UTF8.self)) }
        let shown = Array(names.prefix(limit))
        let json = MirrorJSON()
        var items: [JobView] = []
        for (name, text) in zip(shown, try await fields(of: shown.map { (keys.job($0), "job") })) {
            guard let text else { continue }
            items.append(try json.decode(JobView.self, from: text, of: keys.job(name)))
        }
        return Page(items: items, nextCursor: names.count > limit ? shown.last : nil)
    }

    /// The indexes whose union is the list.
    private func sources(for query: RunQuery) -> [String] {
        if query.job == nil, query.states.isEmpty { return [keys.runs] }
        return RunState.allCases
            .filter { query.states.isEmpty || query.states.contains($0) }
            .map { keys.runs(in: $0, job: query.job) }
    }

    /// The first members of each index below a bound, all read in one transaction: a run that moves from one to
    /// another is seen once.
    private func members(
        of sources: [String],
        from newest: String,
        to oldest: String,
        limit: Int
    ) async throws(MirrorError) -> [[RunIndexMember]] {
        let reads = sources.map { source in
            RedisCommand("ZREVRANGEBYLEX", source, newest, oldest, "LIMIT", 0, limit)
        }
        do throws(RedisError) {
            let replies = try await client.pipeline([RedisCommand("MULTI")] + reads + [RedisCommand("EXEC")])
            var lists: [[RunIndexMember]] = []
            for list in try replies[replies.count - 1].get().asArray {
                var members: [RunIndexMember] = []
                for member in try list.asArray { members.append(RunIndexMember(text: try member.asString)) }
                lists.append(members)
            }
            return lists
        } catch {
            throw MirrorError(error)
        }
    }

    /// One field of each of some hashes; `nil` where it is missing.
    private func fields(of places: [(key: String, field: String)]) async throws(MirrorError) -> [[UInt8]?] {
        do throws(RedisError) {
            let replies = try await client.pipeline(places.map { RedisCommand("HGET", $0.key, $0.field) })
            var values: [[UInt8]?] = []
            for reply in replies { values.append(try reply.get().asBytesIfPresent) }
            return values
        } catch {
            throw MirrorError(error)
        }
    }
}
