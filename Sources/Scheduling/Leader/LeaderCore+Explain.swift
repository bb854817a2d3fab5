import HashTreeCollections

extension LeaderCore {
    /// Says why a run or one of its tasks does not proceed. `nil` when the leader does not hold the run.
    package func explain(_ id: RunID, task: TaskID? = nil, now: WallTime) -> Explanation? {
        if let entry = queue[id] { return explainQueued(entry) }
        guard let run = runs[id] else { return nil }
        var blockers = commonBlockers
        if run.state == .paused {
            let message = "the run is paused" + (run.reason.map { ": \($0)" } ?? "")
            blockers.append(Blocker(kind: "paused", message: message))
        }
        if let blocker = safeModeBlocker(run) { blockers.append(blocker) }
        for (index, each) in run.job.tasks.enumerated() where task == nil || each.definition.id == task {
            blockers += explainTask(index, of: run, now: now)
            if blockers.count > 100 { break }
        }
        if run.state.isOver {
            blockers.append(
                Blocker(kind: "triggering", message: "the run is over; its dependents are being started")
            )
        }
        return Explanation(run: id, state: run.state.rawValue, blockers: blockers)
    }

    /// Where attempts of a run are on workers that are gone, and nothing is taken over.
    private func safeModeBlocker(_ run: LiveRun) -> Blocker? {
        guard isSafeMode else { return nil }
        let holders = run.units.lazy.filter { $0.state.hasLiveAttempt }.map { WorkerID(number: $0.worker) }
        let gone = Set(holders).filter { workers[$0]?.isPresent != true }.sorted()
        guard !gone.isEmpty else { return nil }
        let names = gone.prefix(10).map(\.description).joined(separator: ", ")
        return Blocker(
            kind: "safe_mode",
            message:
                "attempts are on \(names), which are gone, and nothing is taken over while fewer than half of the "
                + "known workers are present: start them, or give them up with `skyfire cluster takeover`"
        )
    }

    /// What holds all runs back.
    private var commonBlockers: [Blocker] {
        var blockers: [Blocker] = []
        if isPaused { blockers.append(Blocker(kind: "paused", message: "the cluster is paused")) }
        if isOutboxFull {
            blockers.append(
                Blocker(
                    kind: "outbox",
                    message:
                        "the mirror is behind: as many final records wait for it as may, so nothing starts"
                )
            )
        }
        return blockers
    }

    private func explainQueued(_ entry: QueueEntry) -> Explanation {
        var blockers = commonBlockers
        if runs.count >= maximumLiveRuns {
            blockers.append(Blocker(kind: "runs", message: "\(runs.count) runs live, as many as may at once"))
        }
        guard let known = jobs[entry.run.job] else {
            if !isPaused { blockers.append(Blocker(kind: "queue", message: "its definition is being read")) }
            return Explanation(run: entry.run, state: RunState.queued.rawValue, blockers: blockers)
        }
        var state = RunState.queued
        if entry.waitsForUpstreams, entry.cause != .dependency {
            for upstream in known.job.definition.after ?? []
            where outcomes[upstream.job]?.record.end(at: entry.run.logicalTime) != .succeeded {
                state = .waiting
                blockers.append(
                    Blocker(
                        kind: "upstream",
                        message: "waits for \(upstream.job) to succeed for \(entry.run.logicalTime)"
                    )
                )
            }
        }
        if state == .queued {
            let ahead = Array(queueOrder.elements().prefix { $0.run != entry.run }).count
            if ahead > 0 {
                blockers.append(Blocker(kind: "queue", message: "\(ahead) entries of the queue come first"))
            }
            for (index, task) in known.job.tasks.enumerated() where task.needs.isEmpty {
                blockers += exclusiveBlockers(known.job, index) + placeBlockers(known.job, index)
            }
        }
        return Explanation(run: entry.run, state: state.rawValue, blockers: blockers)
    }

    private func explainTask(_ index: Int, of run: LiveRun, now: WallTime) -> [Blocker] {
        let task = run.job.tasks[index]
        let id = task.definition.id
        switch run.taskState(index) {
        case .waiting:
            let open = task.needs.filter { !run.taskState($0).isOver }.map { run.job.tasks[$0].definition.id }
            return open.isEmpty
                ? []
                : [
                    Blocker(
                        kind: "needs",
                        message: "waits for " + open.map(\.description).joined(separator: ", "),
                        task: id
                    )
                ]
        case .queued:
            return exclusiveBlockers(run.job, index) + placeBlockers(run.job, index)
        case .retrying:
            var soonest = Int64.max
            for unit in task.units where run.units[unit].state == .retrying {
                soonest = min(soonest, run.units[unit].retryAt)
            }
            let wait = max(0, soonest - now.milliseconds)
            return [Blocker(kind: "backoff", message: "is tried again in \(wait) ms", task: id)]
        case .assigned:
            let worker = WorkerID(number: run.units[task.units.lowerBound].worker)
            return [
                Blocker(
                    kind: "start",
                    message: "is assigned to \(worker), which has not started it yet",
                    task: id
                )
            ]
        case .killing:
            return [Blocker(kind: "kill", message: "is being stopped by its worker", task: id)]
        case .running:
            let gone = task.units.first { unit in
                run.units[unit].state.hasLiveAttempt
                    && workers[WorkerID(number: run.units[unit].worker)]?.isPresent == false
            }
            guard let gone else { return [] }
            let worker = WorkerID(number: run.units[gone].worker)
            let isWaiting =
                exclusiveUnit(run.job, unit: gone) != nil && workers[worker]?.isKillMarginOver != true
            return [
                Blocker(
                    kind: "lost",
                    message: "\(worker), which runs it, is gone"
                        + (isWaiting ? "; it is taken over when the kill margin is over" : ""),
                    task: id
                )
            ]
        case .succeeded, .failed, .killed, .cancelled, .skipped:
            return []
        }
    }

    /// What holds an exclusive task back: another run of it, or a worker that is gone and may still be ending it.
    private func exclusiveBlockers(_ job: CompiledJob, _ index: Int) -> [Blocker] {
        let task = job.tasks[index]
        for unit in task.units {
            guard let key = exclusiveUnit(job, unit: unit) else { return [] }
            if let holder = exclusiveHolders[key] {
                return [
                    Blocker(
                        kind: "exclusive",
                        message: "is exclusive and still held by \(holder)",
                        task: task.definition.id
                    )
                ]
            }
        }
        return []
    }

    /// Counts the workers by what stands against each.
    private func placeBlockers(_ job: CompiledJob, _ index: Int) -> [Blocker] {
        let task = job.tasks[index].definition
        let request = Placement.Request(job: job.definition, task: task)
        var counts: [Infeasible: Int] = [:]
        for worker in workers.values {
            guard let reason = Placement.infeasibility(of: request, on: worker) else { return [] }
            counts[reason, default: 0] += 1
        }
        guard !workers.isEmpty else {
            return [Blocker(kind: "workers", message: "there is no worker", task: task.id)]
        }
        return counts.map { reason, count in
            let workers = count == 1 ? "1 worker" : "\(count) workers"
            return switch reason {
            case .gone: Blocker(kind: "workers", message: "\(workers) gone", task: task.id)
            case .draining: Blocker(kind: "draining", message: "\(workers) draining", task: task.id)
            case .noWork:
                Blocker(kind: "workers", message: "\(workers) without the worker role", task: task.id)
            case .slots: Blocker(kind: "slots", message: "\(workers) with every slot used", task: task.id)
            case .memory: Blocker(kind: "memory", message: "\(workers) with too little memory", task: task.id)
            case .cpu: Blocker(kind: "cpu", message: "\(workers) with too few cores free", task: task.id)
            case .disk: Blocker(kind: "disk", message: "\(workers) with too little disk", task: task.id)
            case .pool(let pool):
                Blocker(kind: "pool", message: "\(workers) not in pool \(pool)", task: task.id)
            case .label(let label):
                Blocker(kind: "label", message: "\(workers) without label \(label)", task: task.id)
            }
        }.sorted { $0.message < $1.message }
    }
}
