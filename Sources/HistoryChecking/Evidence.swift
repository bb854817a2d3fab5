/// All recordings of one test, joined.
package struct Evidence: Sendable {
    package let history: History
    package let settings: JudgeSettings
    /// `nil` where none were given: an empty file says nothing.
    package let probes: [AttemptKey: [ProbeLine]]?
    package let calls: [ClientCall]?
    package let faults: FaultLog?
    package let mirror: MirrorDump?
    package let samples: [Line]?
    /// What could not be read as what it should be, and was left out.
    package var oddities: [String]

    let attempts: [UnitKey: [AttemptLife]]
    /// The units of a run that were ever assigned.
    let unitsOfRun: [String: [UnitKey]]
    let finals: [UnitKey: [FinalAttempt]]
    /// The same without what is shown again later: the incident of a late result repeats the record of the
    /// loss.
    let firstFinals: [UnitKey: [FinalAttempt]]
    let finalRuns: [String: [FinalRun]]
    let runs: [String: [RunLife]]
    let entries: [String: [EntryLife]]
    /// Runs and entries by their job's name.
    let runsOfJob: [String: [RunLife]]
    let entriesOfJob: [String: [(name: RunName, entry: EntryLife)]]
    let definitions: [String: [DefinitionLife]]
    let jobs: [String: [JobLife]]
    let registrations: [String: [RegistrationLife]]

    package init(
        history: History,
        probes: [Line]? = nil,
        client: [Line]? = nil,
        faults: [Line]? = nil,
        mirror: [Line]? = nil,
        samples: [Line]? = nil,
        settings: JudgeSettings = JudgeSettings()
    ) throws(UnreadableInput) {
        self.history = history
        self.settings = settings
        self.samples = samples?.isEmpty == false ? samples : nil
        oddities = history.oddities
        if let probes, !probes.isEmpty {
            var byAttempt: [AttemptKey: [ProbeLine]] = [:]
            for line in probes {
                guard let probe = ProbeLine(line) else {
                    throw UnreadableInput(line.place, "not a line of a probe")
                }
                byAttempt[probe.key, default: []].append(probe)
            }
            self.probes = byAttempt.mapValues { $0.sorted { $0.monotonic < $1.monotonic } }
        } else {
            self.probes = nil
        }
        if let client, !client.isEmpty { calls = try ClientLog.calls(client) } else { calls = nil }
        if let faults { self.faults = try FaultLog(faults) } else { self.faults = nil }
        if let mirror { self.mirror = try MirrorDump(mirror) } else { self.mirror = nil }
        attempts = Dictionary(grouping: history.attempts, by: \.key.unit)
        unitsOfRun = Dictionary(grouping: attempts.keys.sorted(), by: \.run)
        finals = Dictionary(grouping: history.finalAttempts, by: \.key.unit)
        firstFinals = finals.mapValues { records in
            var seen: Set<Int> = []
            return records.filter { seen.insert($0.key.number).inserted }
        }
        finalRuns = Dictionary(grouping: history.finalRuns, by: \.run)
        runs = Dictionary(grouping: history.runs, by: \.run)
        entries = Dictionary(grouping: history.entries, by: \.run)
        runsOfJob = Dictionary(grouping: history.runs) { RunName($0.run)?.job ?? "" }
        entriesOfJob = Dictionary(
            grouping: history.entries.compactMap { entry in RunName(entry.run).map { ($0, entry) } },
            by: \.0.job
        )
        definitions = Dictionary(grouping: history.definitions, by: \.job)
        jobs = Dictionary(grouping: history.jobs, by: \.job)
        registrations = Dictionary(grouping: history.registrations, by: \.worker)
    }

    /// The definition that a run executed: of that version, of the job that had the name then.
    func definition(of run: String, version: Int, at moment: Moment) -> Definition? {
        guard let name = RunName(run) else { return nil }
        return definitions[name.job]?.last { $0.version == version && $0.begin <= moment }?.definition
    }

    /// The definition of a run that was admitted.
    func definition(of run: String) -> Definition? {
        guard let life = runs[run]?.first else { return nil }
        return definition(of: run, version: life.jobVersion, at: life.begin)
    }

    /// The last transaction before a time.
    func moment(at milliseconds: Int64) -> Moment {
        history.moments.last { $0.time <= milliseconds } ?? history.first
    }

    /// The mark `quiet`: when all should be done.
    var quiet: Moment? { faults?.mark("quiet").map(moment(at:)) }

    /// Facts that are younger than this at `quiet` may still be under way.
    var settle: Int64 { settings.settle(sessionTimeout: history.sessionTimeout) }

    /// Whether a task is exclusive.
    func isExclusive(_ unit: UnitKey) -> Bool {
        definition(of: unit.run)?.task(unit.task)?.isExclusive ?? false
    }

    /// What has one live attempt at a time: the unit; where its task is exclusive, the same one of all runs, with
    /// the job in place of the run.
    func contended(_ unit: UnitKey) -> UnitKey {
        guard isExclusive(unit), let name = RunName(unit.run) else { return unit }
        return UnitKey(run: name.job, task: unit.task, partition: unit.partition)
    }
}

extension Moment {
    /// `zxid` and time, for a witness.
    var shown: String { "\(zxid.hexadecimal) \(Instants.text(time))" }

    /// Whether a life with this begin and that end was going on at a moment.
    func lives(until end: Moment?, at moment: Moment) -> Bool {
        self <= moment && end.map { $0 > moment } ?? true
    }
}

extension AttemptLife {
    var shown: String { "\(begin.shown) assigned \(key) to \(worker)" }
}

extension FinalAttempt {
    var shown: String { "\(moment.shown) outbox/\(term)-\(commit): \(key) \(state)" }
}

extension FinalRun {
    var shown: String {
        "\(moment.shown) outbox/\(term)-\(commit): \(run) \(state)" + (reason.map { " (\($0))" } ?? "")
    }
}

extension EntryLife {
    var shown: String { "\(begin.shown) queue/job/\(run)" }
}

extension RunLife {
    var shown: String { "\(begin.shown) runs/\(run) version \(jobVersion)" }
}

extension CommandLife {
    var shown: String { "\(begin.shown) command \(id): \(kind ?? "?") \(target ?? "?")" }
}

extension ProbeLine {
    var shown: String { "\(place) \(event) of \(key) pid \(pid) at \(Instants.text(milliseconds))" }
}

extension ClientCall {
    var shown: String {
        "\(place) \(operation) \(arguments.text): \(outcome.rawValue) \(status)"
    }
}
