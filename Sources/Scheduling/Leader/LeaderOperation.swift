/// One step of a leader's transaction, in the words of the domain. `Coordination` turns it into store operations.
package enum LeaderOperation: Sendable {
    case checkDefinition(JobName, version: Int, owner: WorkerID)
    /// Fails where a worker is gone, or another registration took the place of the one that was seen: those begin at the
    /// same versions, so the directory of its assignments is checked as well, which each of them changes.
    case checkWorker(WorkerID, version: Int32, assignVersion: Int32?)
    case deleteQueueEntry(RunID)
    case enqueue(QueueEntry)
    case createRun(LiveRun)
    case setRunHeader(LiveRun)
    case setRunChunk(LiveRun, chunk: Int)
    case createOutputs(RunID, TaskID, [String: String])
    /// Deletes the record with its chunks and these tasks' outputs.
    case deleteRun(RunID, chunkCount: Int, outputs: [TaskID])
    case createAssignment(AttemptID, WorkerID, Assignment)
    case deleteAssignment(AttemptID, WorkerID)
    /// Fails where a worker that was seen absent has registered since. `assignVersion` is that of the directory of its
    /// assignments, read before it was seen absent: every registration changes it.
    case checkAbsence(WorkerID, assignVersion: Int32)
    /// Takes an assignment back that has not started; fails where it has.
    case withdrawAssignment(AttemptID, WorkerID)
    case createKill(AttemptID, WorkerID, KillMode)
    case deleteKill(AttemptID, WorkerID)
    case deleteReport(bucket: Int, znodeName: String)
    case setOutcomes(JobName, OutcomeRecord, exists: Bool)
    case setVerdict(request: String, Verdict)
    case deleteJob(KnownJob)
    /// Stores the next version of a known job.
    case replaceJob(KnownJob, with: JobDefinition)
    case moveJob(JobMove)
    case deletePinned(JobName, version: Int)
    /// Removes the emptied directories of a worker that is gone.
    /// `assignVersion` is that of the directory of its assignments, read before the worker was seen to be absent.
    case forgetWorker(WorkerID, assignVersion: Int32)
}

/// What is applied together or not at all.
package struct LeaderTransaction: Sendable {
    package var operations: [LeaderOperation]
    /// Records that must reach the mirror: they are stored in the outbox by the same commit.
    package var finalRecords: [MirrorRecord]
    /// Records of live state, which can be projected again.
    package var liveRecords: [MirrorRecord]

    package init(
        operations: [LeaderOperation] = [],
        finalRecords: [MirrorRecord] = [],
        liveRecords: [MirrorRecord] = []
    ) {
        self.operations = operations
        self.finalRecords = finalRecords
        self.liveRecords = liveRecords
    }
}

/// Something that the leader must read before it can decide.
package enum LeaderLookup: Hashable, Sendable {
    /// The current definition of a job.
    case job(JobName)
    case outcomes(JobName)
    /// The registration of a worker.
    case worker(WorkerID)
}

/// A job's change of owner.
package struct JobMove: Sendable {
    package var name: JobName
    package var version: Int
    package var from: WorkerID
    package var to: WorkerID
    /// The definition's znode, as it is.
    package var data: [UInt8]
    /// The new content of the name's znode.
    package var nameRecord: [UInt8]

    package init(
        name: JobName,
        version: Int,
        from: WorkerID,
        to: WorkerID,
        data: [UInt8],
        nameRecord: [UInt8]
    ) {
        self.name = name
        self.version = version
        self.from = from
        self.to = to
        self.data = data
        self.nameRecord = nameRecord
    }
}
