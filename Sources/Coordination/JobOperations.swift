package import Scheduling
package import ZnodeStore

/// The transactions on definitions: T1 submit, T1e edit, T1d delete.
package enum JobOperations {
    /// T1. Fails on `jobname` where the name is taken, on `workers` where the owner is gone. `firedExists` says
    /// whether a job of this name lived before; then its counters go on.
    package static func submit(
        _ stored: StoredJob,
        owner: WorkerID,
        creationID: String,
        upstreams: [JobName],
        fired: FiredRecord,
        firedVersion: Int32?,
        _ layout: ZnodeLayout
    ) throws(RecordError) -> [StoreOperation] {
        let name = stored.definition.name
        let record = JobNameRecord(
            owner: owner,
            version: stored.version,
            createdAt: stored.createdAt,
            creationID: creationID
        )
        var operations: [StoreOperation] = [
            .create(layout.jobName(name), data: RecordCoding.encode(record)),
            .check(layout.worker(owner)),
            .create(
                layout.job(name, version: stored.version, owner: owner),
                data: try DefinitionCoding.encode(stored)
            ),
        ]
        let data = RecordCoding.encode(fired)
        if let firedVersion {
            operations.append(.set(layout.fired(name), data: data, version: firedVersion))
        } else {
            operations.append(.create(layout.fired(name), data: data))
        }
        operations += upstreams.map { .check(layout.jobName($0)) }
        return operations
    }

    /// T1e.
    package static func replace(
        _ known: KnownJob,
        with definition: JobDefinition,
        _ layout: ZnodeLayout,
        now: WallTime
    ) -> [StoreOperation] {
        let name = definition.name
        let version = known.job.version + 1
        let stored = StoredJob(
            version: version,
            createdAt: known.createdAt,
            storedAt: now,
            definition: definition
        )
        let record = JobNameRecord(
            owner: known.owner,
            version: version,
            createdAt: known.createdAt,
            creationID: known.creationID
        )
        return [
            .delete(layout.job(name, version: known.job.version, owner: known.owner)),
            .create(
                layout.job(name, version: version, owner: known.owner),
                data: DefinitionCoding.encodeChecked(stored)
            ),
            .create(
                layout.pinned(name, version: known.job.version),
                data: DefinitionCoding.encodeChecked(known.stored)
            ),
            .set(layout.jobName(name), data: RecordCoding.encode(record)),
        ]
    }

    /// T1d. The fired record stays as a tombstone.
    package static func delete(_ known: KnownJob, _ layout: ZnodeLayout) -> [StoreOperation] {
        let name = known.job.definition.name
        return [
            .delete(layout.job(name, version: known.job.version, owner: known.owner)),
            .delete(layout.jobName(name)),
            .create(
                layout.pinned(name, version: known.job.version),
                data: DefinitionCoding.encodeChecked(known.stored)
            ),
        ]
    }
}
