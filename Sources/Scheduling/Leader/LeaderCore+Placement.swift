import Cron
import HashTreeCollections
import HeapModule

/// The places of one plan. Within a plan places only become fewer, so what did not fit once does not fit again.
struct Places {
    private var candidates: [Placement.Request: Heap<Placement.Candidate>] = [:]
    private var freeSlots: Int?
    /// Jobs no task of which found a place to begin with.
    var stuckJobs: Set<ObjectIdentifier> = []

    /// The best place for a request, until `taken` says that it was used.
    mutating func best(
        for request: Placement.Request,
        _ workers: TreeDictionary<WorkerID, WorkerState>
    ) -> WorkerID? {
        guard hasFreeSlot(workers) else { return nil }
        var heap = candidates.removeValue(forKey: request) ?? Self.heap(request, workers)
        defer { candidates[request] = heap }
        while let top = heap.min {
            guard let worker = workers[top.id], Placement.infeasibility(of: request, on: worker) == nil else {
                heap.removeMin()
                continue
            }
            guard worker.running == top.running else {
                heap.replaceMin(with: Placement.Candidate(top.id, worker))
                continue
            }
            return top.id
        }
        return nil
    }

    private static func heap(
        _ request: Placement.Request,
        _ workers: TreeDictionary<WorkerID, WorkerState>
    ) -> Heap<Placement.Candidate> {
        Heap(
            workers.lazy.filter { Placement.infeasibility(of: request, on: $0.value) == nil }
                .map { Placement.Candidate($0.key, $0.value) }
        )
    }

    mutating func hasFreeSlot(_ workers: TreeDictionary<WorkerID, WorkerState>) -> Bool {
        if let freeSlots { return freeSlots > 0 }
        var count = 0
        for worker in workers.values
        where worker.isPresent && worker.version != nil && worker.registration.takesWork
            && !worker.registration.isDraining
        {
            count += max(0, worker.registration.slots - worker.running)
        }
        freeSlots = count
        return count > 0
    }

    mutating func taken() {
        if let freeSlots { self.freeSlots = freeSlots - 1 }
    }
}

extension LeaderCore {
    /// The most entries of one order looked at in one plan; the next plan goes on after them.
    static var scanLimit: Int { 2_000 }
    /// The most when no worker has a free slot: what needs none is still looked for at the head.
    static var fullScanLimit: Int { 64 }
    /// The largest assignment, in bytes.
    static var maximumAssignmentBytes: Int { 192 * 1024 }

    /// Looks at the elements of an order, from its head and from where the last plan stopped. Returns where to go on.
    mutating func scan(
        _ order: SortedChunks<QueuedItem>,
        from cursor: QueuedItem?,
        _ planning: inout Planning,
        _ look: (inout LeaderCore, QueuedItem, inout Planning) -> Void
    ) -> QueuedItem? {
        var left = cursor == nil ? Self.scanLimit : Self.scanLimit / 2
        var seen = 0
        var last: QueuedItem?
        func goesOn(_ core: LeaderCore) -> Bool {
            !planning.budget.isUsedUp
                && (seen < Self.fullScanLimit || planning.places.hasFreeSlot(core.workers))
        }
        for item in order.elements() {
            guard goesOn(self) else { return nil }
            guard left > 0 else {
                guard let cursor, let reached = last, reached < cursor else { return last }
                // The head was looked at; now what was left out before.
                var more = Self.scanLimit / 2
                last = cursor
                for item in order.elements(after: cursor) {
                    guard goesOn(self) else { return nil }
                    guard more > 0 else { return last }
                    more -= 1
                    seen += 1
                    look(&self, item, &planning)
                    last = item
                }
                return nil
            }
            left -= 1
            seen += 1
            look(&self, item, &planning)
            last = item
        }
        return nil
    }

    /// Gives ready units of live runs a place, best first.
    mutating func placeReady(_ planning: inout Planning) {
        readyCursor = scan(readyOrder, from: readyCursor, &planning) { core, item, planning in
            guard core.canPlace(item.run, &planning) else { return }
            core.edit(item.run, &planning) { core, draft, planning in
                core.placeUnits(&draft, &planning)
            }
        }
    }

    private func canPlace(_ id: RunID, _ planning: inout Planning) -> Bool {
        guard let run = runs[id], run.state != .paused, run.stopAs == nil else { return false }
        var position = 0
        while position < run.ready.count {
            let task = run.job.tasks[run.job.taskIndex(ofUnit: run.ready[position])]
            let request = Placement.Request(job: run.job.definition, task: task.definition)
            if planning.places.best(for: request, workers) != nil { return true }
            position = run.readyPosition(of: task.units.upperBound)
        }
        return false
    }

    /// Places as many ready units of one run as fit, and returns how many did.
    @discardableResult
    mutating func placeUnits(_ draft: inout RunDraft, _ planning: inout Planning) -> Int {
        var placed = 0
        // What a failure sets free is ready only now, and nothing else may ever look at it: a new run of which nothing
        // is placed stays in the queue.
        while placeReadyUnits(&draft, &planning, &placed) {}
        return placed
    }

    /// Returns whether units have failed, for want of an assignment, so that others may have become ready.
    private mutating func placeReadyUnits(
        _ draft: inout RunDraft,
        _ planning: inout Planning,
        _ placed: inout Int
    ) -> Bool {
        var hasFailed = false
        var position = 0
        let ready = draft.run.ready
        var current = -1
        var request: Placement.Request?
        while position < ready.count, !planning.budget.isUsedUp {
            let unit = ready[position]
            guard draft.run.units[unit].state == .queued else {
                position += 1
                continue
            }
            let index = draft.run.job.taskIndex(ofUnit: unit)
            if index != current || request == nil {
                current = index
                request = Placement.Request(
                    job: draft.run.job.definition,
                    task: draft.run.job.tasks[index].definition
                )
            }
            if let key = exclusiveUnit(draft.run.job, unit: unit), exclusiveHolders[key] != nil {
                position += 1
                continue
            }
            guard let request, let worker = planning.places.best(for: request, workers) else {
                // Nor is there a place for the other partitions of the task.
                let end = draft.run.job.tasks[index].units.upperBound
                while position < ready.count, ready[position] < end { position += 1 }
                continue
            }
            if place(unit, on: worker, &draft, &planning) { placed += 1 } else { hasFailed = true }
            position += 1
        }
        if placed > 0 { draft.run.ready.removeAll { draft.run.units[$0].state != .queued } }
        return hasFailed
    }

    /// Returns false when the assignment cannot be made: the unit has failed.
    private mutating func place(
        _ unit: Int,
        on id: WorkerID,
        _ draft: inout RunDraft,
        _ planning: inout Planning
    ) -> Bool {
        let index = draft.run.job.taskIndex(ofUnit: unit)
        let assignment: Assignment
        do {
            assignment = try AssignmentBuilder.build(
                draft.run,
                unit: unit,
                attempt: draft.run.units[unit].attempt + 1
            )
            let size = assignment.approximateSize
            guard size <= Self.maximumAssignmentBytes else {
                throw TemplateError(.unresolved, "the filled in task has \(size) bytes, too many", offset: 0)
            }
        } catch {
            if draft.run.reason == nil {
                draft.run.reason = "E3007 task \(draft.run.job.tasks[index].definition.id): \(error)"
                draft.isHeaderChanged = true
            }
            end(unit, as: .failed, &draft)
            return false
        }
        draft.run.units[unit].attempt += 1
        draft.run.units[unit].worker = id.number
        draft.run.units[unit].state = .assigned
        draft.run.liveUnits += 1
        draft.run.progress[index].live += 1
        draft.touch(unit: unit)
        reserve(draft.run, unit: unit, sign: 1)
        planning.places.taken()
        attempts[draft.run.id, default: [:]][unit] = LiveAttempt(
            assignedAt: planning.now,
            startedAt: nil,
            token: nil
        )
        if draft.checkedWorkers.insert(id).inserted {
            let known = workers[id]
            draft.before.append(
                .checkWorker(id, version: known?.version ?? 0, assignVersion: known?.assignVersion)
            )
            planning.budget.spend(operations: 2, bytes: 200)
        }
        draft.after.append(.createAssignment(draft.run.attemptID(unit: unit), id, assignment))
        draft.liveAttempts.append(attemptView(draft.run, unit: unit, state: "assigned"))
        planning.plan.assigned.append((draft.run.id, unit))
        planning.budget.spend(operations: 1, bytes: assignment.approximateSize + 200)
        return true
    }
}
