import CProcess
import Glibc

/// The end of a process: the main process first, then all of its boundary, then the report.
extension ProcessLoop {
    private static let lingeringAfterNanoseconds: Int64 = 30_000_000_000
    private static let orphanLookNanoseconds: Int64 = 1_000_000_000
    private static let strayZombieNanoseconds: Int64 = 10_000_000_000
    private static let mostStrayZombies = 1_000
    /// How long orphans that come and go faster than they can be listed, or that have no environment yet, hold up the end of
    /// what ended. They may be another's.
    private static let doubtNanoseconds: Int64 = 2_000_000_000
    /// How long one look may take beside its walk over `/proc`: leases and deadlines wait for it.
    private static let chaseNanoseconds: Int64 = 20_000_000
    /// How long it waits for what was killed and is not dead: that may withstand KILL.
    private static let deathNanoseconds: Int64 = 2_000_000

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
        if let group = process.controlGroup { ControlGroup.kill(group) }
        unlooked.insert(process.slot)
    }

    /// Kills the group and the control group, at once and without looking around.
    ///
    /// What has left them is found by the next `settle`, in one look for all that were killed, so that many
    /// that have to end by one moment do not wait for each other's looks.
    func killBoundary(_ process: LiveProcess) {
        process.wasKilled = true
        // The main process is not reaped yet, so its group is still its own.
        Glibc.kill(-process.pid, SIGKILL)
        if let group = process.controlGroup { ControlGroup.kill(group) }
        unlooked.insert(process.slot)
    }

    /// Kills what was found of boundaries, and makes it ours to reap.
    private func condemn(_ found: [BoundarySearch.Found]) {
        for member in found.lazy.flatMap(\.members) where ProcessTable.send(SIGKILL, to: member) {
            condemned[member.pid] = member.startTicks
        }
    }

    private func isCondemned(_ process: ProcessStatus) -> Bool {
        condemned[process.pid] == process.startTicks
    }

    /// Reports the ended processes whose boundary is empty; kills in the others, and in those of killed
    /// processes, and looks again soon.
    ///
    /// One look at the adopted orphans serves all that have ended. Only when one of them may belong to an ended
    /// process, or when a process was killed and has not ended yet, is `/proc` walked, once for all.
    func settle() {
        if !unsettled.isEmpty, nextLookNanoseconds <= bootNanoseconds() { unlooked.formUnion(unsettled) }
        guard !unlooked.isEmpty else { return }
        let settling = unlooked.compactMap { live[$0] }
        unlooked.removeAll()
        let orphans = adoptedOrphans()
        var needsLook = false
        for process in settling {
            let mayHaveLeftovers =
                switch orphans {
                case .untold, .changing: true
                // An orphan older than the process cannot descend from it.
                case .these(let adopted):
                    adopted.contains { $0.startTicks >= process.startTicks && !$0.isDead }
                }
            if process.end != nil, !mayHaveLeftovers, !process.isGroupPopulated {
                finish(process)
            } else {
                unsettled.insert(process.slot)
                needsLook = true
            }
        }
        if needsLook { lookIntoBoundaries() }
    }

    /// Walks `/proc` once for all boundaries that are not known to be empty, and kills what is in them.
    private func lookIntoBoundaries() {
        let begin = bootNanoseconds()
        let looked = unsettled.compactMap { live[$0] }
        let boundaries = looked.map(\.boundary)
        let table = ProcessTable.all()
        var found = search.find(boundaries, in: table, mains: mains)
        condemn(found)
        let mayBeMore = chase(boundaries, table, &found)
        let now = bootNanoseconds()
        var fewestLooks = Int.max
        var isOnlyDoubt = true
        for (process, found) in zip(looked, found) {
            let isInDoubt =
                (mayBeMore || found.isUncertain)
                && (process.end == nil || now - process.endedAtNanoseconds < Self.doubtNanoseconds)
            if found.members.isEmpty, !isInDoubt, !process.isGroupPopulated {
                unsettled.remove(process.slot)
                // Else its main process has yet to die; that event brings it back.
                if process.end != nil { finish(process) }
                continue
            }
            if let group = process.controlGroup { ControlGroup.kill(group) }
            if !isInDoubt || !found.members.isEmpty { isOnlyDoubt = false }
            reportLingering(process, found.members, now)
            fewestLooks = min(fewestLooks, process.boundaryLooks)
            process.boundaryLooks += 1
        }
        // Long lists of processes must not keep the thread from its other work.
        // What is in doubt is certain soon, unless others come meanwhile: the less, the shorter the pause.
        let shift = Int64(min(fewestLooks, isOnlyDoubt ? 4 : 7))
        nextLookNanoseconds = now + max(1_000_000 << shift, now - begin)
    }

    /// Kills what was born of boundaries since the list of all processes was made, and reaps what has died since, while its
    /// session is known. What forks on, each time in a new session, is an orphan of ours as soon as its parent has
    /// ended, so the list of those shows it where a walk over `/proc` is too slow.
    ///
    /// Returns whether there may be more: orphans came and went faster than they could be listed.
    private func chase(
        _ boundaries: [Boundary],
        _ table: [ProcessStatus],
        _ found: inout [BoundarySearch.Found]
    ) -> Bool {
        var seen: [pid_t: UInt64] = [:]
        for process in table { seen[process.pid] = process.startTicks }
        let begin = bootNanoseconds()
        let end = begin + Self.chaseNanoseconds
        var lastNew = begin
        while bootNanoseconds() < end {
            switch adoptedOrphans(until: end) {
            case .untold: return false
            case .changing: continue
            case .these(let adopted):
                let new = adopted.filter {
                    !$0.isDead && seen.updateValue($0.startTicks, forKey: $0.pid) != $0.startTicks
                }
                // What was killed and is not dead yet may have children that are nobody's orphans yet.
                if new.isEmpty {
                    let isDying = adopted.contains { !$0.isDead && isCondemned($0) }
                    guard isDying, bootNanoseconds() - lastNew < Self.deathNanoseconds else { return false }
                    continue
                }
                lastNew = bootNanoseconds()
                let more = chaseSearch.find(boundaries, in: new, mains: mains)
                condemn(more)
                for index in found.indices {
                    found[index].members += more[index].members
                    if more[index].isUncertain { found[index].isUncertain = true }
                }
            }
        }
        return true
    }

    private func reportLingering(_ process: LiveProcess, _ members: [ProcessStatus], _ now: Int64) {
        guard process.end != nil, !process.hasLingered, !members.isEmpty,
            now - process.endedAtNanoseconds >= Self.lingeringAfterNanoseconds
        else { return }
        process.hasLingered = true
        onEvent(.lingering(id: process.request.id, pids: members.map(\.pid)))
    }

    /// Ends a process that cannot be watched, with what it has started since, as if it had not been started.
    func abandon(_ process: LiveProcess, _ failure: SpawnFailure) {
        killBoundary(process)
        condemn(search.find([process.boundary], in: ProcessTable.all(), mains: mains))
        // Its program has only just been loaded: KILL ends it at once.
        while waitpid(process.pid, nil, 0) < 0, errno == EINTR {}
        // What it has left is reaped while its session is known; what dies later is reaped as a stray.
        _ = adoptedOrphans()
        release(process)
        onEvent(.spawnFailed(failure))
    }

    /// Takes what is left in the pipes, reaps, and reports.
    private func finish(_ process: LiveProcess) {
        for stream in LogStream.allCases { drain(process, stream) }
        let summaries = release(process)
        onEvent(.ended(process.report(stdout: summaries.stdout, stderr: summaries.stderr)))
    }

    /// Gives back all that is held of a process.
    @discardableResult
    private func release(_ process: LiveProcess) -> (stdout: LogStreamSummary, stderr: LogStreamSummary) {
        for stream in LogStream.allCases { closeStream(process, stream) }
        let summaries = process.log.end()
        var end = skyfire_process_end()
        // Its answer is known; this lets the zombie go.
        _ = skyfire_process_wait(process.pidDescriptor, 1, &end)
        close(process.pidDescriptor)
        journal.forget(process.request.id)
        if let group = process.controlGroup { ControlGroup.remove(group) }
        forget(process)
        return summaries
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
    private enum Orphans {
        /// This kernel does not say.
        case untold
        /// In every list somebody had died since the one before.
        case changing
        case these([ProcessStatus])
    }

    /// The adopted orphans, after the dead of our sessions have been reaped.
    ///
    /// An orphan that dies after the list was read hands its own children to us unseen, so the list is read
    /// anew until nobody in it has died since the last reading. Strays that are known to be dead are not looked at again.
    private func adoptedOrphans(until end: Int64? = nil) -> Orphans {
        let end = end ?? bootNanoseconds() + Self.chaseNanoseconds
        repeat {
            guard let pids = orphans.pids()?.filter({ !mains.contains($0) && strayZombies[$0] == nil }) else {
                return .untold
            }
            let adopted = pids.compactMap { ProcessTable.status(of: $0) }
            reap(adopted)
            if adopted.count == pids.count, !adopted.contains(where: \.isDead) { return .these(adopted) }
        } while bootNanoseconds() < end
        return .changing
    }

    /// Looks once a second, while there is reason to, for orphans that have ended.
    func lookAfterOrphans() {
        let now = bootNanoseconds()
        guard now >= nextOrphanLook else { return }
        nextOrphanLook = now + Self.orphanLookNanoseconds
        guard let pids = orphans.pids() else { return }
        let adopted = pids.filter { !mains.contains($0) }.compactMap { ProcessTable.status(of: $0) }
        let dead = Set(adopted.lazy.filter(\.isDead).map(\.pid))
        strayZombies = strayZombies.filter { dead.contains($0.key) }
        reap(adopted.filter { strayZombies[$0.pid] == nil })
        reapStrays { now - $0.sinceNanoseconds >= Self.strayZombieNanoseconds }
        condemned = condemned.filter { ProcessTable.status(of: $0.key)?.startTicks == $0.value }
    }

    /// Reaps the zombies of our sessions, and those we killed, at once, and others when nobody has for 10
    /// seconds: they may be children that another part of this process started and is about to wait for. Where there
    /// are many of other sessions, something forks on and leaves them, and nobody is about to wait.
    private func reap(_ adopted: [ProcessStatus]) {
        for zombie in adopted where zombie.isDead {
            if mains.contains(zombie.session) || isCondemned(zombie)
                || controlGroups?.contain(zombie.pid) == true
            {
                _ = skyfire_process_reap(zombie.pid)
                condemned.removeValue(forKey: zombie.pid)
            } else {
                strayZombies[zombie.pid] = (zombie.session, bootNanoseconds())
            }
        }
        guard strayZombies.count > Self.mostStrayZombies else { return }
        let own = getsid(0)
        reapStrays { $0.session != own }
    }

    private func reapStrays(where isDue: ((session: pid_t, sinceNanoseconds: Int64)) -> Bool) {
        for (pid, stray) in strayZombies where isDue(stray) {
            _ = skyfire_process_reap(pid)
            strayZombies[pid] = nil
        }
    }
}
