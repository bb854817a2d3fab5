import Cron
import HashTreeCollections

extension LeaderCore {
    /// How long a `started` report may lie before a commit is made for its sake alone.
    static var startConsumptionDelay: Int64 { 250 }
    /// The most `started` reports that one plan consumes.
    static var startConsumptionLimit: Int { 256 }

    /// Decides what to commit next, and changes this copy as if it were committed.
    package mutating func plan(
        now: WallTime,
        budget: PlanBudget = PlanBudget(),
        random: inout some RandomNumberGenerator
    ) -> LeaderPlan {
        var planning = Planning(now: now, budget: budget)
        // What has started and ended is known before anybody stops it.
        consumeReports(&planning, random: &random)
        consumeCommands(&planning)
        reclaimLost(&planning)
        askRest(&planning)
        repeatKills(&planning)
        passTimers(&planning)
        if !isPaused, !isOutboxFull {
            placeReady(&planning)
            admitQueued(&planning)
        }
        dropDuplicates(&planning)
        startDependents(&planning)
        assemble(&planning)
        consumeStarts(&planning)
        planning.plan.liveRecords = liveRecords(planning)
        planning.plan.lookups = lookups.sorted { $0.sortKey < $1.sortKey }
        lookups = []
        planning.plan.wakeAt = nextWake(planning)
        return planning.plan
    }

    /// The state of one call of `plan`.
    struct Planning {
        let now: WallTime
        var budget: PlanBudget
        var plan = LeaderPlan()
        var drafts: [RunID: RunDraft] = [:]
        var draftOrder: [RunID] = []
        /// Transactions that belong to no run.
        var others: [LeaderTransaction] = []
        /// Attempts that were found started by this plan.
        var starts: [AttemptID: Int] = [:]
        var places = Places()
        /// How many ended runs it sees to even where its budget is used up by other work.
        let triggeringMinimum: Int

        init(now: WallTime, budget: PlanBudget) {
            self.now = now
            self.budget = budget
            triggeringMinimum = min(LeaderCore.triggeringMinimum, budget.operations)
        }
    }

    /// Changes a run through its draft. Returns false when there is no such live run.
    @discardableResult
    mutating func edit(
        _ id: RunID,
        _ planning: inout Planning,
        _ change: (inout LeaderCore, inout RunDraft, inout Planning) -> Void
    ) -> Bool {
        var draft: RunDraft
        if let known = planning.drafts.removeValue(forKey: id) {
            draft = known
        } else if let run = runs[id] {
            draft = RunDraft(run: run)
            planning.draftOrder.append(id)
            planning.budget.spend(
                operations: 1,
                bytes: 500 + (run.chunkCount == 0 ? run.units.count * 12 : 0)
            )
        } else {
            return false
        }
        // The draft is the only holder of the run while it changes: its units are copied once in a plan, not each time.
        runs[id] = nil
        let wasReady = !draft.run.ready.isEmpty
        let chunks = draft.changedChunks.count
        change(&self, &draft, &planning)
        let newChunks = draft.changedChunks.count - chunks
        planning.budget.spend(operations: newChunks, bytes: newChunks * LiveRun.chunkSize * 12)
        if draft.run.openUnits == 0, !draft.run.state.isOver { conclude(&draft, &planning) }
        if wasReady != !draft.run.ready.isEmpty {
            let item = QueuedItem(key: draft.run.orderKey, run: id)
            if wasReady { readyOrder.remove(item) } else { readyOrder.insert(item) }
        }
        runs[id] = draft.run
        planning.drafts[id] = draft
        return true
    }

    // MARK: Timers

    private mutating func passTimers(_ planning: inout Planning) {
        while let due = timers.first, due.at <= planning.now.milliseconds, !planning.budget.isUsedUp {
            setTimer(due.run, nil)
            edit(due.run, &planning) { core, draft, planning in
                for unit in draft.run.units.indices
                where draft.run.units[unit].state == .retrying
                    && draft.run.units[unit].retryAt <= planning.now.milliseconds
                {
                    core.requeue(unit, &draft)
                }
                if let timeout = draft.run.job.definition.timeout, draft.run.stopAs == nil,
                    draft.run.startedAt.milliseconds + timeout.milliseconds <= planning.now.milliseconds
                {
                    core.stop(
                        &draft,
                        as: .failed,
                        reason: "E3004 the run took longer than its timeout",
                        &planning
                    )
                }
                core.noteTimer(draft.run)
            }
        }
    }

    private func nextWake(_ planning: Planning) -> WallTime? {
        // What is more than one plan can hold, or follows from this one, is not to wait for the next fact.
        if !planning.plan.isEmpty || readyCursor != nil || queueCursor != nil { return planning.now }
        var soonest = timers.first?.at ?? .max
        if let oldest = consumedStarts.values.compactMap({ $0.startedAt?.milliseconds }).min() {
            soonest = min(soonest, oldest + Self.startConsumptionDelay)
        }
        return soonest == .max ? nil : WallTime(milliseconds: max(soonest, planning.now.milliseconds + 1))
    }

    // MARK: The end of a run

    /// The last unit is over: the run ends.
    mutating func conclude(_ draft: inout RunDraft, _ planning: inout Planning) {
        draft.run.state = draft.run.stopAs ?? (hasFailed(draft.run) ? .failed : .succeeded)
        draft.run.endedAt = planning.now
        draft.isHeaderChanged = true
        draft.isEnding = true
        noteActive(draft.run.job.definition.name, -1)
        setTimer(draft.run.id, nil)
        let tasks = draft.run.job.tasks.count
        planning.budget.spend(
            operations: draft.run.chunkCount + draft.run.outputs.count,
            bytes: 600 + tasks * 90 + draft.run.units.count
        )
    }

    func hasFailed(_ run: LiveRun) -> Bool {
        run.job.tasks.indices.contains { index in
            let state = run.taskState(index)
            return (state == .failed || state == .killed) && failsRun(index, run)
        }
    }

    /// Whether a failed task makes its run fail: not where all that needs it starts in spite of the failure.
    func failsRun(_ index: Int, _ run: LiveRun) -> Bool {
        let successors = run.job.tasks[index].successors
        return successors.isEmpty
            || successors.contains { successor in
                switch run.job.tasks[successor].definition.effectiveCondition {
                case .allSuccess, .noneFailed: true
                case .anySuccess, .allDone: run.taskState(successor) == .cancelled
                }
            }
    }

    mutating func forget(_ run: LiveRun) {
        runs[run.id] = nil
        attempts[run.id] = nil
        unasked[run.id] = nil
        setTimer(run.id, nil)
    }

    /// Turns the drafts into transactions.
    private mutating func assemble(_ planning: inout Planning) {
        var known = triggering.count
        for id in planning.draftOrder {
            guard let draft = planning.drafts[id], draft.isChanged else { continue }
            planning.plan.transactions.append(transaction(id, draft))
        }
        // In the order that a new term takes: by the time of the end, then by id. A plan before may have had this time.
        while known > 0, runs[triggering[known - 1]]?.endedAt == planning.now { known -= 1 }
        triggering[known...].sort()
        planning.plan.transactions += planning.others
    }

    private mutating func transaction(_ id: RunID, _ draft: RunDraft) -> LeaderTransaction {
        var transaction = LeaderTransaction(operations: draft.before)
        if draft.isEnding, isGraphComplete, !hasDependencies(draft.run) {
            if !draft.isNew {
                transaction.operations.append(
                    .deleteRun(
                        id,
                        chunkCount: draft.run.chunkCount,
                        outputs: draft.run.outputs.keys.filter { draft.newOutputs[$0] == nil }.sorted()
                    )
                )
            }
            transaction.operations += dropEntry(of: id)
            forget(draft.run)
        } else {
            if draft.isNew {
                transaction.operations.append(.createRun(draft.run))
            } else {
                if draft.isHeaderChanged { transaction.operations.append(.setRunHeader(draft.run)) }
                for chunk in draft.changedChunks.sorted() {
                    transaction.operations.append(.setRunChunk(draft.run, chunk: chunk))
                }
            }
            for (task, outputs) in draft.newOutputs.sorted(by: { $0.key < $1.key }) {
                transaction.operations.append(.createOutputs(id, task, outputs))
            }
            if draft.isEnding { triggering.append(id) }
        }
        transaction.operations += draft.after + sendKills(draft)
        let record = MirrorRecord.run(draft.run.view, tasks: draft.run.taskSummaries)
        transaction.finalRecords =
            draft.finalAttempts.map { MirrorRecord.attempt(run: id, $0) } + (draft.isEnding ? [record] : [])
        transaction.liveRecords =
            draft.liveAttempts.map { MirrorRecord.attempt(run: id, $0) } + (draft.isEnding ? [] : [record])
        return transaction
    }

    /// What the mirror should see of starts, which need no commit of their own.
    private func liveRecords(_ planning: Planning) -> [MirrorRecord] {
        var records: [MirrorRecord] = []
        var shown: Set<RunID> = []
        for (id, unit) in planning.starts.sorted(by: { $0.key < $1.key }) {
            // An attempt that started and ended within one plan has its final record already.
            guard let run = runs[id.run], run.units[unit].attempt == id.number,
                run.units[unit].state.hasLiveAttempt
            else { continue }
            records.append(.attempt(run: id.run, attemptView(run, unit: unit, state: "running")))
            if run.units.count <= LiveRun.chunkSize, planning.drafts[id.run]?.isChanged != true,
                shown.insert(id.run).inserted
            {
                records.append(.run(run.view, tasks: run.taskSummaries))
            }
        }
        return records
    }

    // MARK: Leftovers

    private mutating func consumeStarts(_ planning: inout Planning) {
        guard !consumedStarts.isEmpty else { return }
        let oldest = consumedStarts.values.compactMap { $0.startedAt?.milliseconds }.min() ?? 0
        let isDue =
            consumedStarts.count >= Self.startConsumptionLimit || !planning.plan.transactions.isEmpty
            || oldest + Self.startConsumptionDelay <= planning.now.milliseconds
        guard isDue else { return }
        // Never more than one transaction of the store can hold, but always some.
        let room = max(16, planning.budget.operations + 100)
        let taken = consumedStarts.values.sorted { $0.znodeName < $1.znodeName }
            .prefix(min(Self.startConsumptionLimit, room))
        var transaction = LeaderTransaction()
        for report in taken {
            transaction.operations.append(.deleteReport(bucket: report.bucket, znodeName: report.znodeName))
            consumedStarts[report.attempt] = nil
        }
        planning.plan.transactions.append(transaction)
    }

    /// A second entry of a run that is over now goes with it: it must not run again.
    mutating func dropEntry(of id: RunID) -> [LeaderOperation] {
        guard queue[id] != nil else { return [] }
        removeFromQueue(id)
        return [.deleteQueueEntry(id)]
    }

    private mutating func dropDuplicates(_ planning: inout Planning) {
        for id in duplicates {
            removeFromQueue(id)
            planning.others.append(LeaderTransaction(operations: [.deleteQueueEntry(id)]))
        }
        duplicates = []
    }
}

extension LeaderLookup {
    /// An order that does not depend on hashing.
    var sortKey: String {
        switch self {
        case .job(let name): "job \(name)"
        case .outcomes(let name): "outcomes \(name)"
        case .worker(let id): "worker \(id)"
        }
    }
}
