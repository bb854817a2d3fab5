import Cron
import HashTreeCollections

extension LeaderCore {
    mutating func consumeCommands(_ planning: inout Planning) {
        var rest: [CommandRequest] = []
        for command in commands {
            guard !planning.budget.isUsedUp, let verdict = carryOut(command, &planning) else {
                rest.append(command)
                continue
            }
            planning.budget.spend(operations: 2, bytes: 500)
            planning.others.append(
                LeaderTransaction(operations: [.setVerdict(request: command.id, verdict)])
            )
        }
        commands = rest
    }

    /// Returns the verdict, or `nil` while something must be read first.
    private mutating func carryOut(_ command: CommandRequest, _ planning: inout Planning) -> Verdict? {
        switch command.kind {
        case .cancel(let id): stopRun(id, as: .cancelled, command, &planning)
        case .kill(let id): stopRun(id, as: .killed, command, &planning)
        case .pause(let id): setPaused(id, true, &planning)
        case .resume(let id): setPaused(id, false, &planning)
        case .deleteJob(let name, let version, let creationID):
            carryOut(on: name, version, creationID) { $0.delete($1, &planning) }
        case .replaceJob(let definition, let version, let creationID):
            carryOut(on: definition.name, version, creationID) { $0.replace($1, with: definition, &planning) }
        case .learnJob(let name): carryOut(on: name, nil, nil) { $0.learn($1) }
        }
    }

    private mutating func learn(_ known: KnownJob) -> Verdict {
        let definition = known.job.definition
        graph.set(definition.name, after: (definition.after ?? []).map(\.job))
        return Verdict(isAccepted: true, message: "\(definition.name) is known")
    }

    private mutating func stopRun(
        _ id: RunID,
        as end: RunState,
        _ command: CommandRequest,
        _ planning: inout Planning
    ) -> Verdict? {
        // An entry with the id of a live run is a leftover: the run is meant.
        if let entry = queue[id], runs[id] == nil {
            guard suppress(entry, as: end, reason: command.reason ?? "\(end.rawValue) on request", &planning)
            else {
                return nil
            }
            return Verdict(isAccepted: true, message: "\(id) was waiting and is \(end.rawValue)")
        }
        guard let run = runs[id], !run.state.isOver else { return notLive(id) }
        edit(id, &planning) { core, draft, planning in
            core.stop(
                &draft,
                as: end,
                reason: command.reason ?? "\(end.rawValue) on request",
                &planning
            )
        }
        return Verdict(isAccepted: true, message: "\(id) is being stopped")
    }

    private mutating func setPaused(_ id: RunID, _ isPaused: Bool, _ planning: inout Planning) -> Verdict {
        guard let run = runs[id], !run.state.isOver else { return notLive(id) }
        let wanted: RunState = isPaused ? .paused : .running
        guard run.state == (isPaused ? .running : .paused) else {
            return Verdict(
                isAccepted: false,
                code: "E2012",
                message: "\(id) is \(run.state.rawValue), it cannot become \(wanted.rawValue)"
            )
        }
        edit(id, &planning) { core, draft, _ in
            draft.run.state = wanted == .running && core.hasFailed(draft.run) ? .failing : wanted
            // What held it is dealt with; what has failed besides is not.
            if !isPaused, draft.run.isHeld {
                let failed = draft.run.job.tasks.indices.first { draft.run.taskState($0) == .failed }
                draft.run.reason = failed.map { "task \(draft.run.job.tasks[$0].definition.id) failed" }
            }
            draft.isHeaderChanged = true
        }
        return Verdict(isAccepted: true, message: "\(id) is \(wanted.rawValue)")
    }

    private func notLive(_ id: RunID) -> Verdict {
        Verdict(isAccepted: false, code: "E2012", message: "\(id) is not live: it is over, or never existed")
    }

    /// Does something to the job that a command is about. Refused where that job is gone: a request that was held up on its
    /// way is not for a later job of the same name. Returns `nil` while the job, or what comes after it, must be read first.
    private mutating func carryOut(
        on name: JobName,
        _ ifVersion: Int?,
        _ creationID: String?,
        _ change: (inout Self, KnownJob) -> Verdict?
    ) -> Verdict? {
        guard isGraphComplete else { return nil }
        guard let known = knownJob(name) else {
            return missingJobs.contains(name)
                ? Verdict(isAccepted: false, code: "E2003", message: "there is no job \(name)") : nil
        }
        if let creationID, creationID != known.creationID {
            return Verdict(
                isAccepted: false,
                code: "E2003",
                message: "the job \(name) was deleted meanwhile, and another one has its name"
            )
        }
        if let ifVersion, ifVersion != known.job.version {
            return Verdict(
                isAccepted: false,
                code: "E2005",
                message: "\(name) is at version \(known.job.version), not \(ifVersion)"
            )
        }
        return change(&self, known)
    }

    private mutating func delete(_ known: KnownJob, _ planning: inout Planning) -> Verdict? {
        let name = known.job.definition.name
        let dependents = graph.dependents(of: name).filter { $0 != name }
        guard dependents.isEmpty else {
            let list = dependents.prefix(5).map(\.description).joined(separator: ", ")
            return Verdict(
                isAccepted: false,
                code: "E2013",
                message:
                    "\(dependents.count == 1 ? "a job comes" : "\(dependents.count) jobs come") after \(name): "
                    + "\(list)\(dependents.count > 5 ? ", …" : "")"
            )
        }
        guard var own = knownOutcomes(name) else { return nil }
        own.record.deletedVersion = known.job.version
        planning.others.append(
            LeaderTransaction(
                operations: [.deleteJob(known), .setOutcomes(name, own.record, exists: own.exists)],
                finalRecords: [.jobDeleted(name)]
            )
        )
        own.exists = true
        outcomes[name] = own
        jobs[name] = nil
        missingJobs.insert(name)
        unpark(name)
        graph.set(name, after: [])
        return Verdict(isAccepted: true, message: "\(name) is deleted")
    }

    private mutating func replace(
        _ known: KnownJob,
        with definition: JobDefinition,
        _ planning: inout Planning
    ) -> Verdict? {
        let name = definition.name
        let upstreams = (definition.after ?? []).map(\.job)
        for upstream in upstreams {
            guard knownJob(upstream) != nil else {
                return missingJobs.contains(upstream)
                    ? Verdict(
                        isAccepted: false,
                        code: "E2014",
                        message: "\(name) comes after \(upstream), which does not exist"
                    )
                    : nil
            }
        }
        if let cycle = graph.cycle(ifSet: name, after: upstreams) {
            return Verdict(
                isAccepted: false,
                code: "E2015",
                message: "the jobs would wait for each other: "
                    + cycle.map(\.description).joined(separator: " → ")
            )
        }
        let version = known.job.version + 1
        var view = known.view
        view.version = version
        view.definition = definition
        planning.others.append(
            LeaderTransaction(
                operations: [.replaceJob(known, with: definition)],
                finalRecords: [.job(view)]
            )
        )
        // The new version is read again when it is needed: with its zone.
        jobs[name] = nil
        unpark(name)
        graph.set(name, after: upstreams)
        return Verdict(isAccepted: true, message: "\(name) is at version \(version)")
    }

    /// The record of a queue entry that never becomes a live run.
    func suppressed(_ entry: QueueEntry, as state: RunState, reason: String, _ now: WallTime) -> MirrorRecord
    {
        .run(
            RunView(
                id: entry.run,
                jobVersion: entry.jobVersion,
                cause: entry.cause,
                state: state,
                reason: reason,
                priority: entry.priority,
                params: entry.params.isEmpty ? nil : entry.params,
                queuedAt: entry.queuedAt,
                endedAt: now,
                tasks: .init(total: 0, byState: [:]),
                traceID: entry.traceID
            ),
            tasks: []
        )
    }
}
