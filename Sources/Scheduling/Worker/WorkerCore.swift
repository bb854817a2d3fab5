import Cron

/// How a process (or an HTTP call) of an attempt ended, as the node saw it.
package struct AttemptEnd: Hashable, Sendable {
    package var outcome: AttemptOutcome
    package var startedAt: WallTime?
    package var endedAt: WallTime
    package var exitCode: Int?
    package var signal: Int?
    package var reason: String?
    package var outputs: [String: String]

    package init(
        outcome: AttemptOutcome,
        startedAt: WallTime? = nil,
        endedAt: WallTime,
        exitCode: Int? = nil,
        signal: Int? = nil,
        reason: String? = nil,
        outputs: [String: String] = [:]
    ) {
        self.outcome = outcome
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.exitCode = exitCode
        self.signal = signal
        self.reason = reason
        self.outputs = outputs
    }
}

/// What the store says of an assignment: history shows it of the attempt, also where only the report of its end is left.
package struct AssignmentStamp: Hashable, Sendable {
    /// The fencing token: the transaction that made the assignment.
    package var token: Int64
    package var assignedAt: WallTime

    package init(token: Int64, assignedAt: WallTime) {
        self.token = token
        self.assignedAt = assignedAt
    }
}

/// Decides what a worker does with its assignments. Facts in, commands out; one core lives as long as its process.
///
/// An attempt is `reading` (its assignment is known by name) → `starting` (T4 is being committed) → `running` →
/// `finishing` (T5 is being committed) → forgotten. What was taken over while this node was out of contact goes from
/// `running` or `starting` to `abandoned` (its process is ended) → `refused` (its late end is told) → forgotten. A session may
/// end at any moment; what runs goes on running, and the next session compares what is assigned with what is held.
package struct WorkerCore: Sendable {
    private enum Phase: Sendable, Equatable {
        case reading
        case starting
        case running
        case finishing(AttemptEnd)
        case abandoned
        case refused(AttemptEnd)
    }

    private struct Held: Sendable {
        var phase: Phase
        var kill: KillMode?
        /// Whether the assignment vanished while the start was being committed.
        var isTaken = false
        /// Whether a kill request was there when the assignment was gone: it goes when the attempt is forgotten.
        var leavesKill = false
        /// Whether a T5 was sent and its answer lost, so that it may have been applied.
        var mayBeFinished = false
    }

    package enum Command: Sendable, Equatable {
        /// Read the assignment's data.
        case read(AttemptID)
        /// Read the mode of its kill request, for `killRequested`.
        case readKill(AttemptID)
        /// Commit T4, then run it.
        case start(AttemptID)
        /// Commit T5 with this end.
        case finish(AttemptID, AttemptEnd)
        /// Stop the running process.
        case stop(AttemptID, KillMode)
        /// The attempt belongs to nobody here any more: end its process.
        case abandon(AttemptID)
        /// Tell the leader of an end that came after the attempt was taken over. Not certain where it may be a T5 that was
        /// applied and whose answer was lost.
        case reportLate(AttemptID, AttemptEnd, isCertain: Bool)
        /// Nothing is left to be said of the attempt: its host may forget it.
        case acknowledge(AttemptID)
        /// Delete a kill request whose attempt is not held.
        case deleteKill(AttemptID)

        /// Whether it is for the host alone, and so needs no session.
        package var isLocal: Bool {
            switch self {
            case .stop, .abandon, .acknowledge: true
            case .read, .readKill, .start, .finish, .reportLate, .deleteKill: false
            }
        }
    }

    private var held: [AttemptID: Held] = [:]
    private var isDraining = false

    package init() {}

    /// Attempts whose process runs or whose end is not reported yet.
    package var liveCount: Int { held.count }

    package func holds(_ id: AttemptID) -> Bool { held[id] != nil }

    /// Attempts of which something is to be done other than to wait for the end of their process.
    package var unsettledAttempts: [AttemptID] {
        held.filter { $0.value.phase != .running }.map(\.key).sorted()
    }

    package var runningAttempts: [AttemptID] {
        held.filter { $0.value.phase == .running }.map(\.key).sorted()
    }

    /// Takes over what an earlier life of the worker had started. Before the first session.
    /// The ends of those that are over already come as facts like any; the earlier life may have reported them.
    package mutating func claimed(_ attempts: [AttemptID], ended: Set<AttemptID> = []) {
        for id in attempts { held[id] = Held(phase: .running, mayBeFinished: ended.contains(id)) }
    }

    /// The names below this worker's assignments, complete. `isFirst` marks the first list of a session.
    package mutating func assignmentsListed(_ names: [String], isFirst: Bool) -> [Command] {
        var commands: [Command] = []
        var listed: Set<AttemptID> = []
        var kills: [AttemptID] = []
        for name in names {
            if name.hasSuffix(".kill") {
                if let id = AttemptID(znodeName: name.dropLast(5)) { kills.append(id) }
            } else if let id = AttemptID(znodeName: name) {
                listed.insert(id)
            }
        }
        for id in listed.sorted() where held[id] == nil {
            held[id] = Held(phase: .reading)
            commands.append(.read(id))
        }
        for (id, attempt) in held.sorted(by: { $0.key < $1.key }) where !listed.contains(id) {
            switch attempt.phase {
            case .running:
                // Taken over while this node was out of contact, or by a decision of the leader.
                held[id]?.phase = .abandoned
                commands.append(.abandon(id))
            case .reading:
                break  // the read under way finds out by itself
            case .starting:
                held[id]?.isTaken = true
            case .finishing(let end):
                // Within a session the commit under way finds out; one of an earlier session was applied, or came
                // too late.
                if isFirst {
                    held[id]?.phase = .refused(end)
                    commands.append(.reportLate(id, end, isCertain: !attempt.mayBeFinished))
                }
            case .abandoned:
                break  // its process is being ended
            case .refused(let end):
                if isFirst { commands.append(.reportLate(id, end, isCertain: !attempt.mayBeFinished)) }
            }
        }
        for id in kills.sorted() {
            guard let attempt = held[id] else {
                if !listed.contains(id) { commands.append(.deleteKill(id)) }
                continue
            }
            if !listed.contains(id) { held[id]?.leavesKill = true }
            // A cancel may have been replaced by a kill.
            guard attempt.kill != .kill else { continue }
            switch attempt.phase {
            case .finishing, .abandoned, .refused: continue
            case .reading, .starting, .running: commands.append(.readKill(id))
            }
        }
        if isFirst {
            for (id, attempt) in held.sorted(by: { $0.key < $1.key }) where listed.contains(id) {
                switch attempt.phase {
                case .finishing(let end):
                    commands.append(.finish(id, end))
                case .refused(let end):
                    // It was not taken away after all: its end is still to be handed in.
                    commands += finish(id, end)
                case .reading, .starting, .running, .abandoned: break
                }
            }
        }
        return commands
    }

    /// An assignment was read. `isStarted` when its version says that some incarnation has started it; `hasNeverRun` when
    /// that start is known not to have been carried out.
    package mutating func assignmentRead(
        _ id: AttemptID,
        isStarted: Bool,
        hasNeverRun: Bool = false,
        now: WallTime
    ) -> [Command] {
        guard let attempt = held[id], attempt.phase == .reading else { return [] }
        if isStarted, hasNeverRun {
            return finish(
                id,
                AttemptEnd(
                    outcome: attempt.kill == nil ? .refused : .killed,
                    endedAt: now,
                    reason: "its start was committed and never carried out"
                )
            )
        }
        if isStarted {
            return finish(
                id,
                AttemptEnd(
                    outcome: .lost,
                    endedAt: now,
                    reason: "an earlier incarnation of the worker started it"
                )
            )
        }
        if attempt.kill != nil {
            return finish(id, AttemptEnd(outcome: .killed, endedAt: now, reason: "stopped before it started"))
        }
        if isDraining {
            return finish(id, AttemptEnd(outcome: .refused, endedAt: now, reason: "the worker is draining"))
        }
        held[id]?.phase = .starting
        return [.start(id)]
    }

    /// The assignment was gone when it was read, or could not be started any more.
    package mutating func assignmentGone(_ id: AttemptID) -> [Command] {
        forget(id)
    }

    /// The session ended before an assignment was read or T4 was answered: the next list decides.
    package mutating func sessionEnded() {
        for (id, attempt) in held where attempt.phase == .reading || attempt.phase == .starting {
            held[id] = nil
        }
    }

    /// T4 is committed and the process was asked for.
    package mutating func started(_ id: AttemptID) -> [Command] {
        guard let attempt = held[id], attempt.phase == .starting, !attempt.isTaken else {
            if held[id]?.phase == .starting { held[id] = nil }
            return [.abandon(id)]
        }
        held[id]?.phase = .running
        if let kill = attempt.kill { return [.stop(id, kill)] }
        return []
    }

    package mutating func killRequested(_ id: AttemptID, _ mode: KillMode) -> [Command] {
        guard let attempt = held[id], attempt.kill == nil || (attempt.kill == .cancel && mode == .kill) else {
            return []
        }
        held[id]?.kill = mode
        return attempt.phase == .running ? [.stop(id, mode)] : []
    }

    package mutating func ended(_ id: AttemptID, _ end: AttemptEnd) -> [Command] {
        // Nobody is interested any more.
        guard let attempt = held[id] else { return [.acknowledge(id)] }
        switch attempt.phase {
        case .running, .starting: break
        case .abandoned:
            held[id]?.phase = .refused(end)
            return [.reportLate(id, end, isCertain: true)]
        case .reading, .finishing, .refused: return []
        }
        var end = end
        if end.outcome == .killed, attempt.kill == nil {
            // Nobody asked for it: the node itself is stopping. The task is not to blame.
            end.outcome = .lost
            end.reason = "the node stopped"
        }
        return finish(id, end)
    }

    /// T5 is committed, or the late end was told.
    package mutating func finished(_ id: AttemptID) -> [Command] {
        [.acknowledge(id)] + forget(id)
    }

    /// The list that told of the kill request may be the last one: nothing that changes follows.
    private mutating func forget(_ id: AttemptID) -> [Command] {
        held.removeValue(forKey: id)?.leavesKill == true ? [.deleteKill(id)] : []
    }

    /// The answer to T5 was lost.
    package mutating func finishUnknown(_ id: AttemptID) {
        held[id]?.mayBeFinished = true
    }

    /// T5 found no assignment: the attempt was taken over, or an earlier T5 was applied.
    package mutating func finishRefused(_ id: AttemptID) -> [Command] {
        guard let attempt = held[id], case .finishing(let end) = attempt.phase else { return [] }
        held[id]?.phase = .refused(end)
        return [.reportLate(id, end, isCertain: !attempt.mayBeFinished)]
    }

    /// No new attempts start from now on.
    package mutating func drain() {
        isDraining = true
    }

    package mutating func undrain() {
        isDraining = false
    }

    private mutating func finish(_ id: AttemptID, _ end: AttemptEnd) -> [Command] {
        held[id]?.phase = .finishing(end)
        return [.finish(id, end)]
    }
}
