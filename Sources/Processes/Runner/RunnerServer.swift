import CProcess
import Glibc

/// The runner: a small process beside each worker, whose children the attempts are.
///
/// It starts, watches, logs and kills processes as its worker asks over a Unix socket in the data directory, on one thread,
/// and knows neither ZooKeeper nor Redis. It outlives its worker: the worker's successor connects, is told of all
/// that is held, and goes on. It keeps the lease: what is leased is killed at its end whether the worker can
/// say so or not. When the runner itself dies, the kernel kills the main processes and its guard what else there is of them.
///
/// One runner a data directory, by a lock. It ends when it is told to, or when it has held nothing for an hour without a
/// worker, or when nothing runs and its socket was removed, so that no worker can come.
///
/// `@unchecked Sendable`: everything here is touched by the thread in `run()` alone; the supervisor's events come on it too.
package final class RunnerServer: @unchecked Sendable {
    private static let idleLookNanoseconds: Int64 = 60_000_000_000
    /// A worker that does not take its events is cut off; its successor is told all over again.
    private static let maximumPendingBytes = 64 << 20

    private let idleNanoseconds: Int64
    private let files: RunnerFiles
    private let lock: Int32
    private let listener: Int32
    // Touched by the thread in `run()` alone; freed in `deinit`.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private var supervisor: ProcessSupervisor?
    private var worker: FrameConnection?
    private var workerAttachment = 0
    /// Released processes, and those that ended and were not acknowledged.
    private var held: [String: HeldProcess] = [:]
    /// Contexts of prepared processes.
    private var prepared: [String: (context: String, stop: StopPolicy)] = [:]
    private var stopPolicies: [String: StopPolicy] = [:]
    /// Stops that came before the release of what they are for; true for KILL.
    private var earlyStops: [String: Bool] = [:]
    private let startedAt = bootNanoseconds()
    private var isEnding = false
    /// Since when nothing is held and nobody is connected.
    private var idleSince: Int64?

    /// Takes the lock, ends what a dead runner left, and listens.
    ///
    /// `guarding` is the command line that ends what is left should this process die; `idle` is how long it stays without a
    /// worker while it holds nothing. Throws `ProcessError`; code `closed` when another runner holds the directory.
    package init(
        directory: String,
        guarding: (path: String, arguments: [String]),
        idle: Duration
    ) throws(ProcessError) {
        idleNanoseconds = idle.boundedNanoseconds
        files = RunnerFiles(directory: directory)
        // A sweep of a dead runner's processes may hold it for some seconds.
        guard let lock = try files.takeLock(waitMilliseconds: 10_000) else {
            throw ProcessError(.closed, "another runner holds \(directory)")
        }
        self.lock = lock
        // Before anything else is open, so that the guard holds nothing.
        let failure = CStringBlock(guarding.arguments).withPointers { arguments in
            CStringBlock([]).withPointers { environment in
                skyfire_process_guard(guarding.path, arguments, environment)
            }
        }
        guard failure == 0 else { throw ProcessError(errno: failure, "starting the runner's guard") }
        // Each process takes three descriptors or more.
        skyfire_process_raise_descriptors()
        let journal = try ProcessJournal(directory: directory)
        _ = journal.sweep()
        listener = try files.listen()
        supervisor = try ProcessSupervisor(journal: journal) { [weak self] in self?.happened($0) }
    }

    deinit {
        close(listener)
        close(lock)
        buffer.deallocate()
    }

    /// Ends what a dead runner of this directory left, unless another one lives.
    package static func sweep(directory: String) throws(ProcessError) {
        // Makes nothing: the directory may be on its way out together with its runner.
        let files = RunnerFiles(directory: directory)
        guard access(files.lock, W_OK) == 0, let journal = ProcessJournal(existing: directory),
            let lock = try files.takeLock(waitMilliseconds: 0)
        else { return }
        defer { close(lock) }
        _ = journal.sweep()
    }

    /// Works on the calling thread until it is to end.
    package func run() throws(ProcessError) {
        guard let supervisor,
            supervisor.loop.attach(listener, events: EPOLLIN.rawValue, { [weak self] _ in self?.accept() })
                != nil
        else { throw ProcessError(errno: errno, "waiting for the worker") }
        noteIdle()
        supervisor.runOnThisThread()
        unlinkSocket()
    }

    private func unlinkSocket() {
        unlink("\(files.directory)/runner.sock")
    }

    // MARK: The worker

    private func accept() {
        let descriptor = skyfire_accept_own(listener)
        guard descriptor >= 0 else { return }
        guard mayBeWorker(skyfire_socket_peer(descriptor)) else {
            close(descriptor)
            return
        }
        // What the worker before asked for is done before its successor is answered.
        if worker != nil {
            readRequests()
            disconnect()
        }
        guard
            let attachment = supervisor?.loop.attach(
                descriptor,
                events: EPOLLIN.rawValue,
                { [weak self] events in self?.workerIsReady(events) }
            )
        else {
            close(descriptor)
            return
        }
        worker = FrameConnection(descriptor)
        workerAttachment = attachment
        noteIdle()
    }

    /// Whether a process may take the place of the worker: none of those that run here, which could end all the others, and
    /// where it is known who holds the data directory, only that one. A worker holds it before it connects.
    private func mayBeWorker(_ peer: pid_t) -> Bool {
        guard peer >= 0 else { return false }
        // Of another namespace of processes: none of those here, and it cannot be compared.
        if peer == 0 { return true }
        if let holder = files.dataHolder, holder != peer { return false }
        var ancestor = peer
        while ancestor > 1 {
            // Orphans among those that run here are children of this process. What has ended cannot be told.
            guard ancestor != getpid(), let status = ProcessTable.status(of: ancestor) else { return false }
            ancestor = status.parent
        }
        return true
    }

    private func workerIsReady(_ events: UInt32) {
        if events & EPOLLOUT.rawValue != 0 { flush() }
        if events & ~EPOLLOUT.rawValue != 0 { readRequests() }
    }

    private func readRequests() {
        guard let isOpen = worker?.fill(buffer) else { return }
        do throws(FrameError) {
            while let message = try worker?.next() { take(try RunnerRequest(message)) }
        } catch {
            // Not a worker of this version.
            disconnect()
            return
        }
        if !isOpen { disconnect() }
    }

    private func disconnect() {
        guard let connection = worker else { return }
        supervisor?.loop.detach(workerAttachment)
        close(connection.descriptor)
        worker = nil
        // What was not released has not been started as far as the store knows, so it never will be.
        for id in prepared.keys { supervisor?.discard(id) }
        prepared = [:]
        earlyStops = [:]
        noteIdle()
    }

    private func send(_ reply: RunnerReply) {
        guard worker != nil else { return }
        worker?.enqueue(reply.encoded())
        flush()
    }

    private func flush() {
        guard let isOpen = worker?.flush(), let pending = worker?.pendingBytes else { return }
        guard isOpen, pending <= Self.maximumPendingBytes else { return disconnect() }
        supervisor?.loop.change(
            workerAttachment,
            events: pending > 0 ? EPOLLIN.rawValue | EPOLLOUT.rawValue : EPOLLIN.rawValue
        )
    }

    // MARK: Requests

    private func take(_ request: RunnerRequest) {
        switch request {
        case .hello:
            // First, so that it is understood by workers that do not know how the rest is laid out.
            send(.welcome(version: runnerProtocolVersion, pid: getpid(), startedAt: startedAt))
            for each in held.values.sorted(by: { $0.id < $1.id }) { send(.held(each)) }
            send(.heldAll)
        case .prepare(let request): prepare(request)
        case .release(let id):
            guard let entry = prepared.removeValue(forKey: id) else { return }
            held[id] = HeldProcess(id: id, context: entry.context)
            stopPolicies[id] = entry.stop
            do throws(ProcessError) {
                try supervisor?.release(id)
            } catch {
                refuse(id, error)
            }
            if let kills = earlyStops.removeValue(forKey: id) { stop(id, kills: kills) }
        case .discard(let id):
            earlyStops[id] = nil
            if prepared.removeValue(forKey: id) != nil { supervisor?.discard(id) }
        case .stop(let id, let kills):
            if prepared[id] != nil {
                earlyStops[id] = kills || earlyStops[id] == true
            } else {
                stop(id, kills: kills)
            }
        case .acknowledge(let id):
            if held[id]?.end != nil { held[id] = nil }
            noteIdle()
        case .lease(let lease): supervisor?.renew(lease)
        case .ping: send(.pong)
        case .shutdown: end()
        case .retire:
            if held.isEmpty { end() }
        }
    }

    private func stop(_ id: String, kills: Bool) {
        if kills {
            supervisor?.kill(id)
        } else {
            supervisor?.terminate(id, policy: stopPolicies[id] ?? StopPolicy())
        }
    }

    private func prepare(_ request: ProcessRequest) {
        do throws(ProcessError) {
            // What ended and was not taken note of counts: it is memory like what runs.
            guard held[request.id] == nil else {
                throw ProcessError(.duplicateID, "\(request.id) is known already")
            }
            try supervisor?.prepare(request)
            prepared[request.id] = (request.context, request.stopPolicy)
        } catch {
            // What is held under this id already stays as it is.
            guard held[request.id] == nil else { return }
            held[request.id] = HeldProcess(id: request.id, context: request.context)
            refuse(request.id, error)
        }
    }

    private func refuse(_ id: String, _ error: ProcessError) {
        happened(
            .spawnFailed(
                SpawnFailure(
                    id: id,
                    step: error.isRetriable ? .resources : .request,
                    errno: error.systemError ?? 0,
                    message: error.message
                )
            )
        )
    }

    private func end() {
        guard !isEnding else { return }
        isEnding = true
        supervisor?.close()
    }

    // MARK: Events

    private func happened(_ event: ProcessEvent) {
        switch event {
        case .started(let start): held[event.id]?.startedAtMilliseconds = start.startedAtMilliseconds
        case .spawnFailed, .ended:
            held[event.id]?.end = event
            stopPolicies[event.id] = nil
        case .lingering: break
        }
        send(.event(event))
        noteIdle()
    }

    /// Looks, while nothing runs and nobody is connected, whether that is to stay so. What ended is held for a worker however
    /// late it comes.
    private func noteIdle() {
        guard let loop = supervisor?.loop else { return }
        guard worker == nil, held.values.allSatisfy({ $0.end != nil }) else {
            idleSince = nil
            return loop.clearTimer()
        }
        let now = bootNanoseconds()
        idleSince = held.isEmpty ? idleSince ?? now : nil
        let isOver = idleSince.map { now - $0 >= idleNanoseconds } ?? false
        if isOver || !files.hasSocket { return end() }
        let look = now + min(Self.idleLookNanoseconds, idleNanoseconds)
        loop.setTimer(look) { [weak self] in self?.noteIdle() }
    }
}
