import Glibc
import Logging
import Node
import Scheduling
import Testing

@testable import Processes

/// A directory that is removed with all in it.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/skyfire-node-XXXXXX".utf8CString)
        // The template ends with a zero; `mkdtemp` writes within it.
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        // The template ends with a zero; the text is a copy.
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { DataDirectory.removeTree(path) }
}

@Suite(.timeLimit(.minutes(1))) struct RunnerHostTests {
    /// The runner's side of a connection, which says what a test wants.
    private final class Runner {
        private let listener: Int32
        private var connections: [Int32] = []

        init(_ directory: String) throws {
            listener = try RunnerFiles(directory: directory).listen()
        }

        deinit { for descriptor in connections + [listener] { close(descriptor) } }

        /// Takes the next connection as one that holds nothing.
        func welcome(startedAt: Int64) async throws -> Int32 {
            var descriptor: Int32 = -1
            while descriptor < 0 {
                descriptor = accept(listener, nil, nil)
                // The interval of looking at a socket that never blocks; the suite's time limit bounds it.
                if descriptor < 0 { try await Task.sleep(for: .milliseconds(2)) }
            }
            connections.append(descriptor)
            var connection = FrameConnection(descriptor)
            connection.enqueue(
                RunnerReply.welcome(version: runnerProtocolVersion, pid: 7, startedAt: startedAt).encoded()
            )
            connection.enqueue(RunnerReply.heldAll.encoded())
            let isSent = connection.flush()
            #expect(isSent)
            return descriptor
        }
    }

    private func host(_ scratch: ScratchDirectory) throws -> RunnerHost {
        try RunnerHost(
            directory: try DataDirectory(path: scratch.path),
            launch: RunnerLaunch(path: "/bin/false", arguments: ["false"]),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func assignment(_ action: Assignment.Action) -> Assignment {
        Assignment(
            action: action,
            environment: [:],
            workingDirectory: nil,
            partitionCount: 1,
            partitionValue: "",
            isPartitioned: false,
            timeoutMilliseconds: nil,
            killSignal: "TERM",
            killGraceMilliseconds: 0,
            outputs: nil,
            traceID: "0"
        )
    }

    private static let stamp = AssignmentStamp(token: 1, assignedAt: WallTime(milliseconds: 1))

    /// What the same runner does not hold never ran, although its release was sent. Of one that died nobody knows.
    @Test(arguments: [true, false]) func aLostReleaseIsNoLoss(isSameRunner: Bool) async throws {
        let scratch = try ScratchDirectory()
        let runner = try Runner(scratch.path)
        let host = try host(scratch)
        let (released, prepared) = (try Bench.attempt("released"), try Bench.attempt("prepared"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await host.run() }
            let first = try await runner.welcome(startedAt: 1)
            #expect(try await host.claim().isEmpty)
            for each in [released, prepared] {
                host.prepare(
                    each,
                    assignment(.command(argv: ["/bin/true"])),
                    Self.stamp,
                    worker: WorkerID(number: 1)
                )
            }
            host.release(released)
            shutdown(first, Int32(SHUT_RDWR))
            _ = try await runner.welcome(startedAt: isSameRunner ? 1 : 2)
            var outcomes: [AttemptID: AttemptOutcome] = [:]
            for await event in host.events {
                if case .ended(let id, let end) = event { outcomes[id] = end.outcome }
                if outcomes.count == 2 { break }
            }
            #expect(outcomes == [released: isSameRunner ? .refused : .lost, prepared: .refused])
            await host.close(endsAttempts: false)
            try await group.waitForAll()
        }
    }

    /// A full disk holds no task up; that its output is not whole must not go unsaid.
    @Test func outputThatADiskRefusedIsSaid() async throws {
        let scratch = try ScratchDirectory()
        let runner = try Runner(scratch.path)
        let host = try host(scratch)
        let id = try Bench.attempt("t")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await host.run() }
            var connection = FrameConnection(try await runner.welcome(startedAt: 1))
            #expect(try await host.claim().isEmpty)
            let task = assignment(.command(argv: ["/bin/true"]))
            host.prepare(id, task, Self.stamp, worker: WorkerID(number: 1))
            host.release(id)
            let exit = ProcessExit(
                id: id.znodeName,
                pid: 7,
                outcome: .exited(0),
                hasTimedOut: false,
                wasStopped: false,
                hasLostLease: false,
                startedAtMilliseconds: 1,
                endedAtMilliseconds: 2,
                duration: .milliseconds(1),
                cpuTime: .zero,
                maxResidentBytes: 0,
                stdout: LogStreamSummary(totalBytes: 100, droppedBytes: 60, diskError: ENOSPC),
                stderr: LogStreamSummary(totalBytes: 50, droppedBytes: 9)
            )
            connection.enqueue(RunnerReply.event(.ended(exit)).encoded())
            let isSent = connection.flush()
            #expect(isSent)
            let end = await end(of: id, host)
            #expect(end?.outcome == .succeeded)
            #expect(end?.reason == "60 bytes of its output could not be kept: No space left on device")
            await host.close(endsAttempts: false)
            try await group.waitForAll()
        }
    }

    /// A server whose answer has begun and goes on until nobody listens.
    private final class DrippingServer {
        let url: String
        /// The request has come.
        let began: AsyncStream<Void>
        private let listener: Int32
        private var thread = pthread_t()

        init() throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            try #require(listener >= 0)
            self.listener = listener
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            // The structure seen as its general form, for the calls alone.
            let isBound = withUnsafeMutableBytes(of: &address) { bytes in
                let general = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
                return bind(listener, general, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, general, &length) == 0
            }
            url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/"
            try #require(isBound)
            let (began, continuation) = AsyncStream<Void>.makeStream()
            self.began = began
            let failure = startThread(&thread) {
                let descriptor = accept(listener, nil, nil)
                var request = [UInt8](repeating: 0, count: 4096)
                recv(descriptor, &request, request.count, 0)
                continuation.finish()
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                var isOpen = send(descriptor, head, head.utf8.count, Int32(MSG_NOSIGNAL)) > 0
                while isOpen {
                    isOpen = send(descriptor, "1\r\nx\r\n", 6, Int32(MSG_NOSIGNAL)) > 0
                    poll(nil, 0, 20)
                }
                close(descriptor)
            }
            try #require(failure == 0)
        }

        /// Returns when the one call is over.
        func join() {
            pthread_join(thread, nil)
            close(listener)
        }
    }

    private func call(_ server: DrippingServer, timeoutMilliseconds: Int64) -> Assignment {
        assignment(
            .http(
                Assignment.HTTPAction(
                    method: "GET",
                    url: server.url,
                    headers: [:],
                    body: nil,
                    expect: nil,
                    timeoutMilliseconds: timeoutMilliseconds
                )
            )
        )
    }

    /// How the attempt ends next.
    private func end(of id: AttemptID, _ host: RunnerHost) async -> AttemptEnd? {
        for await event in host.events {
            if case .ended(id, let end) = event { return end }
        }
        return nil
    }

    /// The limit is for the whole answer: one that has begun may go on for ever.
    @Test func aDrippingAnswerTimesOut() async throws {
        let server = try DrippingServer()
        let scratch = try ScratchDirectory()
        let host = try host(scratch)
        let id = try Bench.attempt("call")
        host.prepare(id, call(server, timeoutMilliseconds: 300), Self.stamp, worker: WorkerID(number: 1))
        host.release(id)
        let end = await end(of: id, host)
        #expect(end?.outcome == .timedOut)
        #expect(end?.reason?.hasSuffix("no whole answer within 300 ms") == true)
        server.join()
    }

    /// Its node gives the session up: the store will not wait for the end that the call has seen.
    @Test func anExclusiveCallEndsWithALeaseThatIsShortened() async throws {
        let server = try DrippingServer()
        let scratch = try ScratchDirectory()
        let host = try host(scratch)
        let id = try Bench.attempt("call")
        var assignment = call(server, timeoutMilliseconds: 600_000)
        assignment.isExclusive = true
        host.renewLease(until: ContinuousClock.now + .seconds(600), warning: .zero)
        host.prepare(id, assignment, Self.stamp, worker: WorkerID(number: 1))
        host.release(id)
        for await _ in server.began {}
        host.renewLease(until: ContinuousClock.now, warning: .zero)
        let end = await end(of: id, host)
        #expect(end?.outcome == .lost)
        server.join()
    }
}
