import CProcess
import Glibc

/// The end of a process: the main process first, then all of its boundary, then the report.
extension ProcessLoop {
    private static let lingeringAfterNanoseconds: Int64 = 30_000_000_000
    private static let orphanLookNanoseconds: Int64 = 1_000_000_000
    private static let strayZombieNanoseconds: Int64 = 10_000_000_000

    /// Takes note of the end of a main process, without reaping it, and kills what is left of its group.
    func mainProcessMayHaveEnded(_ process: LiveProcess) {
        guard process.end == nil else { return }
        var end = skyfire_process_end()
        let result = skyfire_process_wait(process.pidDescriptor, 0, &end)
        guard result != 0 else { return }
        // Somebody else reaped it (SIGCHLD ignored, a wait for any child): how it ended is lost, the end is
        // not.
        if result < 0 { end.code = -1 }
        process.end = end
        process.endedAtMilliseconds = wallClockMilliseconds()
        process.endedAtNanoseconds = bootNanoseconds()
        unwatch(process.pidDescriptor)
        // The zombie keeps the group's number, so this reaches no stranger.
        if result > 0 { Glibc.kill(-process.pid, SIGKILL) }
        ended.append(process.slot)
    }

    /// Kills the group, and what left the group but not the boundary.
    func killBoundary(_ process: LiveProcess) {
        process.wasKilled = true
        Glibc.kill(-process.pid, SIGKILL)
        if let group = process.controlGroup { ControlGroup.kill(group) }
        condemn(members(of: process, in: ProcessTable.all()))
    }

    private func condemn(_ members: [ProcessStatus]) {
        for member in members where ProcessTable.send(SIGKILL, to: member) {
            condemned[member.pid] = member.startTicks
        }
    }

    /// The living processes of a boundary, the main process not counted.
    private func members(of process: LiveProcess, in table: [ProcessStatus]) -> [ProcessStatus] {
        // What left the group for another one is still known by its session or its mark.
        let grouped = Set(process.controlGroup.map { ControlGroup.members($0) } ?? [])
        let mark = process.request.boundaryMark
        let own = getpid()
        return table.filter { candidate in
            guard candidate.pid != process.pid, candidate.pid != own, !candidate.isDead,
                candidate.startTicks >= process.startTicks
            else { return false }
            if candidate.session == process.pid || candidate.group == process.pid
                || grouped.contains(candidate.pid)
            {
                return true
            }
            guard let mark else { return false }
            return ProcessTable.environment(of: candidate.pid, contains: mark)
        }
    }

    /// Reports the ended processes whose boundary is empty; kills in the others and looks again soon.
    ///
    /// One look at the adopted orphans serves all; only when one of them may belong to an ended process is
    /// `/proc` walked, once for all.
    func settleEnded() {
        guard !ended.isEmpty else { return }
        let settling = ended.compactMap { live[$0] }
        ended.removeAll(keepingCapacity: true)
        let adopted = adoptedOrphans()
        var table: [ProcessStatus]?
        for process in settling where process.end != nil {
            // An orphan older than the process cannot descend from it.
            let mayHaveLeftovers =
                adopted?.contains { $0.startTicks >= process.startTicks && !$0.isDead } ?? true
            guard mayHaveLeftovers else {
                finish(process)
                continue
            }
            let all = table ?? ProcessTable.all()
            table = all
            let leftovers = members(of: process, in: all)
            if leftovers.isEmpty {
                // Some have died since they were listed; they are reaped while their session is known.
                _ = adoptedOrphans()
                finish(process)
                continue
            }
            condemn(leftovers)
            if let group = process.controlGroup { ControlGroup.kill(group) }
            if process.boundaryLooks == 0 {
                schedule(
                    .lingering,
                    process,
                    at: process.endedAtNanoseconds + Self.lingeringAfterNanoseconds
                )
            }
            let pause: Int64 = 1_000_000 << Int64(min(process.boundaryLooks, 7))
            process.boundaryLooks += 1
            schedule(.boundary, process, at: bootNanoseconds() + pause)
        }
    }

    func reportLingering(_ process: LiveProcess) {
        let pids = members(of: process, in: ProcessTable.all()).map(\.pid)
        if !pids.isEmpty { onEvent(.lingering(id: process.request.id, pids: pids)) }
    }

    private func isMainProcess(_ pid: pid_t) -> Bool {
        live.contains { $0?.pid == pid }
    }

    /// Takes what is left in the pipes, reaps, and reports.
    private func finish(_ process: LiveProcess) {
        for stream in LogStream.allCases {
            drain(process, stream)
            closeStream(process, stream)
        }
        let summaries = process.log.end()
        var end = skyfire_process_end()
        // Its answer is known; this lets the zombie go.
        _ = skyfire_process_wait(process.pidDescriptor, 1, &end)
        close(process.pidDescriptor)
        journal.forget(process.request.id)
        if let group = process.controlGroup { ControlGroup.remove(group) }
        forget(process)
        onEvent(.ended(process.report(stdout: summaries.stdout, stderr: summaries.stderr)))
    }

    /// Reads what is in a pipe now. Something that escaped the boundary may go on writing, so a pipe's size
    /// is the limit.
    private func drain(_ process: LiveProcess, _ stream: LogStream) {
        let descriptor = stream == .stdout ? process.stdout : process.stderr
        guard descriptor >= 0 else { return }
        var remaining = max(Int(skyfire_process_pipe_size(descriptor)), Self.bufferSize)
        while remaining > 0, let count = readOnce(process, stream), count > 0 { remaining -= count }
    }
}

/// Orphans: descendants of ended processes, which are our children now and must be reaped by us.
extension ProcessLoop {
    /// The adopted orphans, after the dead of our sessions have been reaped; `nil` when that cannot be told.
    ///
    /// An orphan that dies after the list was read hands its own children to us unseen, so the list is read
    /// anew until nobody in it has died since the last reading.
    private func adoptedOrphans() -> [ProcessStatus]? {
        for _ in 0..<16 {
            guard let pids = orphans.pids()?.filter({ !isMainProcess($0) }) else { return nil }
            let adopted = pids.compactMap { ProcessTable.status(of: $0) }
            let hasFreshDead =
                adopted.count < pids.count || adopted.contains { $0.isDead && strayZombies[$0.pid] == nil }
            reap(adopted)
            if !hasFreshDead { return adopted }
        }
        return nil
    }

    /// Looks once a second, while there is reason to, for orphans that have ended.
    func lookAfterOrphans() {
        let now = bootNanoseconds()
        guard now >= nextOrphanLook else { return }
        nextOrphanLook = now + Self.orphanLookNanoseconds
        guard let pids = orphans.pids() else { return }
        reap(pids.filter { !isMainProcess($0) }.compactMap { ProcessTable.status(of: $0) })
        condemned = condemned.filter { ProcessTable.status(of: $0.key)?.startTicks == $0.value }
    }

    /// Reaps the zombies of our sessions, and those we killed, at once, and others when nobody has for 10
    /// seconds: they may be children that another part of this process started and is about to wait for.
    private func reap(_ adopted: [ProcessStatus]) {
        let zombies = adopted.filter(\.isDead)
        if zombies.isEmpty {
            if !strayZombies.isEmpty { strayZombies.removeAll() }
            return
        }
        let now = bootNanoseconds()
        let sessions = Set(live.compactMap { $0?.pid })
        var strays: [pid_t: Int64] = [:]
        for zombie in zombies {
            if sessions.contains(zombie.session) || condemned[zombie.pid] == zombie.startTicks
                || controlGroups?.contain(zombie.pid) == true
            {
                _ = skyfire_process_reap(zombie.pid)
                condemned.removeValue(forKey: zombie.pid)
                continue
            }
            let since = strayZombies[zombie.pid] ?? now
            if now - since >= Self.strayZombieNanoseconds {
                _ = skyfire_process_reap(zombie.pid)
            } else {
                strays[zombie.pid] = since
            }
        }
        strayZombies = strays
    }
}
