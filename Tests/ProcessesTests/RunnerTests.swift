import CProcess
import Foundation
import Glibc
import Testing

@testable import Processes

extension ProcessesTests {
    /// The runner as a process of its own, which is what it is for: `skyfire runner`, beside a client in this process.
    struct RunnerTests {
        /// A worker's side in a scratch directory; what it hears is read in order.
        final class Worker {
            let scratch: ScratchDirectory
            let client: RunnerClient
            private var events: AsyncStream<RunnerEvent>.Iterator

            init(
                _ scratch: ScratchDirectory,
                beat: Duration = .seconds(15),
                runnerOptions: [String] = []
            ) throws {
                self.scratch = scratch
                let executable = try #require(Self.executable)
                client = try RunnerClient(
                    directory: scratch.path,
                    launch: RunnerLaunch(
                        path: executable,
                        arguments: ["skyfire", "runner", "--data", scratch.path] + runnerOptions
                    ),
                    beat: beat
                )
                events = client.events.makeAsyncIterator()
                try client.begin()
            }

            /// The product, beside the bundle of tests.
            private static var executable: String? {
                let names = CommandLine.arguments + ["/proc/self/exe"]
                for name in names {
                    let path = URL(fileURLWithPath: name).resolvingSymlinksInPath()
                    var directory = path.deletingLastPathComponent()
                    for _ in 0..<4 {
                        let candidate = directory.appendingPathComponent("skyfire").path
                        if access(candidate, X_OK) == 0, !isDirectory(candidate) { return candidate }
                        directory = directory.deletingLastPathComponent()
                    }
                }
                return nil
            }

            func connected() async throws -> [HeldProcess] {
                while let event = await events.next(isolation: #isolation) {
                    if case .connected(_, let held) = event {
                        client.allowStarts()
                        return held
                    }
                    if case .unreachable(let reason) = event { Issue.record("no runner: \(reason)") }
                }
                throw CancellationError()
            }

            func started(_ id: String) async throws -> ProcessStart {
                while let event = await events.next(isolation: #isolation) {
                    if case .process(.started(let start)) = event, start.id == id { return start }
                }
                throw CancellationError()
            }

            func ended(_ id: String) async throws -> ProcessExit {
                while let event = await events.next(isolation: #isolation) {
                    if case .process(.ended(let exit)) = event, exit.id == id { return exit }
                }
                throw CancellationError()
            }

            func request(_ line: String, id: String, isLeased: Bool = false) -> ProcessRequest {
                ProcessRequest(
                    id: id,
                    arguments: ["/bin/sh", "-c", line],
                    environment: ["PATH": "/usr/bin:/bin", "MARK": "\(scratch.path) \(id)"],
                    workingDirectory: scratch.path,
                    logDirectory: "\(scratch.path)/logs/\(id)",
                    boundaryVariable: "MARK",
                    isLeased: isLeased,
                    context: "context of \(id)"
                )
            }

            func start(_ line: String, id: String, isLeased: Bool = false) {
                client.prepare(request(line, id: id, isLeased: isLeased))
                client.release(id)
            }

            /// Lets go without a word, as a worker that is killed does.
            func vanish() {
                client.sever()
                client.close(endsProcesses: false)
            }
        }

        @Test func attemptsOutliveTheirWorkerAndAreTakenOver() async throws {
            let scratch = try ScratchDirectory()
            let first = try Worker(scratch)
            #expect(try await first.connected().isEmpty)
            first.start("echo one; while ! test -e go; do sleep 0.01; done; exit 7", id: "a")
            let start = try await first.started("a")
            first.start("exit 3", id: "b")
            _ = try await first.ended("b")
            // Prepared and never released: it is not to run, and nobody is told of it.
            first.client.prepare(first.request("touch never", id: "c"))
            first.vanish()
            #expect(isAlive(start.pid))

            let second = try Worker(scratch)
            let held = try await second.connected()
            #expect(held.map(\.id) == ["a", "b"])
            #expect(held.map(\.context) == ["context of a", "context of b"])
            #expect(held[0].startedAtMilliseconds == start.startedAtMilliseconds)
            #expect(held[0].end == nil)
            guard case .ended(let exit)? = held[1].end else {
                Issue.record("the end of b is not held")
                return
            }
            #expect(exit.outcome == .exited(3))
            second.client.acknowledge("b")
            close(creat("\(scratch.path)/go", 0o600))
            #expect(try await second.ended("a").outcome == .exited(7))
            second.client.acknowledge("a")
            second.vanish()

            let third = try Worker(scratch)
            #expect(try await third.connected().isEmpty)
            third.client.close(endsProcesses: true)
            #expect(access("\(scratch.path)/never", F_OK) != 0)
        }

        @Test func aDeadRunnerTakesItsAttemptsWithIt() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            // A grandchild in a session of its own: the kernel ends the main process, the sweep the rest.
            worker.start("setsid sleep 1001 & echo $! >daemon; sleep 1001", id: "a")
            let start = try await worker.started("a")
            let runner = try #require(ProcessTable.status(of: start.pid)).parent
            let members = { ProcessTable.all().filter { $0.session == start.pid && !$0.isDead }.map(\.pid) }
            // The interval of looking for another process's file; the suite's time limit bounds it.
            while access("\(scratch.path)/daemon", F_OK) != 0 { try await Task.sleep(for: .milliseconds(2)) }
            kill(runner, SIGKILL)
            // Another one takes its place, which says that what was held is gone.
            #expect(try await worker.connected().isEmpty)
            #expect(!isAlive(start.pid))
            #expect(members().isEmpty)
            let mark = Array("MARK=\(scratch.path) a\0".utf8)
            let swept = ProcessTable.all().filter {
                !$0.isDead && ProcessTable.environment(of: $0.pid)?.contains(mark) == true
            }
            #expect(swept.isEmpty)
            worker.client.close(endsProcesses: true)
        }

        @Test func theLeaseEndsWithoutTheWorker() async throws {
            let scratch = try ScratchDirectory()
            let first = try Worker(scratch)
            _ = try await first.connected()
            first.start("sleep 1001", id: "exclusive", isLeased: true)
            first.start("sleep 1001", id: "shared")
            let exclusive = try await first.started("exclusive")
            let shared = try await first.started("shared")
            let descriptor = try #require(pidDescriptor(exclusive.pid))
            first.client.renew(Lease(until: ContinuousClock.now + .milliseconds(300), warning: .zero))
            first.vanish()
            // Nobody renews it; the runner ends what is leased by itself.
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&waiting, 1, 20_000) == 1)
            close(descriptor)
            #expect(isAlive(shared.pid))
            let second = try Worker(scratch)
            let held = try await second.connected()
            guard case .ended(let exit)? = held.first(where: { $0.id == "exclusive" })?.end else {
                Issue.record("its end is not held")
                return
            }
            #expect(exit.hasLostLease)
            second.client.close(endsProcesses: true)
            #expect(!isAlive(shared.pid))
        }

        /// A cancel may cross the commit of the start.
        @Test func aStopBeforeTheReleaseCounts() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            worker.client.prepare(worker.request("sleep 1001", id: "a"))
            worker.client.stop("a", kills: false)
            worker.client.release("a")
            #expect(try await worker.ended("a").wasStopped)
            worker.client.close(endsProcesses: true)
        }

        @Test func tasksGetNothingOfTheRunner() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            worker.start(
                "ls -l /proc/self/fd | grep -c socket; env | sort | cut -d= -f1 | tr '\\n' ' '",
                id: "a"
            )
            _ = try await worker.ended("a")
            let reader = AttemptLogReader(directory: "\(scratch.path)/logs/a", attemptHasEnded: true)
            let text = String(decoding: try reader.read(.stdout, offset: 0, limit: 4096).bytes, as: UTF8.self)
            #expect(text == "0\nMARK PATH PWD ")
            worker.client.close(endsProcesses: true)
        }

        @Test func retiresOnlyWhenItHoldsNothing() async throws {
            let scratch = try ScratchDirectory()
            let first = try Worker(scratch)
            _ = try await first.connected()
            first.start("sleep 1001", id: "a")
            let start = try await first.started("a")
            let runner = try #require(ProcessTable.status(of: start.pid)).parent
            first.client.close(endsProcesses: false)
            #expect(isAlive(start.pid))
            let second = try Worker(scratch)
            #expect(try await second.connected().map(\.id) == ["a"])
            second.client.stop("a", kills: true)
            #expect(try await second.ended("a").wasStopped)
            second.client.acknowledge("a")
            let descriptor = try #require(pidDescriptor(runner))
            second.client.close(endsProcesses: false)
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&waiting, 1, 20_000) == 1)
            close(descriptor)
        }

        /// It would enforce no deadline and take no cancel, and nobody would know.
        @Test func aRunnerThatStandsStillIsReplaced() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch, beat: .milliseconds(200))
            _ = try await worker.connected()
            worker.start("sleep 1001", id: "a")
            let start = try await worker.started("a")
            let runner = try #require(ProcessTable.status(of: start.pid)).parent
            // As long as it answers it may be silent: some beats of that.
            try await Task.sleep(for: .seconds(1))
            #expect(isAlive(runner))
            kill(runner, SIGSTOP)
            #expect(try await worker.connected().isEmpty)
            #expect(!isAlive(runner))
            #expect(!isAlive(start.pid))
            worker.client.close(endsProcesses: true)
        }

        /// It can be read by a worker that knows neither the rest nor how what is held is laid out.
        @Test func theVersionComesFirst() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            worker.start("sleep 1001", id: "a")
            _ = try await worker.started("a")
            worker.vanish()
            var connection = FrameConnection(try #require(try RunnerFiles(directory: scratch.path).connect()))
            connection.enqueue(RunnerRequest.hello(version: 99).encoded())
            let isSent = connection.flush()
            #expect(isSent)
            // Lent to `fill`, which keeps nothing of it; freed after its last use.
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
            defer { buffer.deallocate() }
            var waiting = pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&waiting, 1, 20_000) == 1)
            let isOpen = connection.fill(buffer)
            let message = try connection.next()
            #expect(isOpen)
            guard case .welcome(runnerProtocolVersion, _, _) = try RunnerReply(try #require(message)) else {
                Issue.record("something else comes before the version")
                return
            }
            close(connection.descriptor)
            let last = try Worker(scratch)
            #expect(try await last.connected().map(\.id) == ["a"])
            last.client.close(endsProcesses: true)
        }

        /// One byte more than a message may have, and more messages than may wait to be taken.
        @Test func whoSendsOrLeavesTooMuchIsCutOffAlone() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            // What is held is told to each worker that comes: 70 MB.
            let ids = (0..<18).map { "a\($0)" }
            for id in ids {
                var request = worker.request("sleep 1001", id: id)
                request.context = String(repeating: "x", count: 3_900_000)
                worker.client.prepare(request)
                worker.client.release(id)
                _ = try await worker.started(id)
            }
            worker.vanish()
            for sends in [RunnerRequest.hello(version: runnerProtocolVersion).encoded(), [1, 0, 0x40, 0]] {
                let descriptor = try #require(try RunnerFiles(directory: scratch.path).connect())
                #expect(send(descriptor, sends, sends.count, Int32(MSG_NOSIGNAL)) == sends.count)
                // Nothing is read; that the other side has closed is told unasked.
                var waiting = pollfd(fd: descriptor, events: 0, revents: 0)
                #expect(poll(&waiting, 1, 20_000) == 1)
                close(descriptor)
            }
            let last = try Worker(scratch)
            #expect(try await last.connected().map(\.id) == ids.sorted())
            last.client.close(endsProcesses: true)
        }

        /// What cannot be understood is not connected to without a pause.
        @Test func aRunnerThatMakesNoSenseIsNotStormed() async throws {
            let scratch = try ScratchDirectory()
            let listener = try RunnerFiles(directory: scratch.path).listen()
            let worker = try Worker(scratch)
            let deadline = ContinuousClock.now + .seconds(1)
            var connections = 0
            while ContinuousClock.now < deadline {
                var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, 50) == 1 else { continue }
                let descriptor = accept(listener, nil, nil)
                connections += 1
                send(descriptor, [3, 0, 0, 0, 0, 99, 99] as [UInt8], 7, Int32(MSG_NOSIGNAL))
                close(descriptor)
            }
            #expect((2...15).contains(connections))
            worker.client.sever()
            close(listener)
            worker.client.close(endsProcesses: false)
        }

        /// It would take the worker's place, and could end all the others.
        @Test func whatRunsCannotSpeakToItsRunner() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            worker.client.prepare(worker.request("exit 7", id: "b"))
            let connect =
                "socket(S,1,1,0); connect(S,pack_sockaddr_un(q(runner.sock))) or die; sysread(S,$b,1)"
            worker.start("perl -MSocket -e '\(connect); print q(closed)'", id: "a")
            #expect(try await worker.ended("a").outcome == .exited(0))
            let reader = AttemptLogReader(directory: "\(scratch.path)/logs/a", attemptHasEnded: true)
            #expect(try reader.read(.stdout, offset: 0, limit: 4096).bytes == Array("closed".utf8))
            // Had the place been taken, what was prepared would be gone.
            worker.client.release("b")
            #expect(try await worker.ended("b").outcome == .exited(7))
            worker.client.close(endsProcesses: true)
        }

        @Test func onlyTheHolderOfTheDirectoryIsTheWorker() async throws {
            let scratch = try ScratchDirectory()
            let worker = try Worker(scratch)
            _ = try await worker.connected()
            let lock = "\(scratch.path)/lock"
            try Data("1\n".utf8).write(to: URL(fileURLWithPath: lock))
            let refused = try #require(try RunnerFiles(directory: scratch.path).connect())
            var waiting = pollfd(fd: refused, events: Int16(POLLIN), revents: 0)
            #expect(poll(&waiting, 1, 20_000) == 1)
            var byte: UInt8 = 0
            #expect(recv(refused, &byte, 1, 0) == 0)
            close(refused)
            // The worker is connected still.
            worker.start("exit 7", id: "a")
            #expect(try await worker.ended("a").outcome == .exited(7))
            worker.vanish()
            try Data("\(getpid())\n".utf8).write(to: URL(fileURLWithPath: lock))
            let second = try Worker(scratch)
            #expect(try await second.connected().map(\.id) == ["a"])
            second.client.close(endsProcesses: true)
        }

        /// The end of an attempt is all that tells of it; a worker may be away for long.
        @Test func whatEndedIsHeldHoweverLong() async throws {
            let scratch = try ScratchDirectory()
            let first = try Worker(scratch, runnerOptions: ["--idle", "1"])
            _ = try await first.connected()
            first.start("echo $PPID; exit 7", id: "a")
            _ = try await first.ended("a")
            let reader = AttemptLogReader(directory: "\(scratch.path)/logs/a", attemptHasEnded: true)
            let text = try reader.read(.stdout, offset: 0, limit: 4096).bytes
            let runner = try #require(numbers(String(decoding: text, as: UTF8.self)).first)
            first.vanish()
            let descriptor = try #require(pidDescriptor(runner))
            defer { close(descriptor) }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&waiting, 1, 2500) == 0)
            let second = try Worker(scratch)
            #expect(try await second.connected().map(\.id) == ["a"])
            second.client.acknowledge("a")
            // The next one is told nothing, so the acknowledgement has come.
            second.vanish()
            let third = try Worker(scratch)
            #expect(try await third.connected().isEmpty)
            third.vanish()
            #expect(poll(&waiting, 1, 20_000) == 1)
        }

        private func pidDescriptor(_ pid: pid_t) -> Int32? {
            let descriptor = skyfire_pidfd_open(pid)
            return descriptor >= 0 ? descriptor : nil
        }
    }
}
