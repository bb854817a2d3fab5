import HashTreeCollections

/// The life of a run's units, within a draft. What follows from the end of a task is drawn by `settle`, without
/// recursion: a chain of no-ops may be as long as the run.
extension LeaderCore {
    /// Starts the tasks that need none.
    mutating func startRoots(_ draft: inout RunDraft) {
        for (index, task) in draft.run.job.tasks.enumerated() where task.needs.isEmpty {
            considerStart(of: index, &draft)
        }
        settle(&draft)
    }

    /// Ends a unit and lets follow what follows: its task, its successors.
    mutating func end(_ unit: Int, as state: TaskState, _ draft: inout RunDraft) {
        endUnit(unit, as: state, &draft)
        settle(&draft)
    }

    /// Makes a unit that was tried before wait for a place again.
    mutating func requeue(_ unit: Int, _ draft: inout RunDraft) {
        draft.run.units[unit].state = .queued
        draft.run.units[unit].retryAt = 0
        draft.run.insertReady(unit)
        draft.touch(unit: unit)
    }

    /// Gives back what a live attempt takes. The unit's state is set by the caller.
    mutating func release(_ unit: Int, _ draft: inout RunDraft) {
        guard draft.run.units[unit].state.hasLiveAttempt else { return }
        draft.run.liveUnits -= 1
        draft.run.progress[draft.run.job.taskIndex(ofUnit: unit)].live -= 1
        reserve(draft.run, unit: unit, sign: -1)
        attempts[draft.run.id]?[unit] = nil
        foundStarted.remove(draft.run.attemptID(unit: unit))
    }

    private mutating func endUnit(_ unit: Int, as state: TaskState, _ draft: inout RunDraft) {
        let old = draft.run.units[unit].state
        guard !old.isOver else { return }
        release(unit, &draft)
        if old == .queued { draft.run.removeReady(unit) }
        draft.run.units[unit].state = state
        draft.run.units[unit].retryAt = 0
        draft.run.openUnits -= 1
        draft.touch(unit: unit)
        let index = draft.run.job.taskIndex(ofUnit: unit)
        draft.run.progress[index].open -= 1
        if old != .waiting { draft.run.progress[index].active -= 1 }
        let task = draft.run.job.tasks[index]
        if task.isStopped(by: state) {
            draft.run.progress[index].isStopped = true
            if draft.run.progress[index].open > draft.run.progress[index].live {
                for other in task.units {
                    switch draft.run.units[other].state {
                    case .waiting, .queued, .retrying: endUnit(other, as: .cancelled, &draft)
                    default: break
                    }
                }
            }
        }
        if draft.run.progress[index].open == 0 || task.definition.partitions?.maxParallel != nil {
            draft.unsettled.append(index)
        }
    }

    private mutating func settle(_ draft: inout RunDraft) {
        var next = 0
        while next < draft.unsettled.count {
            let index = draft.unsettled[next]
            next += 1
            guard draft.run.progress[index].open == 0 else {
                releasePartitions(of: index, &draft)
                continue
            }
            guard !draft.run.progress[index].isSettled else { continue }
            draft.run.progress[index].isSettled = true
            if draft.run.state == .running, draft.run.taskState(index) == .failed, failsRun(index, draft.run)
            {
                draft.run.state = .failing
                draft.isHeaderChanged = true
            }
            for successor in draft.run.job.tasks[index].successors { considerStart(of: successor, &draft) }
        }
        draft.unsettled.removeAll()
    }

    /// Starts a task when all that it needs is over and its condition holds; cancels it when it does not hold.
    private mutating func considerStart(of index: Int, _ draft: inout RunDraft) {
        let task = draft.run.job.tasks[index]
        let progress = draft.run.progress[index]
        guard progress.open == task.units.count, progress.active == 0,
            task.needs.allSatisfy({ draft.run.progress[$0].open == 0 })
        else { return }
        if draft.run.stopAs != nil {
            for unit in task.units { endUnit(unit, as: draft.run.stoppedState, &draft) }
            return
        }
        let needs = task.needs.map { draft.run.taskState($0) }
        let holds =
            switch task.definition.effectiveCondition {
            case .allSuccess: needs.allSatisfy { $0 == .succeeded || $0 == .skipped }
            case .anySuccess: needs.isEmpty || needs.contains(.succeeded)
            case .allDone: true
            case .noneFailed: !needs.contains { $0 == .failed || $0 == .killed || $0 == .cancelled }
            }
        if holds {
            releasePartitions(of: index, &draft)
        } else {
            for unit in task.units { endUnit(unit, as: .cancelled, &draft) }
        }
    }

    /// Makes waiting partitions ready, as many as `max_parallel` allows; no-ops end at once.
    private mutating func releasePartitions(of index: Int, _ draft: inout RunDraft) {
        guard draft.run.stopAs == nil else { return }
        let task = draft.run.job.tasks[index]
        let limit = task.definition.partitions?.maxParallel ?? Int.max
        let isNoop = task.definition.effectiveType == .noop
        while draft.run.progress[index].active < limit,
            draft.run.progress[index].nextWaiting < task.units.upperBound
        {
            let unit = draft.run.progress[index].nextWaiting
            draft.run.progress[index].nextWaiting += 1
            guard draft.run.units[unit].state == .waiting else { continue }
            if isNoop {
                endUnit(unit, as: .succeeded, &draft)
            } else {
                draft.run.progress[index].active += 1
                draft.run.units[unit].state = .queued
                draft.run.insertReady(unit)
                draft.touch(unit: unit)
            }
        }
    }

    // MARK: Stopping

    /// Stops a run: what waits is over at once, what runs is told to stop. Of more attempts than one commit can tell the
    /// rest are told by those that follow.
    mutating func stop(
        _ draft: inout RunDraft,
        as end: RunState,
        reason: String?,
        _ planning: inout Planning
    ) {
        let isHarder = end == .killed && draft.run.stopAs != nil && draft.run.stopAs != .killed
        guard draft.run.stopAs == nil || isHarder else { return }
        draft.run.stopAs = end
        draft.run.state = .killing
        draft.run.reason = reason ?? draft.run.reason
        draft.isHeaderChanged = true
        for unit in draft.run.units.indices {
            switch draft.run.units[unit].state {
            case .waiting, .queued, .retrying:
                endUnit(unit, as: draft.run.stoppedState, &draft)
            case .assigned where !hasStarted(unit, of: draft.run) && !planning.budget.isUsedUp:
                planning.budget.spend(operations: 2, bytes: 1_000)
                withdraw(unit, &draft, planning.now)
            case .assigned, .running, .killing:
                draft.run.units[unit].state = .killing
                draft.touch(unit: unit)
                ask(unit, replacesOther: isHarder || draft.kills[unit] == true, &draft, &planning)
            default: break
            }
        }
        settle(&draft)
    }

    /// Has the worker of an attempt asked to stop it by this plan, or by one that has room.
    private mutating func ask(
        _ unit: Int,
        replacesOther: Bool,
        _ draft: inout RunDraft,
        _ planning: inout Planning
    ) {
        guard !planning.budget.isUsedUp else {
            unasked[draft.run.id, default: [:]][unit] = replacesOther
            return
        }
        let count = replacesOther ? 2 : 1
        let bytes = draft.run.attemptID(unit: unit).znodeName.utf8.count + 150
        planning.budget.spend(operations: count, bytes: count * bytes)
        draft.kills[unit] = replacesOther
    }

    /// Goes on with what stopped runs had no room for.
    mutating func askRest(_ planning: inout Planning) {
        for (id, units) in unasked.sorted(by: { $0.key < $1.key }) where !planning.budget.isUsedUp {
            unasked[id] = nil
            edit(id, &planning) { core, draft, planning in
                for (unit, replacesOther) in units.sorted(by: { $0.key < $1.key })
                where draft.run.units[unit].state == .killing {
                    core.ask(unit, replacesOther: replacesOther, &draft, &planning)
                }
            }
        }
    }

    func hasStarted(_ unit: Int, of run: LiveRun) -> Bool {
        let attempt = run.attemptID(unit: unit)
        return attempts[run.id]?[unit]?.startedAt != nil || foundStarted.contains(attempt)
            || reportExpected.contains(attempt)
    }

    /// Takes an assignment back that has not started, so that it never does. Where it has, the plan is rejected, and the
    /// next one asks its worker.
    private mutating func withdraw(_ unit: Int, _ draft: inout RunDraft, _ now: WallTime) {
        let attempt = draft.run.attemptID(unit: unit)
        let worker = WorkerID(number: draft.run.units[unit].worker)
        draft.before.append(.withdrawAssignment(attempt, worker))
        if killsSent.remove(attempt) != nil { draft.before.append(.deleteKill(attempt, worker)) }
        var view = attemptView(draft.run, unit: unit, state: AttemptOutcome.killed.rawValue)
        view.endedAt = now
        view.reason = "stopped before it started"
        draft.finalAttempts.append(view)
        endUnit(unit, as: draft.run.stoppedState, &draft)
    }

    /// Asks the worker of a live attempt to stop it, where the worker is there to be asked.
    func killOperations(
        _ attempt: AttemptID,
        _ worker: WorkerID,
        _ mode: KillMode,
        replacesOther: Bool
    ) -> [LeaderOperation] {
        guard workers[worker]?.isPresent == true else { return [] }
        if killsSent.contains(attempt) {
            return replacesOther
                ? [.deleteKill(attempt, worker), .createKill(attempt, worker, mode)] : []
        }
        return [.createKill(attempt, worker, mode)]
    }

    /// Asks for the stop of what was drawn for it and has not ended within the plan.
    mutating func sendKills(_ draft: RunDraft) -> [LeaderOperation] {
        var sent: [LeaderOperation] = []
        for (unit, replacesOther) in draft.kills.sorted(by: { $0.key < $1.key })
        where draft.run.units[unit].state == .killing {
            let attempt = draft.run.attemptID(unit: unit)
            let operations = killOperations(
                attempt,
                WorkerID(number: draft.run.units[unit].worker),
                draft.run.stopAs == .killed ? .kill : .cancel,
                replacesOther: replacesOther
            )
            guard !operations.isEmpty else { continue }
            sent += operations
            killsSent.insert(attempt)
        }
        return sent
    }

    /// A worker that came back, or is first seen in this term, is told of what it should stop.
    mutating func repeatKills(_ planning: inout Planning) {
        guard !returned.isEmpty else { return }
        var rest: TreeSet<WorkerID> = []
        for worker in returned.sorted() where workers[worker]?.isPresent == true {
            for place in (held[worker] ?? []).sorted() {
                guard let run = runs[place.run], run.stopAs != nil, run.units[place.unit].state == .killing,
                    !killsSent.contains(run.attemptID(unit: place.unit))
                else { continue }
                guard !planning.budget.isUsedUp else {
                    rest.insert(worker)
                    break
                }
                edit(place.run, &planning) { core, draft, planning in
                    if draft.kills[place.unit] == nil {
                        core.ask(place.unit, replacesOther: false, &draft, &planning)
                    }
                }
            }
        }
        returned = rest
    }
}

extension CompiledJob.Task {
    /// Whether a partition that ends so stops the others: none is begun or tried again.
    func isStopped(by state: TaskState) -> Bool {
        (state == .failed || state == .killed) && isPartitioned
            && (definition.partitions?.onFailure ?? .stop) == .stop
    }
}

extension LiveRun {
    /// How what has no live attempt ends when the run is stopped.
    var stoppedState: TaskState { stopAs == .killed ? .killed : .cancelled }
}
