import HashTreeCollections

extension LeaderCore {
    /// All live state for the mirror: each run with its tasks, and its live attempts.
    package var liveRecords: [MirrorRecord] {
        var records: [MirrorRecord] = []
        for (id, run) in runs {
            records.append(.run(run.view, tasks: run.taskSummaries))
            guard run.liveUnits > 0 else { continue }
            for (unit, state) in run.units.enumerated() where state.state.hasLiveAttempt {
                let shown = state.state == .assigned ? "assigned" : "running"
                records.append(.attempt(run: id, attemptView(run, unit: unit, state: shown)))
            }
        }
        return records
    }
}
