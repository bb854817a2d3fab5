import Glibc
import Synchronization
import Testing

@testable import Processes

extension ProcessesTests {
    /// What a process gets, and what is told of its end.
    struct ProcessSupervisorTests {
        @Test func codesAndSignalsAreToldApart() async throws {
            let shop = try Workshop()
            let exit = try await shop.run("exit 137")
            #expect(exit.outcome == .exited(137))
            #expect(!exit.wasStopped && !exit.hasTimedOut)
            #expect(exit.endedAtMilliseconds >= exit.startedAtMilliseconds)
            #expect(exit.maxResidentBytes > 100_000)
            #expect(try await shop.run("kill -SEGV $$").outcome == .signaled(SIGSEGV))
            #expect(try await shop.run("true").outcome == .exited(0))
            #expect(shop.supervisor.knownIDs.isEmpty)
        }

        @Test func environmentIsExactlyAsGivenAndSorted() async throws {
            let shop = try Workshop()
            var request = shop.request("")
            request.arguments = ["/usr/bin/env", "-0"]
            request.environment = ["ZED": "a b", "ALPHA": "line\nbreak=x", "EMPTY": "", "中": "文"]
            _ = try await shop.run(request)
            #expect(try shop.text() == "ALPHA=line\nbreak=x\0EMPTY=\0ZED=a b\0中=文\0")
        }

        @Test func nothingIsInheritedButThreeDescriptors() async throws {
            // A socket as the C libraries open it: not closed on exec.
            let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            let shop = try Workshop()
            _ = try await shop.run("ls /proc/$$/fd; readlink /proc/$$/fd/0; exit 0")
            #expect(try shop.text() == "0\n1\n2\n/dev/null\n")
        }

        @Test func signalsAreAtTheirDefaults() async throws {
            signal(SIGPIPE, SIG_IGN)
            signal(SIGUSR2, SIG_IGN)
            defer {
                signal(SIGPIPE, SIG_DFL)
                signal(SIGUSR2, SIG_DFL)
            }
            let shop = try Workshop()
            var request = shop.request("")
            request.arguments = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
            _ = try await shop.run(request)
            let zero = "0000000000000000"
            // The C library's own two signals, 32 and 33, it leaves ignored where it had handlers for them
            // itself.
            let text = try shop.text().replacing("0000000180000000", with: zero)
            #expect(text == "SigBlk:\t\(zero)\nSigIgn:\t\(zero)\n")
        }

        @Test func theProcessLeadsItsOwnSessionInItsDirectory() async throws {
            let shop = try Workshop()
            var request = shop.request(
                "read -r pid name state parent group session rest </proc/$$/stat; "
                    + "echo $$ $group $session; pwd"
            )
            request.workingDirectory = shop.scratch.path
            let exit = try await shop.run(request)
            #expect(try shop.text() == "\(exit.pid) \(exit.pid) \(exit.pid)\n\(shop.scratch.path)\n")
        }

        @Test func streamsAreApartAndBytesExact() async throws {
            let shop = try Workshop()
            let copy = shop.scratch.path + "/copy"
            let exit = try await shop.run(
                "head -c 300001 /dev/urandom | tee \(copy); printf 'a\\000\\377b' >&2; printf end"
            )
            let original = try #require(readSmallFile(copy, limit: 1_000_000))
            #expect(try shop.output() == original + Array("end".utf8))
            #expect(try shop.output(.stderr) == [97, 0, 255, 98])
            #expect(exit.stdout == LogStreamSummary(totalBytes: 300_004))
            #expect(exit.stderr.totalBytes == 4)
        }

        @Test func silentProcessesLeaveNoFiles() async throws {
            let shop = try Workshop()
            _ = try await shop.run("true")
            #expect(access(shop.scratch.path + "/logs", F_OK) != 0)
            #expect(try shop.output().isEmpty)
        }

        @Test(arguments: [
            (["/no/such/program"], "/tmp", SpawnFailure.Step.program, ENOENT),
            (["nosuchprogram"], "/tmp", .program, ENOENT),
            (["/etc/passwd"], "/tmp", .program, EACCES),
            (["/bin/true"], "/no/such/directory", .workingDirectory, ENOENT),
            (["/bin/true"], "/etc/passwd", .workingDirectory, EACCES),
        ])
        func failedStartsAreReported(_ c: ([String], String, SpawnFailure.Step, Int32)) async throws {
            let shop = try Workshop()
            var request = shop.request("")
            (request.arguments, request.workingDirectory) = (c.0, c.1)
            let failure = await #expect(throws: SpawnFailure.self) { try await shop.run(request) }
            #expect(failure?.step == c.2)
            if c.1 != "/etc/passwd" { #expect(failure?.errno == c.3) }
            #expect(failure?.message.contains(c.2 == .program ? c.0[0] : c.1) == true)
            #expect(shop.supervisor.knownIDs.isEmpty)
            #expect(shop.journal.sweep().isEmpty)
        }

        @Test func scriptsWithoutAnInterpreterAreExplained() async throws {
            let shop = try Workshop()
            let script = shop.scratch.path + "/script"
            for (content, words) in [("#!/no/such/sh\n", "interpreter"), ("echo\n", "#! line")] {
                let descriptor = open(script, O_CREAT | O_WRONLY | O_TRUNC, 0o755)
                // The bytes outlive the call, which keeps no pointer.
                _ = Array(content.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                close(descriptor)
                var request = shop.request("")
                request.arguments = [script]
                let failure = await #expect(throws: SpawnFailure.self) { try await shop.run(request) }
                #expect(failure?.message.contains(words) == true)
            }
        }

        @Test func nothingRunsBeforeTheRelease() async throws {
            let shop = try Workshop(maximumProcesses: 2)
            let flag = shop.scratch.path + "/flag"
            let request = shop.request("echo x > \(flag)")
            let before = try openDescriptors()
            try shop.supervisor.prepare(request)
            #expect(throws: ProcessError.self) { try shop.supervisor.prepare(request) }
            #expect(!shop.supervisor.kill(request.id), "a prepared process is discarded, not killed")
            #expect(shop.supervisor.discard(request.id))
            #expect(!shop.supervisor.discard(request.id))
            #expect(throws: ProcessError.self) { try shop.supervisor.release(request.id) }
            #expect(try openDescriptors() == before)
            #expect(access(flag, F_OK) != 0)

            try shop.supervisor.prepare(shop.request("true", id: "a"))
            try shop.supervisor.prepare(shop.request("true", id: "b"))
            let full = #expect(throws: ProcessError.self) { try shop.supervisor.prepare(request) }
            #expect(full?.code == .tooManyProcesses)
            shop.supervisor.discard("a")
            _ = try await shop.run(request)
            #expect(access(flag, F_OK) == 0)
        }

        @Test func whatCannotBeWatchedIsEndedAlone() async throws {
            let shop = try Workshop()
            let other = shop.events(of: "other")
            try shop.supervisor.start(shop.request("sleep 1001", id: "other"))
            let request = shop.request("exec sleep 1001")
            let events = shop.events(of: request.id)
            try shop.supervisor.prepare(request)
            // A directory in the place of the pipe: epoll refuses it.
            let prepared = shop.supervisor.loop.inbox.withLock { $0.prepared[request.id] }
            let directory = open("/", O_RDONLY | O_CLOEXEC)
            #expect(try dup2(directory, #require(prepared).stdout.readEnd) >= 0)
            close(directory)
            let journalled = "\(shop.scratch.path)/node/live/run%2Ftask[0]%2F1"
            #expect(access(journalled, F_OK) == 0)
            try shop.supervisor.release(request.id)
            var told: [SpawnFailure] = []
            for await event in events {
                if case .spawnFailed(let failure) = event {
                    told.append(failure)
                } else {
                    Issue.record("\(event)")
                }
            }
            #expect(told.map(\.step) == [.resources] && told.first?.errno == EPERM)
            #expect(access(journalled, F_OK) != 0)
            #expect(shop.supervisor.knownIDs == ["other"])
            #expect(ProcessTable.all().filter { $0.parent == getpid() && $0.isDead }.isEmpty)
            shop.supervisor.kill("other")
            var last: ProcessEvent?
            for await event in other { last = event }
            guard case .ended(let exit) = last else { throw CancellationError() }
            #expect(exit.outcome == .signaled(SIGKILL))
        }

        @Test func requestsThatCannotBeAreRefused() throws {
            let shop = try Workshop()
            var bad = [ProcessRequest](repeating: shop.request("true"), count: 5)
            bad[0].arguments = []
            bad[1].environment["A=B"] = "x"
            bad[2].environment["A"] = "x\0y"
            bad[3].id = ""
            bad[4].stopPolicy.signal = 99
            for request in bad {
                let error = #expect(throws: ProcessError.self) { try shop.supervisor.prepare(request) }
                #expect(error?.code == .invalidRequest)
            }
        }

        @Test func twoThousandProcessesEndExactlyOnceAndLeaveNothing() async throws {
            let before = try openDescriptors()
            let total = 2000
            do {
                let scratch = try ScratchDirectory()
                let journal = try ProcessJournal(directory: scratch.path)
                let (supervisor, events) = try ProcessSupervisor.streaming(journal: journal)
                try supervisor.begin()
                func start(_ number: Int) throws {
                    try supervisor.start(
                        ProcessRequest(
                            id: "run/t[\(number)]/1",
                            arguments: ["/bin/sh", "-c", "echo $N; exit $((N % 7))"],
                            environment: ["N": "\(number)"],
                            workingDirectory: "/",
                            logDirectory: "\(scratch.path)/logs/\(number)"
                        )
                    )
                }
                for number in 0..<50 { try start(number) }
                var next = 50
                var ends: [String: Int32] = [:]
                var starts: Set<String> = []
                for await event in events {
                    switch event {
                    case .started(let start): #expect(starts.insert(start.id).inserted)
                    case .ended(let exit):
                        guard case .exited(let code) = exit.outcome else { break }
                        #expect(ends.updateValue(code, forKey: exit.id) == nil)
                        if next < total { try start(next) }
                        next += 1
                    case .spawnFailed(let failure): Issue.record(failure)
                    case .lingering: Issue.record("a quick process lingers")
                    }
                    if ends.count == total { break }
                }
                #expect(starts.count == total)
                for number in 0..<total { #expect(ends["run/t[\(number)]/1"] == Int32(number % 7)) }
                for number in [0, 999, 1999] {
                    let reader = AttemptLogReader(directory: "\(scratch.path)/logs/\(number)")
                    let slice = try reader.read(.stdout, offset: 0, limit: 100)
                    #expect(slice.isComplete && slice.bytes == Array("\(number)\n".utf8))
                }
                supervisor.close()
                #expect(journal.sweep().isEmpty)
            }
            #expect(try openDescriptors() == before)
            // Neither a running nor a dead child is left.
            let children = ProcessTable.all().filter { $0.parent == getpid() }
            #expect(children == [])
        }
    }
}
