import CProcess
import Glibc
import Testing

@testable import Processes

extension ProcessesTests {
    /// What a restarted node finds of its predecessor's processes.
    struct ProcessJournalTests {
        /// Starts a shell line as a crashed node leaves it: nobody watches it. Output goes nowhere.
        private func startUnwatched(_ line: String, environment: [String]) throws -> pid_t {
            let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(null) }
            var pid: pid_t = 0
            let failure = CStringBlock(["sh", "-c", line]).withPointers { arguments in
                CStringBlock(environment).withPointers { environment in
                    skyfire_process_detach("/bin/sh", arguments, environment, null, &pid)
                }
            }
            try #require(failure == 0)
            return pid
        }

        /// Reaps a killed process and those of its session, which are children of this process now.
        private func reap(_ pid: pid_t) {
            var info = siginfo_t()
            waitid(P_PID, id_t(pid), &info, WEXITED)
            for orphan in ProcessTable.all() where orphan.session == pid && orphan.parent == getpid() {
                waitid(P_PID, id_t(orphan.pid), &info, WEXITED)
            }
        }

        private func note(
            _ journal: ProcessJournal,
            _ id: String,
            pid: pid_t,
            mark: String?,
            ticks: UInt64? = nil
        ) throws {
            let descriptor = try journal.noteIntent(
                ProcessRequest(
                    id: id,
                    arguments: ["sh"],
                    environment: mark.map { ["MARK": $0] } ?? [:],
                    workingDirectory: "/",
                    logDirectory: "/nowhere",
                    boundaryVariable: "MARK"
                ),
                controlGroup: nil
            )
            let own = try #require(ProcessTable.status(of: pid)).startTicks
            #expect(journal.noteStart(descriptor, pid: pid, startTicks: ticks ?? own) == 0)
        }

        @Test func sweepKillsExactlyWhatIsNoted() throws {
            let scratch = try ScratchDirectory()
            let journal = try ProcessJournal(directory: scratch.path)
            let ours = try startUnwatched("sleep 1001 & sleep 1002", environment: ["PATH=/bin:/usr/bin"])
            let stranger = try startUnwatched("sleep 1003", environment: ["PATH=/bin:/usr/bin"])
            defer {
                kill(-stranger, SIGKILL)
                reap(stranger)
            }
            let id = "job@20260101T000000Z/task[0]/1"
            try note(journal, id, pid: ours, mark: nil)
            // The number of this one has been given to a stranger since.
            try note(journal, "older", pid: stranger, mark: nil, ticks: 1)
            let swept = journal.sweep()
            #expect(swept.map(\.id) == [id, "older"])
            #expect(swept[0].killedPIDs.contains(ours))
            #expect(swept.allSatisfy { $0.survivingPIDs.isEmpty })
            #expect(swept[1].killedPIDs.isEmpty)
            #expect(!isAlive(ours))
            #expect(!ProcessTable.all().contains { $0.session == ours && !$0.isDead })
            #expect(isAlive(stranger))
            reap(ours)
            #expect(journal.sweep().isEmpty)
        }

        @Test func theMarkFindsWhatTheLeaderLeft() async throws {
            let scratch = try ScratchDirectory()
            let journal = try ProcessJournal(directory: scratch.path)
            let pidFile = scratch.path + "/pid"
            let mark = "\(scratch.path) 1"
            let leader = try startUnwatched(
                // The leader goes only when the other one has left its session.
                "setsid sleep 1001 & echo $! >\(pidFile); until grep -q sleep /proc/$!/comm; do :; done",
                environment: ["PATH=/bin:/usr/bin", "MARK=\(mark)"]
            )
            try note(journal, "a", pid: leader, mark: mark)
            reap(leader)
            let left = numbers(String(decoding: try #require(readSmallFile(pidFile)), as: UTF8.self))
            #expect(left.count == 1 && left.allSatisfy(isAlive))
            #expect(journal.sweep() == [ProcessJournal.Swept(id: "a", killedPIDs: left, survivingPIDs: [])])
            #expect(!left.contains(where: isAlive))
            for pid in left { _ = skyfire_process_reap(pid) }
        }

        /// Below a process that reaps at once nothing of the leader is left when its successor looks.
        @Test func theSessionFindsWhatAReapedLeaderLeft() throws {
            let scratch = try ScratchDirectory()
            let journal = try ProcessJournal(directory: scratch.path)
            let pidFile = scratch.path + "/pid"
            let mark = "\(scratch.path) 1"
            let leader = try startUnwatched(
                // Without the mark, and in the leader's session.
                "env -i /bin/sleep 1001 & echo $! >\(pidFile); until grep -q sleep /proc/$!/comm; do :; done",
                environment: ["PATH=/bin:/usr/bin", "MARK=\(mark)"]
            )
            try note(journal, "a", pid: leader, mark: mark)
            var info = siginfo_t()
            waitid(P_PID, id_t(leader), &info, WEXITED)
            #expect(ProcessTable.status(of: leader) == nil)
            let left = numbers(String(decoding: try #require(readSmallFile(pidFile)), as: UTF8.self))
            #expect(left.count == 1 && left.allSatisfy(isAlive))
            #expect(journal.sweep() == [ProcessJournal.Swept(id: "a", killedPIDs: left, survivingPIDs: [])])
            #expect(!left.contains(where: isAlive))
            for pid in left {
                kill(pid, SIGKILL)
                _ = skyfire_process_reap(pid)
            }
        }

        @Test func anIntentWithoutAProcessIsForgotten() throws {
            let scratch = try ScratchDirectory()
            let journal = try ProcessJournal(directory: scratch.path)
            let request = ProcessRequest(
                id: "..%/x",
                arguments: ["true"],
                environment: ["MARK": "\(scratch.path) none"],
                workingDirectory: "/",
                logDirectory: "/nowhere",
                boundaryVariable: "MARK"
            )
            close(try journal.noteIntent(request, controlGroup: nil))
            #expect(journal.sweep() == [ProcessJournal.Swept(id: "..%/x", killedPIDs: [], survivingPIDs: [])])
            #expect(journal.sweep().isEmpty)
        }
    }
}
