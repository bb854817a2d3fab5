import Foundation
import Glibc
import Testing

@testable import Processes

extension ProcessesTests {
    /// How processes are ended, and everything they have started with them.
    struct BoundaryTests {
        @Test func politeProcessesEndByTheSignal() async throws {
            let shop = try Workshop()
            let request = shop.request(
                "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
            )
            let exit = try await shop.run(request) {
                try await shop.wait(for: "ready")
                #expect(shop.supervisor.terminate(request.id))
            }
            #expect(exit.outcome == .exited(3))
            #expect(exit.wasStopped && !exit.hasTimedOut)
            #expect(try shop.text() == "ready\nbye\n")
            #expect(!shop.supervisor.terminate(request.id))
        }

        @Test func stubbornProcessesAreKilledAfterTheGrace() async throws {
            let shop = try Workshop()
            let request = shop.request("trap '' TERM; echo ready; while :; do sleep 1; done")
            let begin = ContinuousClock.now
            let exit = try await shop.run(request) {
                try await shop.wait(for: "ready")
                shop.supervisor.terminate(request.id, policy: StopPolicy(grace: .milliseconds(300)))
                // A longer grace does not undo the shorter one.
                shop.supervisor.terminate(request.id, policy: StopPolicy(grace: .seconds(100)))
            }
            #expect(exit.outcome == .signaled(SIGKILL))
            #expect(exit.duration >= .milliseconds(300))
            #expect(ContinuousClock.now - begin < .seconds(20))
        }

        @Test func timeoutsAreToldApartFromStops() async throws {
            let shop = try Workshop()
            var request = shop.request("trap '' TERM; echo ready; while :; do sleep 1; done")
            request.timeout = .milliseconds(200)
            request.stopPolicy = StopPolicy(grace: .milliseconds(100))
            let exit = try await shop.run(request)
            #expect(exit.hasTimedOut && !exit.wasStopped)
            #expect(exit.outcome == .signaled(SIGKILL))
            #expect(exit.duration >= .milliseconds(300) && exit.duration < .seconds(20))

            request = shop.request("sleep 1000")
            request.timeout = .milliseconds(100)
            #expect(try await shop.run(request).outcome == .signaled(SIGTERM))
            request = shop.request("true")
            request.timeout = .seconds(1000)
            #expect(try await !shop.run(request).hasTimedOut)
        }

        @Test func killReachesGroupsAndSessionsOfTheBoundary() async throws {
            let shop = try Workshop()
            var request = shop.request(
                """
                sleep 1001 & echo $!
                set -m; sleep 1002 & echo $!; set +m
                (setsid sh -c 'echo $$; exec sleep 1003' &)
                sh -c 'sleep 1004 & echo $!'
                sleep 0.3; echo ready; wait
                """
            )
            request.boundaryVariable = "BOUNDARY"
            var pids: [pid_t] = []
            let exit = try await shop.run(request) {
                pids = numbers(try await shop.wait(for: "ready"))
                #expect(pids.count == 4 && pids.allSatisfy(isAlive))
                #expect(shop.supervisor.kill(request.id))
            }
            #expect(exit.outcome == .signaled(SIGKILL) && exit.wasStopped)
            #expect(!pids.contains(where: isAlive))
        }

        @Test func leftoversEndWithTheMainProcess() async throws {
            let shop = try Workshop()
            // One holds the pipes, one is detached from them, one is in a group of its own, one ignores TERM.
            let exit = try await shop.run(
                """
                sleep 1001 & echo $!
                sleep 1002 >/dev/null 2>&1 & echo $!
                set -m; sleep 1003 >/dev/null 2>&1 & echo $!; set +m
                (trap '' TERM HUP; exec sleep 1004) & echo $!
                exit 5
                """
            )
            #expect(exit.outcome == .exited(5) && !exit.wasStopped)
            #expect(exit.endedAtMilliseconds - exit.startedAtMilliseconds < 10_000)
            let pids = numbers(try shop.text())
            #expect(pids.count == 4)
            #expect(!pids.contains(where: isAlive))
        }

        @Test func markedDaemonsEndWithTheMainProcess() async throws {
            let shop = try Workshop()
            var request = shop.request(
                "setsid sh -c 'echo $$ >\(shop.scratch.path)/pid; exec sleep 1001' >/dev/null 2>&1 & "
                    + "while ! test -s \(shop.scratch.path)/pid; do sleep 0.01; done; cat \(shop.scratch.path)/pid"
            )
            request.boundaryVariable = "BOUNDARY"
            _ = try await shop.run(request)
            let pids = numbers(try shop.text())
            #expect(pids.count == 1 && !pids.contains(where: isAlive))
        }

        /// A process lives on when its main thread has ended; its state says `Z` then, and its own environment is gone.
        @Test(arguments: ["", "setsid "]) func whatLostItsMainThreadEndsToo(_ prefix: String) async throws {
            let shop = try Workshop(usesControlGroups: false)
            let (program, pidFile) = ("\(shop.scratch.path)/headless.py", "\(shop.scratch.path)/pid")
            let text = """
                import ctypes, os, threading, time
                def live():
                    main = threading.main_thread().native_id
                    while not open(f"/proc/{os.getpid()}/task/{main}/stat").read().rpartition(") ")[2].startswith("Z"):
                        time.sleep(0.01)  # nobody tells of another thread's state; the test's time limit bounds it
                    with open("\(pidFile).new", "w") as file:
                        file.write(str(os.getpid()))
                    os.rename("\(pidFile).new", "\(pidFile)")
                    time.sleep(1001)
                threading.Thread(target=live).start()
                number = {"x86_64": 60, "aarch64": 93}[os.uname().machine]  # exit, of this thread alone
                ctypes.CDLL(None).syscall(ctypes.c_long(number), 0)
                """
            #expect(FileManager.default.createFile(atPath: program, contents: Data(text.utf8)))
            var request = shop.request(
                "\(prefix)python3 \(program) >/dev/null 2>&1 & "
                    + "while ! test -s \(pidFile); do sleep 0.01; done; cat \(pidFile)"
            )
            request.boundaryVariable = "BOUNDARY"
            _ = try await shop.run(request)
            let pids = numbers(try shop.text())
            #expect(pids.count == 1 && !pids.contains(where: isAlive))
        }

        /// Each is gone before it is listed, and its child is in a session of its own.
        @Test(arguments: [true, false]) func whatForksOnEndsToo(usesControlGroups: Bool) async throws {
            let shop = try Workshop(usesControlGroups: usesControlGroups)
            let (program, begun) = ("\(shop.scratch.path)/hop.py", "\(shop.scratch.path)/begun")
            let text = """
                import os, time
                for hop in range(20_000):
                    if os.fork():
                        os._exit(0)
                    os.setsid()
                    if hop == 3:
                        open("\(begun)", "w").close()
                    time.sleep(0.001)  # until somebody kills it, or its hops are used up
                """
            #expect(FileManager.default.createFile(atPath: program, contents: Data(text.utf8)))
            // A name by which the dead are known.
            var request = shop.request(
                "cd \(shop.scratch.path) && ln -s \"$(command -v python3)\" forks-on && ./forks-on \(program) "
                    + ">/dev/null 2>&1 & while ! test -e \(begun); do sleep 0.01; done; echo $BOUNDARY"
            )
            request.boundaryVariable = "BOUNDARY"
            _ = try await shop.run(request)
            let mark = try shop.text().trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(!mark.isEmpty)
            let left = ProcessTable.all().filter { process in
                let environment = ProcessTable.environment(of: process.pid) ?? []
                return String(decoding: environment, as: UTF8.self).contains("BOUNDARY=\(mark)\0")
            }
            #expect(left.isEmpty)
            // Those that nobody has seen alive are reaped as strays in a while; other tests count the children now.
            for process in ProcessTable.all() where process.isDead && process.parent == getpid() {
                // One that another supervisor has reaped meanwhile has no name.
                let name = try? String(contentsOfFile: "/proc/\(process.pid)/comm", encoding: .utf8)
                if name == "forks-on\n" { waitpid(process.pid, nil, WNOHANG) }
            }
        }

        @Test func escapedDaemonsDoNotDelayTheEnd() async throws {
            let shop = try Workshop(usesControlGroups: false)
            // In a session of its own and without a mark; it holds both pipes.
            let pidFile = shop.scratch.path + "/pid"
            let exit = try await shop.run(
                "setsid sh -c 'echo $$ >\(pidFile); exec sleep 1001' & "
                    + "while ! test -s \(pidFile); do sleep 0.01; done; cat \(pidFile)"
            )
            #expect(exit.outcome == .exited(0))
            #expect(exit.duration < .seconds(20))
            let pid = try #require(numbers(try shop.text()).first)
            #expect(isAlive(pid))
            kill(pid, SIGKILL)
            // It became our child when its parent ended; supervisors of other tests need not wait for it.
            var info = siginfo_t()
            waitid(P_PID, id_t(pid), &info, WEXITED)
        }

        @Test func nothingEscapesAControlGroup() async throws {
            let shop = try Workshop()
            guard shop.supervisor.loop.controlGroups != nil else {
                // Elsewhere the boundary is the session and the mark, and the test above says what that is worth.
                return
            }
            let pidFile = shop.scratch.path + "/pid"
            _ = try await shop.run(
                "setsid sh -c 'echo $$ >\(pidFile); exec env -i sleep 1001' >/dev/null 2>&1 & "
                    + "while ! test -s \(pidFile); do sleep 0.01; done; cat \(pidFile)"
            )
            let pid = try #require(numbers(try shop.text()).first)
            #expect(!isAlive(pid))
        }

        @Test func leasedProcessesEndWithTheLease() async throws {
            let shop = try Workshop()
            var leased = shop.request("trap '' TERM; echo ready; while :; do sleep 1; done", id: "leased")
            leased.isLeased = true
            leased.stopPolicy = StopPolicy(grace: .seconds(10))
            let free = shop.request("echo ready; sleep 1001", id: "free")
            let begin = ContinuousClock.now
            shop.supervisor.renew(Lease(until: begin + .milliseconds(600), warning: .milliseconds(200)))
            async let exit = shop.run(leased)
            async let other = shop.run(free)
            let ended = try await exit
            #expect(ended.hasLostLease && !ended.wasStopped)
            #expect(ended.outcome == .signaled(SIGKILL))
            #expect(ended.duration < .seconds(20))
            #expect(ContinuousClock.now - begin >= .milliseconds(600))
            shop.supervisor.kill(free.id)
            #expect(try await !other.hasLostLease)
        }

        /// A fifth of a session's timeout lies between the end of the lease and the takeover, and all must have
        /// ended by then: also what left its group, and however many programs without an environment run.
        @Test func manyLeasedProcessesEndAtOnce() async throws {
            let shop = try Workshop(usesControlGroups: false)
            let free = shop.request(
                "for i in 1 2 3 4 5 6 7 8 9 10; do env -i sleep 1001 & env -i sleep 1001 & done; echo ready; wait",
                id: "free"
            )
            try shop.supervisor.start(free)
            try await shop.wait(for: "ready", id: "free")
            let leased = (0..<20).map { index in
                var request = shop.request(
                    "env -i sleep 1001 & setsid sh -c 'echo $$ ready; exec sleep 1001' & wait",
                    id: "leased \(index)"
                )
                request.isLeased = true
                request.boundaryVariable = "BOUNDARY"
                return request
            }
            let events = leased.map { shop.events(of: $0.id) }
            for request in leased { try shop.supervisor.start(request) }
            var runaways: [pid_t] = []
            for request in leased {
                runaways += numbers(try await shop.wait(for: "ready", id: request.id))
            }
            #expect(runaways.count == 20 && runaways.allSatisfy(isAlive))
            let due = ContinuousClock.now + .milliseconds(100)
            shop.supervisor.renew(Lease(until: due, warning: .zero))
            for stream in events {
                for await case .ended(let exit) in stream {
                    #expect(exit.hasLostLease && exit.outcome == .signaled(SIGKILL))
                }
            }
            let late = ContinuousClock.now - due
            #expect(late < .seconds(2), "a fifth of the default timeout")
            #expect(!runaways.contains(where: isAlive))
            shop.supervisor.kill(free.id)
        }

        @Test func theFirstSignalComesBeforeTheEndOfTheLease() async throws {
            let shop = try Workshop()
            var request = shop.request("trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done")
            request.isLeased = true
            request.stopPolicy = StopPolicy(grace: .seconds(100))
            shop.supervisor.renew(
                Lease(until: ContinuousClock.now + .seconds(60), warning: .milliseconds(59_500))
            )
            let exit = try await shop.run(request)
            #expect(exit.hasLostLease)
            #expect(exit.outcome == .exited(9))
            #expect(exit.duration < .seconds(30))
        }

        @Test func renewedLeasesLetProcessesLive() async throws {
            let shop = try Workshop()
            var request = shop.request(
                "echo ready; while ! test -e \(shop.scratch.path)/go; do sleep 0.01; done; exit 5"
            )
            request.isLeased = true
            shop.supervisor.renew(Lease(until: ContinuousClock.now + .seconds(1), warning: .zero))
            let exit = try await shop.run(request) {
                try await shop.wait(for: "ready")
                shop.supervisor.renew(Lease(until: ContinuousClock.now + .seconds(100), warning: .zero))
                // Longer than the first lease, so that its end would be seen.
                try await ContinuousClock().sleep(for: .milliseconds(1_200))
                close(creat(shop.scratch.path + "/go", 0o600))
            }
            #expect(!exit.hasLostLease)
            #expect(exit.outcome == .exited(5))
        }

        @Test func nothingIsReleasedAfterTheLease() async throws {
            let shop = try Workshop()
            shop.supervisor.renew(Lease(until: ContinuousClock.now - .milliseconds(1), warning: .zero))
            let request = shop.request("exit 0")
            let events = shop.events(of: request.id)
            try shop.supervisor.start(request)
            var step: SpawnFailure.Step?
            for await event in events {
                if case .spawnFailed(let failure) = event { step = failure.step }
            }
            #expect(step == .lease)
        }

        @Test func closingKillsEverything() async throws {
            let shop = try Workshop()
            let events = shop.events(of: "x")
            try shop.supervisor.start(shop.request("sleep 1001 & echo $!; echo ready; wait", id: "x"))
            let pids = numbers(try await shop.wait(for: "ready", id: "x"))
            try shop.supervisor.prepare(shop.request("true", id: "y"))
            shop.supervisor.close()
            var last: ProcessEvent?
            for await event in events { last = event }
            guard case .ended(let exit) = last else {
                Issue.record("no end is reported")
                return
            }
            #expect(exit.outcome == .signaled(SIGKILL))
            #expect(!pids.contains(where: isAlive))
            #expect(shop.supervisor.knownIDs.isEmpty)
            #expect(throws: ProcessError.self) { try shop.supervisor.prepare(shop.request("true", id: "z")) }
        }

        @Test func floodsAreCappedAndCostNoMemory() async throws {
            let shop = try Workshop(limits: LogLimits(headBytes: 100_000, tailBytes: 50_000))
            func residentPages() throws -> Int {
                let text = String(decoding: try #require(readSmallFile("/proc/self/statm")), as: UTF8.self)
                return try #require(Int(text.split(separator: " ")[1]))
            }
            let before = try residentPages()
            let exit = try await shop.run("head -c 300000000 /dev/zero; echo last")
            #expect(exit.stdout.totalBytes == 300_000_005)
            #expect(exit.stdout.droppedBytes == 300_000_005 - 150_000)
            #expect(try residentPages() - before < 5000, "20 MB of 4 KiB pages")
            let output = try shop.output()
            let marker = AttemptLogReader.marker(droppedBytes: exit.stdout.droppedBytes)
            #expect(output.count == 150_000 + marker.count)
            #expect(Array(output[100_000..<(100_000 + marker.count)]) == marker)
            #expect(output.suffix(5) == Array("last\n".utf8)[...])
        }
    }
}
