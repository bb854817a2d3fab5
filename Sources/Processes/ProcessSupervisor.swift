import CProcess
import Glibc
import Synchronization

/// Starts processes, collects their output, watches them and ends them: all on one thread of its own.
///
/// The boundary of an attempt is the session its main process begins, and the descendants of this process that
/// carry the request's `boundaryVariable`. When the main process ends, by itself or not, what is left of the boundary
/// is killed, and the end is reported only when nothing of it is left; so background children do not outlive
/// their attempt. Where control groups (version 2) can be made the attempt has one of its own, which nothing
/// leaves; elsewhere what leaves the session by `setsid` **and** drops the variable escapes. Output still in the pipes at the end is taken, then they are closed, whoever may
/// hold their other side.
///
/// Main processes are killed by the kernel when the supervisor's thread ends (`PR_SET_PDEATHSIG`). A process whose
/// request says `isLeased` gets its stop signal, and KILL, before a ``Lease`` ends that was not renewed.
///
/// This process becomes the parent of orphaned descendants (`PR_SET_CHILD_SUBREAPER`) and reaps them: at
/// once where they belong to an attempt, else after they have been unreaped for 10 seconds. `SIGCHLD` must
/// not be ignored.
package final class ProcessSupervisor: Sendable {
    /// The thread's work; what else is to happen on that thread is attached to it.
    let loop: ProcessLoop
    private let thread = Mutex<pthread_t?>(nil)
    private let limits: LogLimits
    private let journal: ProcessJournal
    private let maximumProcesses: Int

    /// Makes a supervisor; `begin` or `runOnThisThread` sets it to work.
    ///
    /// The journal is where live processes are noted: it must have been swept, and no other supervisor may use it.
    /// `maximumProcesses` bounds how many may be known at once, prepared or live; each holds 5 descriptors, once
    /// started 3. `logLimits` say how much of each stream is kept. `onEvent` is called on the supervisor's thread, in
    /// order, three times per process at most, and must not block. Without `usesControlGroups` boundaries are sessions and
    /// marks alone, as they are where no groups can be made.
    package init(
        journal: ProcessJournal,
        maximumProcesses: Int = 4096,
        logLimits: LogLimits = LogLimits(),
        usesControlGroups: Bool = true,
        onEvent: @escaping @Sendable (ProcessEvent) -> Void,
    ) throws(ProcessError) {
        self.journal = journal
        self.limits = logLimits
        self.maximumProcesses = maximumProcesses
        self.loop = try ProcessLoop(
            journal: journal,
            usesControlGroups: usesControlGroups,
            onEvent: onEvent
        )
    }

    /// Makes a supervisor whose events are a stream, which ends when the supervisor has closed.
    ///
    /// The stream holds what has not been read: three events per process at most, and a process that nobody
    /// read the end of is known no more, so the reader must keep up with what it starts.
    package static func streaming(
        journal: ProcessJournal,
        maximumProcesses: Int = 4096,
        logLimits: LogLimits = LogLimits(),
    ) throws(ProcessError) -> (supervisor: ProcessSupervisor, events: AsyncStream<ProcessEvent>) {
        let (events, continuation) = AsyncStream<ProcessEvent>.makeStream(bufferingPolicy: .unbounded)
        let supervisor = try ProcessSupervisor(
            journal: journal,
            maximumProcesses: maximumProcesses,
            logLimits: logLimits,
            onEvent: { continuation.yield($0) }
        )
        supervisor.loop.onClose { continuation.finish() }
        return (supervisor, events)
    }

    /// Starts the supervisor's thread. Called once.
    package func begin() throws(ProcessError) {
        var handle = pthread_t()
        let failure = startThread(&handle) { [loop] in loop.run() }
        guard failure == 0 else { throw ProcessError(errno: failure, "starting the supervisor's thread") }
        thread.withLock { $0 = handle }
    }

    /// Works on the calling thread until the supervisor is closed; instead of `begin`.
    package func runOnThisThread() {
        loop.run()
    }

    /// Does everything of a start that can be done before it: opens pipes, finds the program, notes the
    /// intent.
    ///
    /// Nothing runs before `release`. Called on any thread; does some short file operations. Throws
    /// `tooManyProcesses` at the bound.
    package func prepare(_ request: ProcessRequest) throws(ProcessError) {
        let refusal: ProcessError? = loop.inbox.withLock { inbox in
            if inbox.isClosing { return ProcessError(.closed, "the supervisor is closing") }
            if inbox.logs[request.id] != nil || inbox.preparing.contains(request.id) {
                return ProcessError(.duplicateID, "\(request.id) is known already")
            }
            if inbox.knownCount >= maximumProcesses {
                return ProcessError(.tooManyProcesses, "\(maximumProcesses) processes are known already")
            }
            inbox.preparing.insert(request.id)
            return nil
        }
        if let refusal { throw refusal }
        let prepared: PreparedProcess
        let controlGroup = loop.makeControlGroup()
        do {
            prepared = try PreparedProcess(
                request,
                limits: limits,
                journal: journal,
                controlGroup: controlGroup
            )
        } catch {
            if let controlGroup {
                Glibc.close(controlGroup.entry)
                ControlGroup.remove(controlGroup.path)
            }
            loop.inbox.withLock { _ = $0.preparing.remove(request.id) }
            throw error
        }
        let isClosing = loop.inbox.withLock { inbox in
            inbox.preparing.remove(request.id)
            guard !inbox.isClosing else { return true }
            inbox.logs[request.id] = prepared.log
            inbox.prepared[request.id] = prepared
            return false
        }
        if isClosing {
            prepared.discard(journal)
            throw ProcessError(.closed, "the supervisor is closing")
        }
    }

    /// Starts a prepared process; what becomes of it is told by events.
    package func release(_ id: String) throws(ProcessError) {
        let isKnown = loop.inbox.withLock { inbox in
            guard let prepared = inbox.prepared.removeValue(forKey: id) else { return false }
            inbox.releases.append(prepared)
            return true
        }
        guard isKnown else { throw ProcessError(.unknownID, "\(id) is not prepared") }
        loop.wake()
    }

    /// Forgets a prepared process that was not released; `false` when there is none.
    @discardableResult
    package func discard(_ id: String) -> Bool {
        let prepared = loop.inbox.withLock { inbox in inbox.prepared.removeValue(forKey: id) }
        guard let prepared else { return false }
        prepared.discard(journal)
        loop.inbox.withLock { _ = $0.logs.removeValue(forKey: id) }
        return true
    }

    /// Prepares and releases.
    package func start(_ request: ProcessRequest) throws(ProcessError) {
        try prepare(request)
        try release(request.id)
    }

    /// Asks a released process to end: a signal to its group now, KILL to its boundary after the grace.
    ///
    /// A later call can only make it stricter. Returns `false`, and does nothing, when the process has ended
    /// or was never released.
    @discardableResult
    package func terminate(_ id: String, policy: StopPolicy = StopPolicy()) -> Bool {
        let isKnown = loop.inbox.withLock { inbox in
            guard inbox.logs[id] != nil, inbox.prepared[id] == nil else { return false }
            let stop = ProcessInbox.Stop(policy: policy)
            inbox.stops[id] = inbox.stops[id]?.merged(with: stop) ?? stop
            return true
        }
        if isKnown { loop.wake() }
        return isKnown
    }

    /// Kills the whole boundary of a released process at once. Returns as `terminate` does.
    @discardableResult
    package func kill(_ id: String) -> Bool {
        terminate(id, policy: StopPolicy(signal: SIGKILL, grace: .zero))
    }

    /// Lets leased processes live until then, and processes be released. Before the first lease nothing is bound to any.
    ///
    /// A later end only counts for what was not told to end before. Called on any thread.
    package func renew(_ lease: Lease) {
        loop.inbox.withLock { $0.lease = lease }
        loop.wake()
    }

    /// The ids of the processes prepared or alive.
    package var knownIDs: [String] {
        loop.inbox.withLock { Array($0.logs.keys) }
    }

    /// Kills every process, waits until all ends are reported, and ends the thread.
    ///
    /// Blocks for some milliseconds, longer if a process withstands KILL; not to be called on the
    /// cooperative pool or on the supervisor's thread. No further call has an effect.
    package func close() {
        let discarded = loop.inbox.withLock { inbox in
            inbox.isClosing = true
            defer { inbox.prepared.removeAll() }
            return Array(inbox.prepared.values)
        }
        for prepared in discarded {
            prepared.discard(journal)
            loop.inbox.withLock { _ = $0.logs.removeValue(forKey: prepared.request.id) }
        }
        loop.wake()
        let handle = thread.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let handle { pthread_join(handle, nil) }
    }
}

/// Starts a thread with every signal blocked, so that the process's handlers run elsewhere.
func startThread(_ handle: inout pthread_t, _ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    // Retained for the thread, and released by it; or below, where there is none.
    let context = Unmanaged.passRetained(Body(body))
    let failure = pthread_create(
        &handle,
        nil,
        { context in
            // The retain of `passRetained` above is taken over here, once.
            Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
            return nil
        },
        context.toOpaque()
    )
    if failure != 0 { context.release() }
    return failure
}
