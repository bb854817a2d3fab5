import CProcess
import Glibc
import Synchronization

/// How a runner is started.
package struct RunnerLaunch: Sendable {
    /// The executable and its arguments, the data directory among them.
    package var path: String
    package var arguments: [String]

    package init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }
}

/// What a worker hears of its runner.
package enum RunnerEvent: Sendable {
    /// Connected to a runner; this is all that it holds. Comes first, and again when the runner died and another one took
    /// its place: what is not in it is gone, and so are its processes.
    /// `runner` names its life. Nothing is started until the client is told to `allowStarts`.
    case connected(runner: String, [HeldProcess])
    case process(ProcessEvent)
    /// A runner that is of no use was killed, for this reason; what it ran ends with it, and another one takes its place.
    case killed(String)
    /// The runner cannot be reached or started, for this reason; it is tried on and on.
    case unreachable(String)
}

/// The worker's side of its runner: starts one where there is none, and speaks with it. One thread of its own.
///
/// All calls are messages: they return at once, and are without effect while there is no connection, except that what
/// is to be prepared then is refused.
///
/// A runner that says nothing is asked, and killed when it answers neither of two questions. Each has its time on a clock
/// that stands still with the machine, so what slept with its runner does not wake to kill it.
package final class RunnerClient: Sendable {
    private struct State {
        var connection: FrameConnection?
        var isWelcome = false
        /// Whether what the runner holds has been looked at, so that it may be asked for more.
        var isOpen = false
        var isClosing = false
        /// Whether the runner was told to end, and its end is waited for.
        var isEnding = false
        /// Whether this client has given up on the connection and the thread is to make another.
        var isBroken = false
    }

    /// What is not taken by a runner that stands still; more, and it is given up.
    private static let maximumPendingBytes = 64 << 20
    /// How long the end of a runner that was told to end is waited for.
    private static let endMilliseconds: Int32 = 15_000
    /// How many questions in a row a runner may leave without an answer.
    private static let maximumUnanswered = 2

    /// What happens, in order, until `close`. One reader. Bounded by the processes held: three events each.
    package let events: AsyncStream<RunnerEvent>
    private let continuation: AsyncStream<RunnerEvent>.Continuation
    private let files: RunnerFiles
    private let launch: RunnerLaunch
    private let beat: Duration
    private let wakeDescriptor: Int32
    private let state = Mutex(State())
    private let thread = Mutex<pthread_t?>(nil)

    /// `beat` is how long a runner may be silent before it is asked whether it is there, and how long it has for an answer.
    package init(
        directory: String,
        launch: RunnerLaunch,
        beat: Duration = .seconds(15)
    ) throws(ProcessError) {
        files = RunnerFiles(directory: directory)
        self.launch = launch
        self.beat = beat
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wakeDescriptor >= 0 else { throw ProcessError(errno: errno, "making an event descriptor") }
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    deinit { Glibc.close(wakeDescriptor) }

    /// Connects, or starts a runner and connects, and goes on doing so. Called once.
    package func begin() throws(ProcessError) {
        var handle = pthread_t()
        let failure = startThread(&handle) { [self] in work() }
        guard failure == 0 else { throw ProcessError(errno: failure, "starting the runner's thread") }
        thread.withLock { $0 = handle }
    }

    /// What the runner holds has been compared with what is known. Before that nothing is prepared or released on a new
    /// connection, else it would be missing in what was held.
    package func allowStarts() { state.withLock { $0.isOpen = $0.isWelcome } }

    package func prepare(_ request: ProcessRequest) {
        guard !send(.prepare(request), opened: true) else { return }
        continuation.yield(
            .process(
                .spawnFailed(
                    SpawnFailure(
                        id: request.id,
                        step: .resources,
                        errno: ENOTCONN,
                        message: "the runner is being started"
                    )
                )
            )
        )
    }

    package func release(_ id: String) { send(.release(id), opened: true) }
    package func discard(_ id: String) { send(.discard(id)) }
    package func stop(_ id: String, kills: Bool) { send(.stop(id, kills: kills)) }
    package func acknowledge(_ id: String) { send(.acknowledge(id)) }
    package func renew(_ lease: Lease) { send(.lease(lease)) }

    /// Breaks the connection without a word, as the death of this process would.
    func sever() {
        state.withLock { state in
            state.isClosing = true
            if let descriptor = state.connection?.descriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
            state.isBroken = true
        }
    }

    /// Lets go of the runner: it ends with all that it runs, or only when it holds nothing. Blocks until the thread has ended.
    package func close(endsProcesses: Bool) {
        let isTold = send(endsProcesses ? .shutdown : .retire)
        state.withLock { state in
            state.isClosing = true
            state.isEnding = endsProcesses && isTold
        }
        wake()
        let handle = thread.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let handle { pthread_join(handle, nil) }
        continuation.finish()
    }

    /// Returns false when there is no runner to take it.
    @discardableResult
    private func send(_ request: RunnerRequest, opened: Bool = false) -> Bool {
        let frame = request.encoded()
        let (isTaken, mustWake) = state.withLock { state in
            guard opened ? state.isOpen : state.isWelcome, !state.isBroken,
                var connection = state.connection.take()
            else {
                return (false, false)
            }
            defer { state.connection = connection }
            connection.enqueue(frame)
            let isOpen = connection.flush()
            if !isOpen || connection.pendingBytes > Self.maximumPendingBytes { state.isBroken = true }
            return (isOpen, state.isBroken || connection.pendingBytes > 0)
        }
        if mustWake { wake() }
        return isTaken
    }

    private func wake() {
        var one: UInt64 = 1
        // The only failure is a full counter, and then the thread wakes anyway.
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: The thread

    private func work() {
        // This thread's alone, and freed at its end.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var child: pid_t = 0
        var failures = 0
        func pause(after failure: String) {
            failures += 1
            if failures == 5 || failures % 600 == 0 { continuation.yield(.unreachable(failure)) }
            poll(nil, 0, Int32(min(20 * failures, 1000)))
        }
        while !state.withLock({ $0.isClosing }) {
            switch connect(&child) {
            case .success(let descriptor):
                state.withLock { state in
                    var connection = FrameConnection(descriptor)
                    connection.enqueue(RunnerRequest.hello(version: runnerProtocolVersion).encoded())
                    state.isBroken = !connection.flush()
                    state.connection = connection
                }
                serve(descriptor, buffer)
                let wasWelcome = state.withLock { state in
                    defer { (state.isWelcome, state.isOpen) = (false, false) }
                    state.connection = nil
                    return state.isWelcome
                }
                Glibc.close(descriptor)
                if wasWelcome { failures = 0 } else { pause(after: "it does not say what it holds") }
            case .failure(let error): pause(after: "\(error)")
            }
            reap(&child)
        }
        // One that was started by this process and has been told to end is waited for a little, so that it is not left a
        // zombie of a process that goes on.
        for _ in 0..<200 where child > 0 {
            reap(&child)
            if child > 0 { poll(nil, 0, 10) }
        }
    }

    /// Connects to the runner that there is, or to one that is started.
    private func connect(_ child: inout pid_t) -> Result<Int32, ProcessError> {
        do throws(ProcessError) {
            if let descriptor = try files.connect() { return .success(descriptor) }
            if child == 0 { child = try start() }
            // It sweeps before it listens, which may take some seconds where something withstands KILL.
            for wait in 0..<1500 {
                if let descriptor = try files.connect() { return .success(descriptor) }
                reap(&child)
                if child == 0 || state.withLock({ $0.isClosing }) { break }
                poll(nil, 0, wait < 100 ? 2 : 10)
            }
            let said = String(decoding: readSmallFile(files.log)?.suffix(300) ?? [], as: UTF8.self)
            throw ProcessError(.system, "the runner does not answer; it said: \(said)")
        } catch {
            return .failure(error)
        }
    }

    private func start() throws(ProcessError) -> pid_t {
        let log = open(files.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw ProcessError(errno: errno, "opening \(files.log)") }
        defer { Glibc.close(log) }
        var pid: pid_t = 0
        let failure = CStringBlock(launch.arguments).withPointers { arguments in
            // Nothing of this process's environment, which may hold secrets; tasks get one of their own.
            CStringBlock(["PATH=/usr/bin:/bin"]).withPointers { environment in
                skyfire_process_detach(launch.path, arguments, environment, log, &pid)
            }
        }
        guard failure == 0 else { throw ProcessError(errno: failure, "starting \(launch.path)") }
        return pid
    }

    private func reap(_ child: inout pid_t) {
        if child > 0, waitpid(child, nil, WNOHANG) != 0 { child = 0 }
    }

    /// Reads what the runner says until the connection ends.
    private func serve(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) {
        var held: [HeldProcess] = []
        var runner: String?
        var unanswered = 0
        var nextLook = SuspendingClock.now + beat
        while true {
            let (pending, isOver, isEnding) = state.withLock { state in
                (
                    state.connection?.pendingBytes ?? 0,
                    state.isBroken || (state.isClosing && !state.isEnding), state.isEnding
                )
            }
            if isOver { return }
            var waiting = [
                pollfd(fd: descriptor, events: Int16(pending > 0 ? POLLIN | POLLOUT : POLLIN), revents: 0),
                pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            let wait = (nextLook - SuspendingClock.now).boundedNanoseconds / 1_000_000 + 1
            // What withstands KILL is not waited for for ever.
            if poll(&waiting, 2, isEnding ? Self.endMilliseconds : Int32(clamping: max(wait, 0))) == 0,
                isEnding
            {
                return
            }
            if waiting[1].revents != 0 {
                var count: UInt64 = 0
                _ = read(wakeDescriptor, &count, 8)
            }
            let now = SuspendingClock.now
            if waiting[0].revents & Int16(POLLIN) != 0 {
                unanswered = 0
                nextLook = now + beat
            } else if now >= nextLook, !isEnding {
                guard unanswered < Self.maximumUnanswered else {
                    return killRunner(descriptor, "it has not answered for \(beat * (unanswered + 1))")
                }
                unanswered += 1
                nextLook = now + beat
                // Before its welcome the question is `hello`.
                send(.ping)
            }
            var messages: [ArraySlice<UInt8>] = []
            let isOpen = state.withLock { state -> Bool in
                guard var connection = state.connection.take() else { return false }
                defer { state.connection = connection }
                guard connection.flush() else { return false }
                let isOpen = waiting[0].revents == 0 || connection.fill(buffer)
                do throws(FrameError) {
                    while let message = try connection.next() { messages.append(message) }
                } catch {
                    return false
                }
                return isOpen
            }
            for message in messages {
                do throws(FrameError) {
                    switch try RunnerReply(message) {
                    case .welcome(runnerProtocolVersion, let pid, let startedAt):
                        runner = "\(pid)-\(startedAt)"
                    case .held(let each) where runner != nil: held.append(each)
                    case .heldAll:
                        guard let runner else { throw FrameError() }
                        state.withLock { $0.isWelcome = true }
                        continuation.yield(.connected(runner: runner, held))
                        held = []
                    case .event(let event): continuation.yield(.process(event))
                    case .pong: break
                    case .welcome, .held: throw FrameError()
                    }
                } catch {
                    // Such a one would never be of use again; its attempts end with it.
                    if runner == nil { killRunner(descriptor, "it speaks another version of the protocol") }
                    return
                }
            }
            if !isOpen { return }
        }
    }

    /// Kills a runner that is of no use: the kernel and its guard end what it runs.
    private func killRunner(_ descriptor: Int32, _ reason: String) {
        let pid = skyfire_socket_peer(descriptor)
        guard pid > 1, pid != getpid(), kill(pid, SIGKILL) == 0 else { return }
        continuation.yield(.killed("pid \(pid): \(reason)"))
    }
}
