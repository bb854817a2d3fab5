import Coordination
import Cron
import Logging
package import Scheduling
import ZnodeStore

extension NodeOperations {
    package func createJob(_ definition: JobDefinition) async throws(OperationError) -> JobView {
        let current = try current()
        let job = try await storing {
            try await submit(definition, current, creationID: time.randomID())
        }
        await tellLeader(of: job)
        return job
    }

    /// The leader starts what comes after a job by a graph that it reads in the background, which may take a while where
    /// jobs are many, or after a cut. The submit is answered when the new job is in it, so that no end of another job that
    /// follows is missed. It is accepted however this goes: a new leader reads everything.
    private func tellLeader(of job: JobView) async {
        guard !(job.definition.after ?? []).isEmpty else { return }
        do {
            // Nothing is refused where no more commands may wait: the job is stored.
            guard try await !areCommandsFull(current().session) else { return }
            try await command(.learnJob(job.name), reason: nil, within: .seconds(5))
        } catch {
            logger.debug(
                "The leader was not told of a new job",
                metadata: [LogKeys.job: "\(job.name)", LogKeys.error: "\(error)"]
            )
        }
    }

    /// T1: the least loaded worker becomes the owner, the name's znode decides about uniqueness.
    private func submit(
        _ definition: JobDefinition,
        _ current: NodeContext.Current,
        creationID: String
    ) async throws -> JobView {
        let census = WorkerCensus(session: current.session, layout: layout)
        while true {
            guard let owner = try await context.balance.choose({ try await census.jobCounts() }) else {
                throw OperationError(.unavailable, code: "E2009", "there is no worker to own the job")
            }
            do {
                let placed = try await place(definition, on: owner, current, creationID: creationID)
                await context.balance.release(owner, isPlaced: placed?.worker == owner)
                if let placed { return placed }
            } catch {
                await context.balance.release(owner, isPlaced: false)
                throw error
            }
        }
    }

    /// Tries once; `nil` where the owner left or the tombstone changed meanwhile.
    private func place(
        _ definition: JobDefinition,
        on owner: WorkerID,
        _ current: NodeContext.Current,
        creationID: String
    ) async throws -> JobView? {
        let session = current.session
        let name = definition.name
        let now = time.now()
        let fired = try await firedRecord(session, name)
        var version = 1
        if fired != nil {
            // A name used again. Read in this order: a job that is gone now has left its version, and one that comes later
            // changes the tombstone that was read before.
            if let taken = try await ownOrTaken(name, current, creationID) { return taken }
            version = (try await deletedVersion(session, name) ?? 0) + 1
        }
        let stored = StoredJob(version: version, createdAt: now, storedAt: now, definition: definition)
        // Without a schedule nothing is dealt with by one: the mark stays where a namesake's schedule left it.
        let hasSchedule = !(definition.schedule ?? []).isEmpty
        var record = fired?.record ?? FiredRecord(mark: UnixTime(seconds: 0))
        // Not back: a clock that is behind must not let a name used again fire what its namesake has fired.
        if hasSchedule { record.mark = max(record.mark, now.second) }
        let operations: [StoreOperation]
        do throws(RecordError) {
            operations = try JobOperations.submit(
                stored,
                owner: owner,
                creationID: creationID,
                upstreams: (definition.after ?? []).map(\.job),
                fired: record,
                firedVersion: fired?.version,
                layout
            )
        } catch {
            throw OperationError(.tooLarge, code: "E2006", error.description)
        }
        do throws(StoreError) {
            _ = try await session.multi(operations)
            return JobView(
                name: name,
                version: version,
                worker: owner,
                createdAt: now,
                definition: definition
            )
        } catch {
            if error.isOutcomeUnknown || error.code == .nodeExists {
                guard await session.waitUntilConnected() else { throw error }
                if let mine = try await ownOrTaken(name, current, creationID) { return mine }
                if error.isOutcomeUnknown || error.path == layout.fired(name) { return nil }
                throw error
            }
            switch (error.code, error.failedIndex) {
            case (.noNode, let index?) where index >= 4:
                let upstream = definition.after?[index - 4].job
                throw OperationError(
                    .invalid,
                    code: "E2014",
                    "\(name) comes after \(upstream.map(\.description) ?? "a job"), which does not exist"
                )
            case (.noNode, _), (.badVersion, _):
                return nil
            default:
                throw error
            }
        }
    }

    /// The job of this name where this request has made it, and its reply was lost; `nil` where there is none.
    private func ownOrTaken(
        _ name: JobName,
        _ current: NodeContext.Current,
        _ creationID: String
    ) async throws -> JobView? {
        guard let known = try await current.jobs.job(name) else { return nil }
        if known.creationID == creationID { return known.view }
        throw OperationError(
            .conflict,
            code: "E2004",
            "the name \(name) is taken",
            hint: "change the job with PUT, or choose another name"
        )
    }

    private func deletedVersion(_ session: any ZnodeSession, _ name: JobName) async throws -> Int? {
        do {
            let path = layout.outcomes(name)
            let data = try await session.get(path).data
            return try RecordCoding.decode(OutcomeRecord.self, from: data, path: path).deletedVersion
        } catch let error as StoreError where error.code == .noNode {
            return nil
        }
    }

    private func firedRecord(
        _ session: any ZnodeSession,
        _ name: JobName
    ) async throws -> (record: FiredRecord, version: Int32)? {
        do {
            let path = layout.fired(name)
            let znode = try await session.get(path)
            return (
                try RecordCoding.decode(FiredRecord.self, from: znode.data, path: path), znode.stat.version
            )
        } catch let error as StoreError where error.code == .noNode {
            return nil
        }
    }

    package func replaceJob(
        _ definition: JobDefinition,
        ifVersion: Int?
    ) async throws(OperationError) -> (JobView, isNew: Bool) {
        let current = try current()
        let name = definition.name
        guard let known = try await storing({ try await current.jobs.job(name, isCertain: true) }) else {
            guard ifVersion == nil else {
                throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
            }
            return (try await createJob(definition), true)
        }
        if let ifVersion, ifVersion != known.job.version { throw stale(name, known.job.version, ifVersion) }
        if known.job.definition == definition {
            // The submit whose answer was lost may have come no further.
            await tellLeader(of: known.view)
            return (known.view, false)
        }
        try checkSize(definition, like: known)
        try await storing { try await checkPinnedBound(current.session) }
        if known.job.definition.after == nil, definition.after == nil {
            return (try await edit(known, definition, ifVersion, current), false)
        }
        try await command(
            .replaceJob(definition, ifVersion: ifVersion, creationID: known.creationID),
            reason: nil
        )
        return (try await job(name), false)
    }

    /// Refuses a definition that takes too much room as it is stored.
    private func checkSize(_ definition: JobDefinition, like known: KnownJob) throws(OperationError) {
        var stored = known.stored
        stored.definition = definition
        do throws(RecordError) {
            _ = try DefinitionCoding.encode(stored)
        } catch {
            throw OperationError(
                .tooLarge,
                code: "E2006",
                error.description,
                hint: "split the job, or keep large texts in files"
            )
        }
    }

    private func stale(_ name: JobName, _ found: Int, _ wanted: Int) -> OperationError {
        OperationError(
            .staleVersion,
            code: "E2005",
            "\(name) is at version \(found), not \(wanted)",
            hint: "read it again and apply the change to what it says now"
        )
    }

    /// T1e of a job without dependencies.
    private func edit(
        _ known: KnownJob,
        _ definition: JobDefinition,
        _ ifVersion: Int?,
        _ current: NodeContext.Current
    ) async throws(OperationError) -> JobView {
        try await storing {
            var known = known
            let name = definition.name
            while true {
                let now = time.now()
                do {
                    _ = try await current.session.multi(
                        JobOperations.replace(known, with: definition, layout, now: now)
                    )
                    var view = known.view
                    view.version += 1
                    view.storedAt = now
                    view.definition = definition
                    return view
                } catch let error as StoreError
                    where error.code == .noNode || error.code == .nodeExists || error.isOutcomeUnknown
                {
                    guard await current.session.waitUntilConnected() else { throw error }
                    // A later job of the name is not the one that was to be changed.
                    guard let again = try await current.jobs.job(name), again.creationID == known.creationID
                    else {
                        throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
                    }
                    if again.job.definition == definition { return again.view }
                    if let ifVersion, again.job.version != ifVersion {
                        throw stale(name, again.job.version, ifVersion)
                    }
                    guard again.owner != known.owner || again.job.version != known.job.version else {
                        throw error
                    }
                    known = again
                }
            }
        }
    }

    package func deleteJob(_ name: JobName, ifVersion: Int?) async throws(OperationError) {
        let current = try current()
        guard let known = try await storing({ try await current.jobs.job(name, isCertain: true) }) else {
            throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
        }
        try await storing { try await checkPinnedBound(current.session) }
        try await command(
            .deleteJob(name, ifVersion: ifVersion, creationID: known.creationID),
            reason: nil
        )
    }

    package func job(_ name: JobName) async throws(OperationError) -> JobView {
        let current = try current()
        guard let known = try await storing({ try await current.jobs.job(name, isCertain: true) }) else {
            throw OperationError(
                .notFound,
                code: "E2003",
                "there is no job \(name)",
                hint: "`skyfire list jobs` shows what there is"
            )
        }
        return known.view
    }

    package func jobs(
        prefix: String?,
        cursor: String?,
        limit: Int
    ) async throws(OperationError) -> Page<JobView> {
        let mirror = try mirror()
        return try await storing { try await mirror.jobs(prefix: prefix, cursor: cursor, limit: limit) }
    }

    package func upcoming(
        from: WallTime,
        through: WallTime,
        limit: Int
    ) async throws(OperationError) -> [UpcomingRun] {
        let mirror = try mirror()
        return try await storing {
            var upcoming: [UpcomingRun] = []
            var cursor: String?
            repeat {
                let page = try await mirror.jobs(prefix: nil, cursor: cursor, limit: 500)
                for job in page.items {
                    guard let timers = timers(job) else { continue }
                    var time = from.second
                    for _ in 0..<limit {
                        guard let next = timers.next(after: time), WallTime(next) <= through else { break }
                        upcoming.append(UpcomingRun(job: job.name, at: WallTime(next), worker: job.worker))
                        time = next
                    }
                }
                // Only the soonest are wanted: the rest is dropped page by page, so that memory stays bounded.
                upcoming.sort { ($0.at, $0.job) < ($1.at, $1.job) }
                if upcoming.count > limit { upcoming.removeLast(upcoming.count - limit) }
                cursor = page.nextCursor
            } while cursor != nil
            return upcoming
        }
    }

    private func timers(_ job: JobView) -> JobTimers? {
        guard job.definition.schedule?.isEmpty == false else { return nil }
        do throws(CronError) {
            return try JobTimers(
                StoredJob(
                    version: job.version,
                    createdAt: job.createdAt,
                    storedAt: job.storedAt,
                    definition: job.definition
                ),
                zones: zones
            )
        } catch {
            return nil  // a zone that this node does not know: its owner logs it
        }
    }
}
