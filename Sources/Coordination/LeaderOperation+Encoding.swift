package import Scheduling
package import ZnodeStore

extension LeaderOperation {
    /// The store operations that carry this out.
    package func encoded(_ layout: ZnodeLayout, now: WallTime) -> [StoreOperation] {
        switch self {
        case .checkDefinition(let name, let version, let owner):
            [.check(layout.job(name, version: version, owner: owner))]
        case .checkWorker(let id, let version, let assignVersion):
            [.check(layout.worker(id), version: version)]
                + (assignVersion.map { [.check(layout.assign(id), version: $0)] } ?? [])
        case .deleteQueueEntry(let run):
            [.delete(layout.queueEntry(run))]
        case .enqueue(let entry):
            [.create(layout.queueEntry(entry.run), data: RecordCoding.encode(entry))]
        case .createRun(let run):
            [.create(layout.run(run.id), data: RunRecordCoding.header(run))]
                + (0..<run.chunkCount).map {
                    .create(layout.chunk(run.id, $0), data: RunRecordCoding.chunk(run, $0))
                }
        case .setRunHeader(let run):
            [.set(layout.run(run.id), data: RunRecordCoding.header(run))]
        case .setRunChunk(let run, let chunk):
            [.set(layout.chunk(run.id, chunk), data: RunRecordCoding.chunk(run, chunk))]
        case .createOutputs(let run, let task, let outputs):
            [.create(layout.output(run, task), data: RecordCoding.encode(outputs))]
        case .deleteRun(let run, let chunkCount, let outputs):
            (0..<chunkCount).map { .delete(layout.chunk(run, $0)) }
                + outputs.map { .delete(layout.output(run, $0)) }
                + [.delete(layout.run(run))]
        case .createAssignment(let attempt, let worker, let assignment):
            [.create(layout.assignment(attempt, worker), data: RecordCoding.encode(assignment))]
        case .deleteAssignment(let attempt, let worker):
            [.delete(layout.assignment(attempt, worker))]
        case .checkAbsence(let id, let assignVersion):
            [.check(layout.assign(id), version: assignVersion)]
        case .withdrawAssignment(let attempt, let worker):
            // The start (T4) sets it from version 0 on: one of the two comes first.
            [.delete(layout.assignment(attempt, worker), version: 0)]
        case .createKill(let attempt, let worker, let mode):
            [.create(layout.kill(attempt, worker), data: RecordCoding.encode(mode))]
        case .deleteKill(let attempt, let worker):
            [.delete(layout.kill(attempt, worker))]
        case .deleteReport(let bucket, let name):
            [.delete(layout.status(bucket: bucket).child(name))]
        case .setOutcomes(let name, let record, let exists):
            exists
                ? [.set(layout.outcomes(name), data: RecordCoding.encode(record))]
                : [.create(layout.outcomes(name), data: RecordCoding.encode(record))]
        case .setVerdict(let request, let verdict):
            // The first one: a request that was read before it had its verdict is not carried out again.
            [
                .set(
                    layout.command(request),
                    data: RecordCoding.encode(CommandRecord(request: nil, verdict: verdict)),
                    version: 0
                )
            ]
        case .deleteJob(let known):
            JobOperations.delete(known, layout)
        case .replaceJob(let known, let definition):
            JobOperations.replace(known, with: definition, layout, now: now)
        case .moveJob(let move):
            [
                .check(layout.worker(move.to)),
                .delete(layout.job(move.name, version: move.version, owner: move.from)),
                .create(layout.job(move.name, version: move.version, owner: move.to), data: move.data),
                .set(layout.jobName(move.name), data: move.nameRecord),
            ]
        case .deletePinned(let name, let version):
            [.delete(layout.pinned(name, version: version))]
        case .forgetWorker(let id, let assignVersion):
            // A registration sets the directory of assignments, so it is never taken from a worker that has come back.
            [.delete(layout.jobs(of: id)), .delete(layout.assign(id), version: assignVersion)]
        }
    }
}
