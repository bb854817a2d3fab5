import HashTreeCollections

/// Jobs that come after others.
extension LeaderCore {
    /// The most dependents that one transaction queues; the run stays until all are queued.
    static var dependentsLimit: Int { 200 }
    /// How many ended runs a plan of the usual budget sees to even where other work uses it up.
    static var triggeringMinimum: Int { 8 }

    /// Whether somebody may ask how a run ended: a job that comes after its job, or a repeat of a job that its own comes
    /// after, or has come after when the run was queued and may again.
    func hasDependencies(_ run: LiveRun) -> Bool {
        let name = run.job.definition.name
        return graph.hasDependents(name) || parked[name] != nil || run.cause == .dependency
            || !(run.job.definition.after ?? []).isEmpty
    }

    mutating func startDependents(_ planning: inout Planning) {
        guard isGraphComplete, !triggering.isEmpty else { return }
        var rest: [RunID] = []
        var seen = 0
        for id in triggering {
            guard let run = runs[id], run.state.isOver else { continue }
            guard seen < planning.triggeringMinimum || !planning.budget.isUsedUp else {
                rest.append(id)
                continue
            }
            guard let step = dependentsStep(run, planning.now) else {
                rest.append(id)
                continue
            }
            seen += 1
            planning.budget.spend(
                operations: step.transaction.operations.count,
                bytes: step.transaction.operations.count * 400 + OutcomeRecord.maximumBytes
            )
            planning.others.append(step.transaction)
            if !step.isLast { rest.append(id) }
        }
        triggering = rest
    }

    /// The next transaction of an ended run: it queues what the run sets free, and the last of them records the
    /// outcome and lets the run go. `nil` while something must be read first.
    private mutating func dependentsStep(
        _ run: LiveRun,
        _ now: WallTime
    ) -> (transaction: LeaderTransaction, isLast: Bool)? {
        let name = run.job.definition.name
        guard var own = knownOutcomes(name) else { return nil }
        own.record.record(run.state, of: run.id)
        var entries: [QueueEntry] = []
        if run.state == .succeeded, run.triggersDownstream {
            guard let free = freedEntries(run, now) else { return nil }
            entries = free
        }
        let isLast = entries.count <= Self.dependentsLimit
        entries = Array(entries.prefix(Self.dependentsLimit))
        // Another run of the same second, in this plan perhaps, must not queue them again.
        for entry in entries { alreadyEnqueued.insert(entry.run) }
        var transaction = LeaderTransaction()
        guard isLast else {
            transaction.operations = entries.map { .enqueue($0) }
            return (transaction, false)
        }
        transaction.operations.append(.setOutcomes(name, own.record, exists: own.exists))
        transaction.operations += entries.map { .enqueue($0) }
        transaction.operations.append(
            .deleteRun(run.id, chunkCount: run.chunkCount, outputs: run.outputs.keys.sorted())
        )
        transaction.operations += dropEntry(of: run.id)
        own.exists = true
        outcomes[name] = own
        for waiting in parked[name] ?? [] {
            if let entry = queue[waiting] { queueOrder.insert(queueItem(entry)) }
        }
        parked[name] = nil
        forget(run)
        return (transaction, true)
    }

    /// The entries of the dependents that wait for nothing else now; `nil` while something must be read first.
    private mutating func freedEntries(_ run: LiveRun, _ now: WallTime) -> [QueueEntry]? {
        let name = run.job.definition.name
        let time = run.id.logicalTime
        var isComplete = true
        var entries: [QueueEntry] = []
        for dependent in graph.dependents(of: name) {
            guard let known = knownJob(dependent) else {
                if !missingJobs.contains(dependent) { isComplete = false }
                continue
            }
            let definition = known.job.definition
            let upstreams = definition.after ?? []
            // A dependent with its own schedule decides its logical times itself; its entry waits in the queue.
            guard definition.schedule?.isEmpty ?? true, upstreams.contains(where: { $0.job == name }) else {
                continue
            }
            // A schedule that it had before it came after others has dealt with this time.
            if let mark = known.firedThrough, time <= mark { continue }
            guard let ends = knownOutcomes(dependent) else {
                isComplete = false
                continue
            }
            var isFree = !ends.record.hasEnded(at: time)
            for upstream in upstreams where upstream.job != name {
                guard let other = knownOutcomes(upstream.job) else {
                    isComplete = false
                    continue
                }
                if other.record.end(at: time) != .succeeded { isFree = false }
            }
            let id = RunID(job: dependent, logicalTime: time)
            guard isFree, runs[id] == nil, queue[id] == nil, !alreadyEnqueued.contains(id) else { continue }
            entries.append(
                QueueEntry(
                    run: id,
                    jobVersion: known.job.version,
                    cause: .dependency,
                    priority: definition.effectivePriority,
                    queuedAt: now,
                    traceID: run.traceID
                )
            )
        }
        return isComplete ? entries : nil
    }

    mutating func knownOutcomes(_ name: JobName) -> KnownOutcomes? {
        if let known = outcomes[name] { return known }
        lookups.insert(.outcomes(name))
        return nil
    }

    mutating func knownJob(_ name: JobName) -> KnownJob? {
        if let known = jobs[name] { return known }
        if !missingJobs.contains(name) { lookups.insert(.job(name)) }
        return nil
    }
}
