package import Cron
package import Scheduling
package import ZnodeStore

/// A definition was not where its name said, again and again. Another attempt may find it.
struct JobMovedError: Error, CustomStringConvertible {
    let description: String
}

/// Reads definitions by name.
package struct JobReader: Sendable {
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let zones: TimeZoneDatabase

    package init(session: any ZnodeSession, layout: ZnodeLayout, zones: TimeZoneDatabase) {
        self.session = session
        self.layout = layout
        self.zones = zones
    }

    /// The current definition of a job, or `nil` where there is none.
    ///
    /// This session's server may be behind: what another node has just accepted may be missing here. With `isCertain` that
    /// is made sure of before a job is said to be missing.
    package func job(_ name: JobName, isCertain: Bool = false) async throws -> KnownJob? {
        if let known = try await jobHere(name) { return known }
        guard isCertain else { return nil }
        try await session.sync(layout.jobName(name))
        return try await jobHere(name)
    }

    private func jobHere(_ name: JobName) async throws -> KnownJob? {
        // A move or an edit between the reads makes the second find nothing: the name is read again, a few times.
        for _ in 0..<10 {
            guard let claim = try await znode(layout.jobName(name)) else { return nil }
            let record = try RecordCoding.decode(
                JobNameRecord.self,
                from: claim.data,
                path: layout.jobName(name)
            )
            let path = layout.job(name, version: record.version, owner: record.owner)
            guard let stored = try await znode(path)?.data else { continue }
            return try await known(
                DefinitionCoding.decode(stored, path: path),
                record,
                age: claim.stat.createdZxid
            )
        }
        throw JobMovedError(description: "the definition of \(name) moved faster than it could be read")
    }

    /// A definition of which a live run needs this very version, current or pinned; `nil` where it is lost.
    package func job(_ name: JobName, version: Int) async throws -> CompiledJob? {
        if let known = try await job(name), known.job.version == version { return known.job }
        let path = layout.pinned(name, version: version)
        guard let pinned = try await znode(path)?.data else { return nil }
        return compile(try DefinitionCoding.decode(pinned, path: path))
    }

    private func znode(_ path: ZnodePath) async throws(StoreError) -> Znode? {
        do throws(StoreError) {
            return try await session.get(path)
        } catch {
            if error.code == .noNode { return nil }
            throw error
        }
    }

    package func compile(_ stored: StoredJob) -> CompiledJob {
        var zone: TimeZoneRules?
        if let name = stored.definition.schedule?.first(where: { $0.zone != nil })?.zone {
            do throws(CronError) {
                zone = try zones.zone(named: name)
            } catch {
                // A zone that this node's tzdata lacks: dates of expressions are then in UTC, and the owner of the
                // timers says so.
                zone = nil
            }
        }
        return CompiledJob(stored.definition, version: stored.version, zone: zone)
    }

    private func known(_ stored: StoredJob, _ record: JobNameRecord, age: Int64) async throws -> KnownJob {
        var known = KnownJob(
            owner: record.owner,
            job: compile(stored),
            createdAt: stored.createdAt,
            storedAt: stored.storedAt,
            creationID: record.creationID,
            age: age
        )
        let definition = stored.definition
        if definition.schedule?.isEmpty ?? true, !(definition.after ?? []).isEmpty {
            // Read after the definition: no owner fires by an older one any more, so the mark stands.
            let path = layout.fired(definition.name)
            if let fired = try await znode(path)?.data {
                known.firedThrough = try RecordCoding.decode(FiredRecord.self, from: fired, path: path).mark
            }
        }
        return known
    }
}
