package import Cron
private import HeapModule

/// The triggers of one job, compact: what a timer needs and no more.
package struct JobTimers: Sendable {
    package var version: Int
    package var schedules: [Schedule]
    package var misfire: Misfire.Policy
    package var windowSeconds: Int64
    package var priority: Int

    /// Reads the triggers of a stored job.
    ///
    /// - Throws: `CronError` where this node cannot make sense of a trigger (a zone that its tzdata does not have).
    package init(_ stored: StoredJob, zones: TimeZoneDatabase) throws(CronError) {
        version = stored.version
        let definition = stored.definition
        var schedules: [Schedule] = []
        for trigger in definition.schedule ?? [] {
            schedules.append(try Schedule(trigger, anchor: stored.storedAt.second, zones: zones))
        }
        self.schedules = schedules
        misfire = definition.effectiveMisfire.policy
        windowSeconds = definition.effectiveMisfire.effectiveWindow.milliseconds / 1000
        priority = definition.effectivePriority
    }

    /// The soonest due time after an instant, over all triggers.
    package func next(after time: UnixTime) -> UnixTime? {
        schedules.compactMap { $0.next(after: time) }.min()
    }

    /// The last due time before an instant; `first` is one that is.
    func last(before end: UnixTime, from first: UnixTime) -> UnixTime {
        func last(after time: Int64) -> UnixTime? {
            next(after: UnixTime(seconds: time)).flatMap { $0 < end ? $0 : nil }
        }
        // Something is due between `low` and the end, nothing between `high` and it.
        var (low, high) = (first.seconds - 1, end.seconds)
        var step: Int64 = 1
        while high - step > low, last(after: high - step) == nil {
            high -= step
            step *= 2
        }
        low = max(low, high - step)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if last(after: middle) != nil { low = middle } else { high = middle }
        }
        return last(after: low) ?? first
    }
}

extension Schedule {
    /// Makes a trigger ready. `anchor` is where `every` without `from` begins.
    package init(_ trigger: TriggerDefinition, anchor: UnixTime, zones: TimeZoneDatabase) throws(CronError) {
        if let cron = trigger.cron {
            let policy = DaylightSavingPolicy(
                gap: trigger.dst?.gap.flatMap { .init(rawValue: $0) } ?? .nextValid,
                overlap: trigger.dst?.overlap.flatMap { .init(rawValue: $0) } ?? .first
            )
            self = .cron(
                try CronExpression(cron, seconds: trigger.seconds ?? false),
                try zones.zone(named: trigger.zone ?? "UTC"),
                policy
            )
        } else if let every = trigger.every {
            let from: UnixTime
            if let text = trigger.from { from = try UnixTime(rfc3339: text) } else { from = anchor }
            self = .every(try IntervalSchedule(everyMilliseconds: every.milliseconds, anchor: from))
        } else {
            self = .at(try UnixTime(rfc3339: trigger.at ?? ""))
        }
    }
}

/// What a job fires at one moment: the runs that become due, and how far the job has fired with them.
package struct Firing: Hashable, Sendable {
    package struct DueRun: Hashable, Sendable {
        package var logicalTime: UnixTime
        /// Why it is recorded as skipped instead of run.
        package var suppression: String?
    }

    package var job: JobName
    package var version: Int
    package var priority: Int
    package var runs: [DueRun]
    package var mark: UnixTime
}

/// Decides what fires when, for all jobs that one node owns.
///
/// Holds no timers: `nextWake` says when to ask again, and one sleeping task serves any number of jobs. A due time is
/// *late* while its owner lived through it without a break and fewer than 60 s have passed: it runs. Anything else is
/// *missed* and the job's misfire policy decides.
package struct TriggerCore: Sendable {
    /// How late a due time may run without being missed, in seconds.
    package static let latenessLimit: Int64 = 60
    /// The most due times of one job in one firing.
    package static let firingLimit = 100

    private struct Entry: Sendable {
        var timers: JobTimers
        var mark: UnixTime
        /// Since when this node has been firing the job without a break.
        var ownedSince: UnixTime
        var next: UnixTime?
    }

    private struct Wake: Sendable, Comparable {
        var time: UnixTime
        var job: JobName

        static func < (left: Wake, right: Wake) -> Bool {
            left.time == right.time ? left.job < right.job : left.time < right.time
        }
    }

    private var entries: [JobName: Entry] = [:]
    /// May hold wakes that are out of date; a job's valid one is at its entry's `next`.
    private var wakes = Heap<Wake>()
    /// The latest moment that `due` or `own` was told of.
    private var latest = UnixTime.earliest

    package init() {}

    package var count: Int { entries.count }

    /// How many wakes are kept, with those that are out of date.
    var wakeCount: Int { wakes.count }

    /// Takes a job over, or takes a new version of it, with what it has fired so far.
    package mutating func own(_ name: JobName, _ timers: JobTimers, mark: UnixTime, since now: UnixTime) {
        noteClock(now)
        let ownedSince = entries[name]?.ownedSince ?? now
        let next = timers.next(after: mark)
        entries[name] = Entry(timers: timers, mark: mark, ownedSince: ownedSince, next: next)
        if let next { wake(name, at: next) }
    }

    package mutating func disown(_ name: JobName) {
        entries[name] = nil
    }

    package func version(of name: JobName) -> Int? { entries[name]?.timers.version }

    /// The node was out of contact until now: due times before were not lived through.
    package mutating func resumed(at now: UnixTime) {
        noteClock(now)
        for name in entries.keys { entries[name]?.ownedSince = now }
    }

    /// When the clock was set back, what this node owned before is owned from there on: else the time that is lived
    /// through a second time would count as missed.
    private mutating func noteClock(_ now: UnixTime) {
        guard now < latest else {
            latest = now
            return
        }
        // Callers that read the clock side by side may differ by a second.
        if now < latest.adding(seconds: -1) {
            for (name, entry) in entries where entry.ownedSince > now { entries[name]?.ownedSince = now }
            latest = now
        }
    }

    private mutating func wake(_ name: JobName, at time: UnixTime) {
        // Edits leave wakes behind that are out of date; they must not outgrow the jobs.
        if wakes.count > entries.count * 2 + 64 {
            wakes = Heap(entries.compactMap { name, entry in entry.next.map { Wake(time: $0, job: name) } })
        }
        wakes.insert(Wake(time: time, job: name))
    }

    /// When something is due next; `nil` when nothing ever is.
    package mutating func nextWake() -> UnixTime? {
        dropStale()
        return wakes.min?.time
    }

    /// How many jobs are due now. Looks at all of them, so it is not for each turn of a loop.
    package func dueCount(at now: UnixTime) -> Int {
        entries.values.count { entry in entry.next.map { $0 <= now } ?? false }
    }

    /// What is due now, soonest first, at most `limit` jobs. The caller commits each and calls `fired` or `own`.
    package mutating func due(at now: UnixTime, limit: Int) -> [Firing] {
        noteClock(now)
        var firings: [Firing] = []
        while firings.count < limit {
            dropStale()
            guard let wake = wakes.min, wake.time <= now, let entry = entries[wake.job] else { break }
            _ = wakes.popMin()
            firings.append(firing(wake.job, entry, now))
            entries[wake.job]?.next = nil  // until the firing is settled
        }
        return firings
    }

    /// A firing was committed, or found to be committed by this node before.
    package mutating func fired(_ name: JobName, mark: UnixTime) {
        guard var entry = entries[name] else { return }
        entry.mark = max(entry.mark, mark)
        entry.next = entry.timers.next(after: entry.mark)
        entries[name] = entry
        if let next = entry.next { wake(name, at: next) }
    }

    /// A firing could not be committed now; it is due again at this moment.
    package mutating func postponed(_ name: JobName, until time: UnixTime) {
        guard var entry = entries[name], let next = entry.timers.next(after: entry.mark) else { return }
        entry.next = max(next, time)
        entries[name] = entry
        wake(name, at: max(next, time))
    }

    /// What was due and is not settled never will be: it is due again.
    package mutating func firingsLost() {
        for (name, entry) in entries where entry.next == nil {
            guard let next = entry.timers.next(after: entry.mark) else { continue }
            entries[name]?.next = next
            wake(name, at: next)
        }
    }

    private mutating func dropStale() {
        while let wake = wakes.min, entries[wake.job]?.next != wake.time { _ = wakes.popMin() }
    }

    private func firing(_ name: JobName, _ entry: Entry, _ now: UnixTime) -> Firing {
        let timers = entry.timers
        var times: [UnixTime] = []
        var time = entry.mark
        // A long absence may leave more due times than anybody wants to hear of: of those far before the window the last
        // one has a record, which tells of all.
        let horizon = now.adding(seconds: -max(timers.windowSeconds, 3_600))
        var passedOver: (first: UnixTime, last: UnixTime)?
        if time < horizon, let first = timers.next(after: time), first < horizon {
            let last = timers.last(before: horizon, from: first)
            passedOver = (first, last)
            times.append(last)
            time = last
        }
        while times.count < Self.firingLimit, let next = timers.next(after: time), next <= now {
            times.append(next)
            time = next
        }
        let isComplete = timers.next(after: time).map { $0 > now } ?? true
        var runs: [Firing.DueRun] = []
        let lastMissed = times.last { isMissed($0, entry, now) }
        for time in times {
            if let passedOver, time == passedOver.last {
                let others =
                    passedOver.first == time
                    ? "" : ", as was each due time before it since \(passedOver.first.rfc3339)"
                runs.append(
                    .init(
                        logicalTime: time,
                        suppression: "E3002 missed by more than the misfire window and an hour\(others)"
                    )
                )
                continue
            }
            guard isMissed(time, entry, now) else {
                runs.append(.init(logicalTime: time, suppression: nil))
                continue
            }
            let isInWindow = now.seconds - time.seconds <= timers.windowSeconds
            let suppression: String? =
                switch timers.misfire {
                case .skip: "E3002 missed; misfire policy skip"
                case .runOnce:
                    !isInWindow
                        ? "E3002 missed by more than the misfire window"
                        : time == lastMissed && isComplete ? nil : "E3002 missed; a later one runs instead"
                case .runAll: isInWindow ? nil : "E3002 missed by more than the misfire window"
                }
            runs.append(.init(logicalTime: time, suppression: suppression))
        }
        return Firing(
            job: name,
            version: timers.version,
            priority: timers.priority,
            runs: runs,
            mark: times.last ?? time
        )
    }

    private func isMissed(_ time: UnixTime, _ entry: Entry, _ now: UnixTime) -> Bool {
        time < entry.ownedSince || now.seconds - time.seconds >= Self.latenessLimit
    }
}
