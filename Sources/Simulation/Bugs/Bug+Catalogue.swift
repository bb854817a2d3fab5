import Cron
import Scheduling
import ZnodeStore

extension Bug {
    /// The mistakes that the simulation is tried on.
    package static let catalogue: [Bug] = [
        changing("no-fence", "a leader's commit does not say which version of the term it expects") {
            operations,
            index in
            guard index == 0, case .set(let path, let data, _) = operations[0], isTerm(path) else {
                return nil
            }
            return [.set(path, data: data)]
        },
        changing("unversioned-mark", "a firing does not say which version of the mark it expects") {
            operations,
            index in
            guard case .set(let path, let data, _?) = operations[index], case .fired = StorePath(path) else {
                return nil
            }
            return [.set(path, data: data)]
        },
        changing("unchecked-owner", "a firing does not check that the definition is still this node's") {
            operations,
            index in
            guard case .check(let path, _) = operations[index], case .definition = StorePath(path),
                !isTerm(operations[0].path)
            else { return nil }
            return []
        },
        changing("unchecked-definition", "an admission does not check that the definition is current") {
            operations,
            index in
            guard case .check(let path, _) = operations[index], case .definition = StorePath(path),
                isTerm(operations[0].path)
            else { return nil }
            return []
        },
        changing("unchecked-worker", "a placement does not check that the worker is there and takes work") {
            operations,
            index in
            guard case .check(let path, _) = operations[index], case .worker = StorePath(path),
                isTerm(operations[0].path)
            else { return nil }
            return []
        },
        changing("entry-left", "an admission leaves the entry in the queue") { operations, index in
            guard case .delete(let path, _) = operations[index], case .entry = StorePath(path) else {
                return nil
            }
            return []
        },
        changing("assignment-left", "a finish leaves the assignment") { operations, index in
            guard case .delete(let path, _) = operations[index], case .assignment = StorePath(path),
                !isTerm(operations[0].path)
            else { return nil }
            return []
        },
        changing("sequential-entries", "entries of the queue have drawn names instead of derived ones") {
            operations,
            index in
            guard case .create(let path, let data, _) = operations[index], case .entry = StorePath(path)
            else {
                return nil
            }
            return [.create(path, data: data, mode: .persistentSequential)]
        },
        changing("unversioned-start", "a start does not say that nobody has started it before") {
            operations,
            index in
            guard case .set(let path, let data, _?) = operations[index], case .assignment = StorePath(path)
            else {
                return nil
            }
            return [.set(path, data: data)]
        },
        changing("blind-takeover", "what is taken away from a worker is not deleted") { operations, index in
            guard case .delete(let path, _) = operations[index], case .assignment = StorePath(path),
                isTerm(operations[0].path)
            else { return nil }
            return []
        },
        changing("unversioned-withdrawal", "what is taken back unstarted is not checked to be that") {
            operations,
            index in
            guard case .delete(let path, _?) = operations[index], case .assignment = StorePath(path),
                isTerm(operations[0].path)
            else { return nil }
            return [.delete(path)]
        },
        changing("outbox-skipped", "final records are not kept until the mirror has them") {
            operations,
            index in
            guard case .create(let path, _, _) = operations[index], case .outbox = StorePath(path) else {
                return nil
            }
            return []
        },
        changing("successor-forgotten", "an ended run leaves the tree without queueing what comes after it") {
            operations,
            index in
            guard case .create(let path, let data, _) = operations[index], case .entry = StorePath(path),
                String(decoding: data, as: UTF8.self).contains("\"dependency\"")
            else { return nil }
            return []
        },
        changing("name-left-behind", "a move of a job does not change what its name says") {
            operations,
            index in
            guard case .set(let path, _, _) = operations[index], case .name = StorePath(path),
                isTerm(operations[0].path)
            else { return nil }
            return [.check(path)]
        },
        with("spawn-at-prepare", "a process runs before its start is committed") {
            $0.spawnsAtPrepare = true
        },
        with("no-lease", "exclusive processes outlive the lease") { $0.ignoresLease = true },
        with("no-kill-margin", "what a lost worker ran of exclusive tasks is taken over without delay") {
            $0.skipsKillMargin = true
        },
        with("deaf-runner", "processes are not ended when they should be") { $0.ignoresStop = true },
        with("forget-on-reconnect", "a node that connects to its runner again knows nothing of what it holds")
        {
            $0.forgetsHeld = true
        },
        with("unguarded-mirror", "the mirror takes records that are older than what it has") {
            $0.isMirrorUnguarded = true
        },
        with("unguarded-attempts", "the mirror takes records of attempts that are older than what it has") {
            $0.areAttemptsUnguarded = true
        },
    ]

    /// The bug of this name.
    package static func named(_ name: String) -> Bug? { catalogue.first { $0.name == name } }

    private static func changing(
        _ name: String,
        _ summary: String,
        _ change: @escaping @Sendable ([StoreOperation], Int) -> [StoreOperation]?
    ) -> Bug {
        with(name, summary) { $0.change = change }
    }

    private static func with(_ name: String, _ summary: String, _ make: (inout Bug) -> Void) -> Bug {
        var bug = Bug(name, summary)
        make(&bug)
        return bug
    }

    private static func isTerm(_ path: ZnodePath) -> Bool {
        if case .term = StorePath(path) { return true }
        return false
    }
}
