import Coordination
import Cron
import Scheduling
import ZnodeStore

/// What must hold when nothing goes wrong any more and nobody asks for anything.
struct AtRest {
    let world: World

    private var tree: ZnodeTree { world.ensemble.tree }
    private var judge: Judge { world.judge }
    private var layout: ZnodeLayout { world.layout }

    private func children(_ path: ZnodePath) -> [String] { tree.children(of: path) ?? [] }

    /// Each mark is up to date: what was due some seconds ago is dealt with.
    func judgeMarks() {
        for (job, epoch) in judge.epochs.sorted(by: { $0.key < $1.key }) {
            guard let mark = judge.marks[job] else { continue }
            let late = epoch.due.times(after: max(mark, epoch.due.anchor), through: judge.second - 10)
            if let first = late.first {
                judge.violate(
                    .completeness,
                    "\(job) has not fired since \(UnixTime(seconds: mark).rfc3339), and was due at "
                        + UnixTime(seconds: first).rfc3339
                )
            }
        }
    }

    /// Something that has not come to its end yet.
    func firstOpen() -> String? {
        if let job = judge.epochs.first(where: { !$0.value.due.isEmpty })?.key {
            return "the schedule of \(job)"
        }
        // A verdict that nobody came for is swept by age; a command without one waits.
        for name in children(layout.commandQueue).sorted() {
            let data = tree.znode(at: layout.command(name))?.data ?? []
            if !String(decoding: data, as: UTF8.self).contains("\"verdict\"") { return "command \(name)" }
        }
        for directory in [layout.jobQueue, layout.runs, layout.outbox, layout.pinned] {
            if let name = children(directory).min() { return "\(directory)/\(name)" }
        }
        for worker in children(layout.assign).sorted() {
            guard let id = WorkerID(worker) else { continue }
            if let name = children(layout.assign(id)).min() { return "\(layout.assign(id))/\(name)" }
        }
        for bucket in 0..<ZnodeLayout.bucketCount {
            let directory = layout.status(bucket: bucket)
            if let name = children(directory).min() { return "\(directory)/\(name)" }
        }
        if let process = judge.liveProcesses.first { return "the process of \(process.znodeName)" }
        return nil
    }

    func judge(_ people: People) {
        if let open = firstOpen() { judge.violate(.liveness, "\(open) does not come to its end") }
        for run in judge.open.sorted() where judge.finals[run] == nil {
            judge.violate(.liveness, "\(run) has no final record")
        }
        for (key, run) in people.accepted.sorted(by: { $0.key < $1.key }) where judge.finals[run] == nil {
            judge.violate(.liveness, "\(run), accepted as \(key), has no final record")
        }
        for process in judge.liveProcesses { judge.violate(.leftovers, "\(process.znodeName) still runs") }
        for name in people.certain where !judge.jobs.contains(name.description) {
            judge.violate(.names, "\(name) was accepted, and is not there")
        }
        judgeCluster()
        judgeMirror()
    }

    private func judgeCluster() {
        if tree.stat(of: layout.master) == nil { judge.violate(.convergence, "nobody leads") }
        let registered = judge.registrations.count
        if registered != world.machines.count {
            judge.violate(.convergence, "\(registered) of \(world.machines.count) nodes are registered")
        }
        for job in judge.jobs {
            guard let owner = judge.owner(of: job) else { continue }
            if judge.registrations[owner] == nil {
                judge.violate(.convergence, "\(job) is owned by \(owner), which is not there")
            }
        }
    }

    private func judgeMirror() {
        for (run, final) in judge.finals.sorted(by: { $0.key < $1.key }) {
            let held = world.mirror.runs[run]
            if held == nil, judge.forgottenByMirror.contains(run) { continue }
            if held?.content.run.state != final.state {
                judge.violate(
                    .mirror,
                    "\(run) ended \(final.state.rawValue), and the mirror has \(held?.content.run.state.rawValue ?? "nothing")"
                )
            }
        }
        for (run, held) in world.mirror.runs.sorted(by: { $0.key < $1.key }) where judge.finals[run] == nil {
            judge.violate(.mirror, "the mirror has \(run) as \(held.content.run.state.rawValue)")
        }
        judgeMirroredAttempts()
        for job in judge.jobs {
            let held = Workload.jobName(job).flatMap { world.mirror.jobs[$0]?.content }
            if held?.version != judge.version(of: job) || held?.worker != judge.owner(of: job) {
                judge.violate(
                    .mirror,
                    "the mirror has \(job) at version \(held?.version ?? 0) on \(held?.worker.description ?? "-")"
                )
            }
        }
        for (name, held) in world.mirror.jobs.sorted(by: { $0.key < $1.key })
        where held.content != nil && !judge.jobs.contains(name.description) {
            judge.violate(.mirror, "the mirror has \(name), which was deleted")
        }
    }

    /// What the mirror says of an attempt that has ended is its last record, all of it.
    private func judgeMirroredAttempts() {
        for (attempt, final) in judge.finalAttempts.sorted(by: { $0.key < $1.key })
        where !judge.forgottenAttempts.contains(attempt) {
            let held = world.mirror.attempts[attempt]
            if held?.content != final.view || held?.version != final.version {
                judge.violate(
                    .mirror,
                    "\(attempt.znodeName) ended \(final.view) of \(final.version), and the mirror has "
                        + "\(held.map { "\($0.content) of \($0.version)" } ?? "nothing")"
                )
            }
        }
        for (attempt, held) in world.mirror.attempts.sorted(by: { $0.key < $1.key })
        where held.isFinal && judge.finalAttempts[attempt] == nil {
            judge.violate(
                .mirror,
                "the mirror has an end of \(attempt.znodeName) that is not recorded: \(held.content)"
            )
        }
    }
}
