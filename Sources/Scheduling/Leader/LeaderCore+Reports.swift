import Cron
import HashTreeCollections

extension LeaderCore {
    /// How often an attempt may lose its worker before its task fails as poison.
    static var maximumLosses: Int { 3 }
    /// The most bytes of outputs of one run.
    static var maximumOutputBytes: Int { 256 * 1024 }
    /// How long a refused attempt waits before it is placed again.
    static var refusalDelay: Int64 { 1_000 }

    mutating func consumeReports(_ planning: inout Planning, random: inout some RandomNumberGenerator) {
        while reportsTaken < reports.count, !planning.budget.isUsedUp {
            consume(reports[reportsTaken], &planning, random: &random)
            reportsTaken += 1
        }
    }

    private mutating func consume(
        _ report: Report,
        _ planning: inout Planning,
        random: inout some RandomNumberGenerator
    ) {
        let deletion = LeaderOperation.deleteReport(bucket: report.bucket, znodeName: report.znodeName)
        let id = report.attempt
        guard let unit = liveUnit(id) else {
            // Too late: the attempt was taken over, or its run is over.
            planning.budget.spend(operations: 1, bytes: 100)
            var transaction = LeaderTransaction(operations: [deletion])
            if let incident = incident(report) {
                planning.budget.spend(operations: 1, bytes: 600)
                planning.plan.incidents.append(incident)
                transaction.finalRecords = [.attempt(run: id.run, incident.view)]
            }
            planning.others.append(transaction)
            return
        }
        switch report.event {
        case .late:
            // Its end was handed in after all; that report is on its way here.
            planning.budget.spend(operations: 1, bytes: 100)
            planning.others.append(LeaderTransaction(operations: [deletion]))
        case .started:
            consumedStarts[id] = report
            attempts[id.run]?[unit]?.startedAt = report.startedAt
            guard runs[id.run]?.units[unit].state == .assigned else { return }
            planning.starts[id] = unit
            // Not worth a commit: the next record of the run holds it, and the assignment says it too.
            if var draft = planning.drafts.removeValue(forKey: id.run) {
                runs[id.run] = nil
                draft.run.units[unit].state = .running
                runs[id.run] = draft.run
                planning.drafts[id.run] = draft
            } else {
                runs[id.run]?.units[unit].state = .running
            }
        case .ended(let outcome):
            let seed = random.next()
            planning.budget.spend(
                operations: 2,
                bytes: 500 + report.outputs.approximateSize * 2 + (report.reason?.utf8.count ?? 0)
            )
            edit(id.run, &planning) { core, draft, planning in
                draft.before.append(deletion)
                core.apply(outcome, report, unit: unit, seed: seed, &draft, planning.now)
            }
        }
    }

    /// A refused result, as it is shown; `nil` where the report is no late one, or its result has counted.
    private func incident(_ report: Report) -> Incident? {
        let id = report.attempt
        guard case .late(let outcome, let isCertain) = report.event, isCertain || takenOver[id] != nil
        else { return nil }
        let result = report.exitCode.map { "\(outcome.rawValue), exit code \($0)" } ?? outcome.rawValue
        let worker = report.worker ?? WorkerID(number: 0)
        // What a term before took over is known by its report alone.
        var view =
            takenOver[id]
            ?? AttemptView(
                task: id.task,
                n: id.number,
                partition: id.partition,
                worker: worker,
                state: AttemptOutcome.lost.rawValue,
                fencingToken: report.stamp.map { String($0.token) },
                assignedAt: report.stamp?.assignedAt,
                startedAt: report.startedAt,
                endedAt: report.endedAt
            )
        view.exitCode = report.exitCode
        view.signal = report.signal
        view.endedAt = report.endedAt ?? view.endedAt
        view.reason =
            "E3009 taken over while \(worker) had no contact; its late result was refused: \(result)"
        return Incident(attempt: id, view: view)
    }

    /// The unit whose live attempt this is.
    private func liveUnit(_ id: AttemptID) -> Int? {
        guard let run = runs[id.run], let unit = run.job.unit(task: id.task, partition: id.partition),
            run.units[unit].attempt == id.number, run.units[unit].state.hasLiveAttempt
        else { return nil }
        return unit
    }

    /// An attempt as it stands.
    func attemptView(_ run: LiveRun, unit: Int, state: String) -> AttemptView {
        let task = run.job.tasks[run.job.taskIndex(ofUnit: unit)]
        let live = attempts[run.id]?[unit]
        return AttemptView(
            task: task.definition.id,
            n: run.units[unit].attempt,
            partition: unit - task.units.lowerBound,
            worker: WorkerID(number: run.units[unit].worker),
            state: state,
            fencingToken: live?.token.map { String($0) },
            assignedAt: live?.assignedAt,
            startedAt: live?.startedAt
        )
    }

    private mutating func apply(
        _ outcome: AttemptOutcome,
        _ report: Report,
        unit: Int,
        seed: UInt64,
        _ draft: inout RunDraft,
        _ now: WallTime
    ) {
        let id = report.attempt
        var view = attemptView(draft.run, unit: unit, state: outcome.rawValue)
        view.fencingToken = view.fencingToken ?? report.stamp.map { String($0.token) }
        view.assignedAt = view.assignedAt ?? report.stamp?.assignedAt
        view.exitCode = report.exitCode
        view.signal = report.signal
        view.reason = report.reason
        view.startedAt = report.startedAt ?? view.startedAt
        view.endedAt = report.endedAt ?? now
        view.outputs = report.outputs.isEmpty ? nil : report.outputs
        draft.finalAttempts.append(view)
        reportExpected.remove(id)
        killsSent.remove(id)
        let isStopping = draft.run.stopAs != nil
        switch outcome {
        case .succeeded:
            // Outputs of partitions are kept with their attempts; only whole tasks hand values on.
            let isPartitioned = draft.run.job.tasks[draft.run.job.taskIndex(ofUnit: unit)].isPartitioned
            if !report.outputs.isEmpty, !isPartitioned {
                let total = draft.run.outputs.values.reduce(report.outputs.approximateSize) {
                    $0 + $1.approximateSize
                }
                guard total <= Self.maximumOutputBytes else {
                    draft.run.reason = "E3006 the outputs of the run exceed \(Self.maximumOutputBytes) bytes"
                    draft.isHeaderChanged = true
                    end(unit, as: .failed, &draft)
                    return
                }
                draft.run.outputs[id.task] = report.outputs
                draft.newOutputs[id.task] = report.outputs
            }
            end(unit, as: .succeeded, &draft)
        case .lost:
            lose(unit, isCharged: true, &draft)
        case .refused where !isStopping:
            retry(unit, at: now + Self.refusalDelay, &draft)
        case .failed, .timedOut, .systemFailed, .killed, .refused:
            if isStopping {
                end(unit, as: draft.run.stoppedState, &draft)
            } else {
                fail(unit, outcome, report.reason, seed: seed, &draft, now)
            }
        }
    }

    /// Tries again after the backoff, or fails the unit for good.
    private mutating func fail(
        _ unit: Int,
        _ outcome: AttemptOutcome,
        _ reason: String?,
        seed: UInt64,
        _ draft: inout RunDraft,
        _ now: WallTime
    ) {
        let task = draft.run.job.tasks[draft.run.job.taskIndex(ofUnit: unit)].definition
        let cause: TaskDefinition.Retry.Cause =
            switch outcome {
            case .timedOut: .timeout
            case .systemFailed: .system
            default: .exit
            }
        draft.run.units[unit].failures += 1
        let failures = draft.run.units[unit].failures
        guard let policy = task.retry, failures <= policy.max, policy.on?.contains(cause) ?? true else {
            if draft.run.reason == nil || draft.run.isHeld {
                draft.run.reason = "task \(task.id) \(outcome.rawValue)" + (reason.map { ": \($0)" } ?? "")
                draft.isHeaderChanged = true
            }
            end(unit, as: .failed, &draft)
            return
        }
        retry(unit, at: now + RetryBackoff.delay(policy, failures: failures, seed: seed), &draft)
    }

    private mutating func retry(_ unit: Int, at time: WallTime, _ draft: inout RunDraft) {
        guard !isStopped(unit, draft.run) else {
            end(unit, as: .cancelled, &draft)
            return
        }
        release(unit, &draft)
        draft.run.units[unit].state = .retrying
        draft.run.units[unit].retryAt = time.milliseconds
        draft.touch(unit: unit)
        setTimer(draft.run.id, notAfter: time.milliseconds)
    }

    /// The worker of a live attempt is gone, or does not run it any more.
    mutating func lose(_ unit: Int, isCharged: Bool, _ draft: inout RunDraft) {
        if draft.run.stopAs != nil {
            end(unit, as: draft.run.stoppedState, &draft)
            return
        }
        let task = draft.run.job.tasks[draft.run.job.taskIndex(ofUnit: unit)].definition
        if isCharged { draft.run.units[unit].losses += 1 }
        let losses = draft.run.units[unit].losses
        if isCharged, losses >= Self.maximumLosses || task.onLost == .fail {
            draft.run.reason =
                losses >= Self.maximumLosses
                ? "E3003 task \(task.id) lost its worker \(losses) times"
                : "task \(task.id) lost its worker and on_lost is fail"
            draft.isHeaderChanged = true
            end(unit, as: .failed, &draft)
            return
        }
        guard !isStopped(unit, draft.run) else {
            end(unit, as: .cancelled, &draft)
            return
        }
        release(unit, &draft)
        requeue(unit, &draft)
        if isCharged, task.onLost == .hold {
            draft.run.state = .paused
            draft.run.reason =
                "\(LiveRun.holdCode) task \(task.id) lost its worker and on_lost is hold: resume the run to run the task again, or "
                + "cancel it"
            draft.isHeaderChanged = true
        }
    }

    /// Whether another partition has failed meanwhile, so that this one is not tried again.
    private func isStopped(_ unit: Int, _ run: LiveRun) -> Bool {
        run.progress[run.job.taskIndex(ofUnit: unit)].isStopped
    }

    // MARK: Lost workers

    mutating func reclaimLost(_ planning: inout Planning) {
        guard !reclaiming.isEmpty, !isSafeMode else { return }
        for worker in reclaiming.sorted()
        where workers[worker]?.isPresent != true && !emptied.contains(worker) {
            for place in (held[worker] ?? []).sorted() {
                guard !planning.budget.isUsedUp else { return }
                guard let version = workers[worker]?.assignVersion else { break }
                guard let run = runs[place.run], !reportExpected.contains(run.attemptID(unit: place.unit))
                else {
                    continue
                }
                // Its processes may still be on their way out.
                if exclusiveUnit(run.job, unit: place.unit) != nil, workers[worker]?.isKillMarginOver != true
                {
                    continue
                }
                planning.budget.spend(operations: 2, bytes: 600)
                edit(place.run, &planning) { core, draft, planning in
                    core.reclaim(place.unit, from: worker, assignVersion: version, &draft, &planning)
                }
            }
            if held[worker] == nil { emptied.insert(worker) }
        }
    }

    /// Takes an attempt from a worker that is gone.
    private mutating func reclaim(
        _ unit: Int,
        from worker: WorkerID,
        assignVersion: Int32,
        _ draft: inout RunDraft,
        _ planning: inout Planning
    ) {
        let attempt = draft.run.attemptID(unit: unit)
        // What this leader remembers may be old: it may have stood still since.
        if draft.checkedAbsences.insert(worker).inserted {
            draft.before.append(.checkAbsence(worker, assignVersion: assignVersion))
            planning.budget.spend(operations: 1, bytes: 100)
        }
        // The report of a start may be on its way here. What is not known to have started is taken only if it has not;
        // where it has, the plan is rejected, and the next one counts the loss.
        let wasStarted = draft.run.units[unit].state != .assigned || hasStarted(unit, of: draft.run)
        draft.before.append(
            wasStarted ? .deleteAssignment(attempt, worker) : .withdrawAssignment(attempt, worker)
        )
        if killsSent.remove(attempt) != nil {
            draft.before.append(.deleteKill(attempt, worker))
        }
        var view = attemptView(draft.run, unit: unit, state: AttemptOutcome.lost.rawValue)
        view.endedAt = planning.now
        view.reason = "the session of \(worker) ended"
        draft.finalAttempts.append(view)
        takenOver.insert(attempt, view)
        lose(unit, isCharged: wasStarted, &draft)
    }
}

/// How long a failed attempt waits before the next one.
package enum RetryBackoff {
    /// Returns milliseconds. `failures` counts from 1; `seed` draws the jitter.
    package static func delay(_ policy: TaskDefinition.Retry, failures: Int, seed: UInt64) -> Int64 {
        let backoff = policy.backoff ?? .init()
        let initial = Double(backoff.initial?.milliseconds ?? 1_000)
        let limit = Double(backoff.max?.milliseconds ?? 600_000)
        let base =
            switch backoff.kind ?? .exponential {
            case .constant: initial
            case .exponential: initial * Double(UInt64(1) << UInt64(min(max(failures - 1, 0), 40)))
            }
        let jitter = backoff.jitter ?? 0.2
        let fraction = Double(seed >> 11) / Double(UInt64(1) << 53)
        return Int64(min(base, limit) * (1 + jitter * (fraction - 0.5)))
    }
}
