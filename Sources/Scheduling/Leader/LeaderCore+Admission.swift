import HashTreeCollections

extension LeaderCore {
    /// The most bytes of the parameters of one run, with the defaults of its job. They go into its record, and from
    /// there into one transaction with others.
    package static var maximumParameterBytes: Int { 64 * 1024 }

    /// Turns queue entries into live runs, in order, as far as there are places.
    mutating func admitQueued(_ planning: inout Planning) {
        queueCursor = scan(queueOrder, from: queueCursor, &planning) { core, item, planning in
            guard let entry = core.queue[item.run] else { return }
            guard core.runs[entry.run] == nil else {
                core.duplicates.append(entry.run)
                return
            }
            guard let known = core.knownJob(entry.run.job) else {
                if core.missingJobs.contains(entry.run.job) {
                    core.suppress(entry, as: .skipped, reason: "its job was deleted", &planning)
                }
                return
            }
            // What runs is the definition at admission, but never that of another job which has the name now.
            guard entry.age >= known.age else {
                core.suppress(
                    entry,
                    as: .skipped,
                    reason: "its job was deleted, and another one has its name",
                    &planning
                )
                return
            }
            core.consider(entry, known, &planning)
        }
    }

    private mutating func consider(_ entry: QueueEntry, _ known: KnownJob, _ planning: inout Planning) {
        let definition = known.job.definition
        if let reason = entry.suppression {
            suppress(entry, as: .skipped, reason: reason, &planning)
            return
        }
        if entry.waitsForUpstreams, entry.cause != .dependency {
            for upstream in definition.after ?? [] {
                guard let outcomes = knownOutcomes(upstream.job) else { return }
                if outcomes.record.end(at: entry.run.logicalTime) != .succeeded {
                    queueOrder.remove(queueItem(entry))
                    parked[upstream.job, default: []].append(entry.run)
                    parkedUnder[definition.name, default: []].insert(upstream.job)
                    return
                }
            }
        }
        let suppresses = entry.cause == .schedule || entry.cause == .dependency
        if suppresses, definition.effectiveOverlap == .skip, (activeRuns[definition.name] ?? 0) > 0 {
            suppress(
                entry,
                as: .skipped,
                reason: "E3001 an earlier run of \(definition.name) is not over",
                &planning
            )
            return
        }
        let params: [String: String]
        do {
            params = try AssignmentBuilder.parameters(entry, definition, zone: known.job.zone)
            let size = params.approximateSize
            guard size <= Self.maximumParameterBytes else {
                throw TemplateError(.unresolved, "the parameters have \(size) bytes, too many", offset: 0)
            }
        } catch {
            suppress(entry, as: .failed, reason: "E3007 \(error)", &planning)
            return
        }
        admit(entry, known, params, &planning)
    }

    /// Considers the entries of a job again that wait for others: it may come after other jobs now, or be gone.
    mutating func unpark(_ name: JobName) {
        for upstream in parkedUnder.removeValue(forKey: name) ?? [] {
            var waiting = parked[upstream] ?? []
            for id in waiting where id.job == name {
                if let entry = queue[id] { queueOrder.insert(queueItem(entry)) }
            }
            waiting.removeAll { $0.job == name }
            parked[upstream] = waiting.isEmpty ? nil : waiting
        }
    }

    private mutating func admit(
        _ entry: QueueEntry,
        _ known: KnownJob,
        _ params: [String: String],
        _ planning: inout Planning
    ) {
        guard runs.count < maximumLiveRuns else { return }
        let isStuck = planning.places.stuckJobs.contains(ObjectIdentifier(known.job))
        guard entry.carried != nil || !isStuck else { return }
        let definition = known.job.definition
        let run = LiveRun(
            id: entry.run,
            job: known.job,
            cause: entry.cause,
            priority: entry.priority,
            params: params,
            queuedAt: entry.queuedAt,
            startedAt: planning.now,
            traceID: entry.traceID,
            triggersDownstream: entry.triggersDownstream,
            age: entry.age
        )
        var draft = RunDraft(run: run, isNew: true)
        var cost =
            600 + params.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 8 } + run.units.count * 8
        for (index, task) in known.job.tasks.enumerated() {
            guard let outputs = entry.carried?[task.definition.id] else { continue }
            if !outputs.isEmpty {
                draft.run.outputs[task.definition.id] = outputs
                cost += outputs.approximateSize
            }
            carry(index, &draft)
        }
        draft.newOutputs = draft.run.outputs
        draft.before = [
            .checkDefinition(definition.name, version: known.job.version, owner: known.owner),
            .deleteQueueEntry(entry.run),
        ]
        startRoots(&draft)
        let placed = placeUnits(&draft, &planning)
        if placed == 0, draft.run.openUnits > 0 {
            // Nothing fits: the entry stays where it is. Up to here only the draft has changed.
            if entry.carried == nil { planning.places.stuckJobs.insert(ObjectIdentifier(known.job)) }
            return
        }
        planning.budget.spend(operations: 3 + run.chunkCount + draft.newOutputs.count, bytes: cost)
        removeFromQueue(entry.run)
        noteActive(definition.name, 1)
        if draft.run.openUnits == 0 { conclude(&draft, &planning) } else { noteTimer(draft.run) }
        if !draft.run.ready.isEmpty { readyOrder.insert(QueuedItem(key: draft.run.orderKey, run: entry.run)) }
        runs[entry.run] = draft.run
        planning.draftOrder.append(entry.run)
        planning.drafts[entry.run] = draft
    }

    /// Counts a task as succeeded that an earlier run has done.
    private mutating func carry(_ index: Int, _ draft: inout RunDraft) {
        let task = draft.run.job.tasks[index]
        for unit in task.units { draft.run.units[unit].state = .succeeded }
        draft.run.openUnits -= task.units.count
        draft.run.progress[index].open = 0
        draft.run.progress[index].nextWaiting = task.units.upperBound
        draft.unsettled.append(index)
    }

    /// Makes a record of an entry that never becomes a live run. Returns false while something must be read first.
    @discardableResult
    mutating func suppress(
        _ entry: QueueEntry,
        as state: RunState,
        reason: String,
        _ planning: inout Planning
    ) -> Bool {
        guard let outcome = outcomeOperations(entry, state) else { return false }
        removeFromQueue(entry.run)
        planning.others.append(
            LeaderTransaction(
                operations: [.deleteQueueEntry(entry.run)] + outcome,
                finalRecords: [suppressed(entry, as: state, reason: reason, planning.now)]
            )
        )
        planning.budget.spend(
            operations: 1 + outcome.count,
            bytes: 600 + outcome.count * OutcomeRecord.maximumBytes
        )
        return true
    }

    /// Notes how an entry ended, so that a repeat of the job that it comes after does not queue its id again. `nil`
    /// while something must be read first.
    private mutating func outcomeOperations(_ entry: QueueEntry, _ state: RunState) -> [LeaderOperation]? {
        let name = entry.run.job
        guard entry.run.suffix.isEmpty else { return [] }
        // Of a job that is gone as well: a namesake may come after the same one.
        if entry.cause != .dependency {
            guard let known = knownJob(name) else { return missingJobs.contains(name) ? [] : nil }
            guard !(known.job.definition.after ?? []).isEmpty else { return [] }
        }
        guard var own = knownOutcomes(name) else { return nil }
        own.record.record(state, of: entry.run)
        let operation = LeaderOperation.setOutcomes(name, own.record, exists: own.exists)
        own.exists = true
        outcomes[name] = own
        return [operation]
    }
}

extension [String: String] {
    /// About how many bytes the entries take.
    package var approximateSize: Int { reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 8 } }
}
