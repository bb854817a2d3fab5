import CProcess
import Glibc
import Synchronization

/// The supervisor's one thread: waits for pidfds, pipes, callers and deadlines, and does what is due.
///
/// `@unchecked Sendable`: everything but `inbox`, `wakeDescriptor` and `closeHandler` is touched by the
/// thread in `run()` only, and that runs once. `wakeDescriptor` is written to by any thread, which eventfd
/// allows; it is closed with the last reference, so no caller can meet a number given to something else.
final class ProcessLoop: @unchecked Sendable {
    /// What an epoll event is about; in the event's data beside the slot.
    private enum Source: UInt64 {
        case process = 0
        case stdout = 1
        case stderr = 2
        case wake = 3
        case attached = 4

        static let bits: UInt64 = 3
    }

    /// Another descriptor that the loop waits for.
    private struct Attachment {
        let descriptor: Int32
        /// What happens when it is ready; given epoll's event bits.
        let handler: (UInt32) -> Void
    }

    private static let eventsPerTurn = 128
    private static let startsPerTurn = 8
    static let bufferSize = 65_536

    let inbox = Mutex(ProcessInbox())
    let journal: ProcessJournal
    let onEvent: @Sendable (ProcessEvent) -> Void
    private let closeHandler = Mutex<(@Sendable () -> Void)?>(nil)
    private let wakeDescriptor: Int32
    private let pollDescriptor: Int32

    private(set) var live: [LiveProcess?] = []
    private var freeSlots: [Int] = []
    private var releasedSlots: [Int] = []
    private var slots: [String: Int] = [:]
    private var nextSerial: UInt64 = 0
    private var backlog: [PreparedProcess] = []
    private var stopsBeforeStart: [String: ProcessInbox.Stop] = [:]
    private var isClosing = false
    var deadlines = DeadlineQueue()
    /// The main processes of all that is live.
    private(set) var mains: Set<pid_t> = []
    /// Slots that were killed, or whose main process has ended, and whose boundary has not been looked at since.
    var unlooked: Set<Int> = []
    /// Slots whose boundary was not empty when it was looked at, or not for certain.
    var unsettled: Set<Int> = []
    /// When the boundaries of these are looked at again.
    var nextLookNanoseconds: Int64 = 0
    var search: BoundarySearch
    /// For what is found after a walk over `/proc`; it has no memory of the walk before.
    var chaseSearch: BoundarySearch
    let orphans: AdoptedOrphans
    /// When adopted zombies that belong to no attempt were first seen, by pid.
    var strayZombies: [pid_t: (session: pid_t, sinceNanoseconds: Int64)] = [:]
    /// Start times of processes of a boundary we have killed, by pid; as orphans they are ours to reap.
    var condemned: [pid_t: UInt64] = [:]
    var nextOrphanLook: Int64 = 0
    let controlGroups: ControlGroups?
    private let groupSerial = Atomic<UInt64>(0)
    private var lease: Lease?
    private var leasedCount = 0
    private var attachments: [Int: Attachment] = [:]
    private var nextAttachment = 0
    /// Work of an owner of this loop, done on its thread when this moment has come.
    private var timer: (dueNanoseconds: Int64, fire: () -> Void)?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)

    init(
        journal: ProcessJournal,
        usesControlGroups: Bool,
        onEvent: @escaping @Sendable (ProcessEvent) -> Void
    ) throws(ProcessError) {
        self.journal = journal
        self.onEvent = onEvent
        pollDescriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        orphans = AdoptedOrphans()
        search = BoundarySearch(subreaper: orphans.subreaper)
        chaseSearch = BoundarySearch(subreaper: orphans.subreaper)
        controlGroups = usesControlGroups ? ControlGroups() : nil
        guard pollDescriptor >= 0, wakeDescriptor >= 0, watch(wakeDescriptor, .wake, slot: 0) else {
            throw ProcessError(errno: errno, "making the supervisor's descriptors")
        }
    }

    deinit {
        if pollDescriptor >= 0 { close(pollDescriptor) }
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
        orphans.close()
        controlGroups?.remove()
        buffer.deallocate()
    }

    /// Makes the loop look into its inbox. Called on any thread.
    func wake() {
        var one: UInt64 = 1
        // The only failure is a full counter, and then the loop wakes anyway.
        _ = write(wakeDescriptor, &one, 8)
    }

    /// Sets what is called when the loop has ended.
    func onClose(_ handler: @escaping @Sendable () -> Void) {
        closeHandler.withLock { $0 = handler }
    }

    /// Works until the supervisor is closing and no process is left.
    func run() {
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerTurn)
        while true {
            takeInbox()
            startSome()
            if isClosing, backlog.isEmpty, slots.isEmpty { break }
            let count = epoll_wait(pollDescriptor, &events, Int32(events.count), waitMilliseconds())
            // Before all else: this process, or the whole machine, may have stood still meanwhile.
            enforceLease()
            for event in events.prefix(Int(max(count, 0))) { handle(event) }
            handleDeadlines()
            if let timer, timer.dueNanoseconds <= bootNanoseconds() {
                self.timer = nil
                timer.fire()
            }
            settle()
            lookAfterOrphans()
            freeSlots += releasedSlots
            releasedSlots.removeAll()
        }
        closeHandler.withLock { $0 }?()
    }

    private func waitMilliseconds() -> Int32 {
        if !backlog.isEmpty || !unlooked.isEmpty { return 0 }
        var due = deadlines.first?.dueNanoseconds ?? .max
        if !slots.isEmpty || !strayZombies.isEmpty { due = min(due, nextOrphanLook) }
        if !unsettled.isEmpty { due = min(due, nextLookNanoseconds) }
        if let timer { due = min(due, timer.dueNanoseconds) }
        due = min(due, nextLeaseEnforcement())
        if due == .max { return -1 }
        return Int32(clamping: max((due - bootNanoseconds() + 999_999) / 1_000_000, 0))
    }

    private func handle(_ event: epoll_event) {
        let slot = Int(event.data.u64 >> Source.bits)
        guard let source = Source(rawValue: event.data.u64 & (1 << Source.bits - 1)) else { return }
        switch source {
        case .wake:
            var count: UInt64 = 0
            _ = read(wakeDescriptor, &count, 8)
            return
        case .attached:
            attachments[slot]?.handler(event.events)
            return
        case .process, .stdout, .stderr: break
        }
        // An earlier event of this turn may have ended the process; slots are not reused within a turn.
        guard let process = live[slot] else { return }
        switch source {
        case .process: mainProcessMayHaveEnded(process)
        case .stdout: if readOnce(process, .stdout) == nil { closeStream(process, .stdout) }
        case .stderr: if readOnce(process, .stderr) == nil { closeStream(process, .stderr) }
        case .wake, .attached: break
        }
    }

    private func handleDeadlines() {
        let now = bootNanoseconds()
        while let entry = deadlines.popDue(at: now) {
            guard let process = live[entry.slot], process.serial == entry.serial else { continue }
            switch entry.kind {
            case .timeout where process.end == nil:
                process.hasTimedOut = true
                stop(process, process.request.stopPolicy)
            case .grace where process.end == nil && !process.wasKilled: killBoundary(process)
            case .timeout, .grace: break
            }
        }
        if deadlines.count > 1024, deadlines.count > 8 * slots.count {
            deadlines.keep { live[$0.slot]?.serial == $0.serial }
        }
    }

    func schedule(_ kind: DeadlineQueue.Kind, _ process: LiveProcess, at due: Int64) {
        deadlines.insert(
            DeadlineQueue.Entry(dueNanoseconds: due, slot: process.slot, serial: process.serial, kind: kind)
        )
    }
}

// MARK: - What callers ask for

extension ProcessLoop {
    private func takeInbox() {
        let (releases, stops, lease, closing) = inbox.withLock { $0.take() }
        if let lease { self.lease = lease }
        backlog += releases
        for (id, stop) in stops {
            if let slot = slots[id], let process = live[slot] {
                requestStop(process, stop)
            } else if backlog.contains(where: { $0.request.id == id }) {
                stopsBeforeStart[id] = stopsBeforeStart[id]?.merged(with: stop) ?? stop
            }
        }
        guard closing, !isClosing else { return }
        isClosing = true
        for process in live { if let process { requestStop(process, Self.kill) } }
    }

    private static let kill = ProcessInbox.Stop(policy: StopPolicy(signal: SIGKILL, grace: .zero))

    private func startSome() {
        guard !backlog.isEmpty else { return }
        let count = min(isClosing ? backlog.count : Self.startsPerTurn, backlog.count)
        for prepared in backlog.prefix(count) { start(prepared) }
        backlog.removeFirst(count)
    }

    private func start(_ prepared: PreparedProcess) {
        let id = prepared.request.id
        let stop = stopsBeforeStart.removeValue(forKey: id)
        if isClosing {
            return refuse(
                prepared,
                SpawnFailure(id: id, step: .closing, errno: ECANCELED, message: "the supervisor is closing")
            )
        }
        if let lease, lease.dueNanoseconds <= bootNanoseconds() {
            return refuse(
                prepared,
                SpawnFailure(
                    id: id,
                    step: .lease,
                    errno: ETIME,
                    message: "the worker had lost contact with the store before the start"
                )
            )
        }
        switch spawn(prepared) {
        case .failure(let failure): refuse(prepared, failure)
        case .success(let pid):
            guard let process = adopt(prepared, pid: pid) else { return }
            onEvent(
                .started(
                    ProcessStart(id: id, pid: pid, startedAtMilliseconds: process.startedAtMilliseconds)
                )
            )
            if let stop { requestStop(process, stop) }
        }
    }

    private func refuse(_ prepared: PreparedProcess, _ failure: SpawnFailure) {
        prepared.discard(journal)
        inbox.withLock { _ = $0.logs.removeValue(forKey: prepared.request.id) }
        onEvent(.spawnFailed(failure))
    }

    /// Takes a process that has just been started into the loop's care; `nil` when it cannot be watched, and
    /// then it has been ended.
    private func adopt(_ prepared: PreparedProcess, pid: pid_t) -> LiveProcess? {
        close(prepared.stdout.writeEnd)
        close(prepared.stderr.writeEnd)
        if let group = prepared.controlGroup { close(group.entry) }
        let startTicks = ProcessTable.status(of: pid)?.startTicks ?? 0
        // A journal that cannot be written (a full disk) must not end the task: only a crash would need it.
        _ = journal.noteStart(prepared.journalDescriptor, pid: pid, startTicks: startTicks)
        let slot = freeSlots.popLast() ?? live.count
        if slot == live.count { live.append(nil) }
        nextSerial += 1
        let process = LiveProcess(
            prepared: prepared,
            pid: pid,
            slot: slot,
            serial: nextSerial,
            pidDescriptor: skyfire_pidfd_open(pid),
            startTicks: startTicks,
            controlGroup: prepared.controlGroup?.path
        )
        if prepared.request.isLeased { leasedCount += 1 }
        live[slot] = process
        slots[prepared.request.id] = slot
        mains.insert(pid)
        // prepare() holds two descriptors more than are open by now, so there is room for the pidfd; what is
        // left is the kernel out of memory.
        guard process.pidDescriptor >= 0, watch(process.pidDescriptor, .process, slot: slot),
            watch(process.stdout, .stdout, slot: slot), watch(process.stderr, .stderr, slot: slot)
        else {
            let number = process.pidDescriptor < 0 ? -process.pidDescriptor : errno
            let message = "cannot watch \(prepared.request.arguments[0]): \(errorText(number))"
            abandon(
                process,
                SpawnFailure(id: prepared.request.id, step: .resources, errno: number, message: message)
            )
            return nil
        }
        if let timeout = prepared.request.timeout {
            schedule(.timeout, process, at: process.startedAtNanoseconds + timeout.boundedNanoseconds)
        }
        return process
    }

    private func requestStop(_ process: LiveProcess, _ stop: ProcessInbox.Stop) {
        guard process.end == nil else { return }
        process.wasStopped = true
        self.stop(process, stop.policy)
    }

    /// Sends the first signal and sets the end of its grace; of several stops the shortest grace stands.
    private func stop(_ process: LiveProcess, _ policy: StopPolicy) {
        guard !process.wasKilled else { return }
        if policy.signal == SIGKILL { return killBoundary(process) }
        let due = bootNanoseconds() + policy.grace.boundedNanoseconds
        let isEarlier = process.killDueNanoseconds.map { due < $0 } ?? true
        // The main process is not reaped yet, so its group is still its own.
        Glibc.kill(-process.pid, policy.signal)
        if isEarlier {
            process.killDueNanoseconds = due
            schedule(.grace, process, at: due)
        }
    }
}

// MARK: - The lease

extension ProcessLoop {
    /// Stops what must not outlive the lease: its own signal as early as the lease allows, KILL at its end.
    private func enforceLease() {
        guard let lease, leasedCount > 0 else { return }
        let now = bootNanoseconds()
        var hasKilled = false
        for case let process? in live where process.request.isLeased && process.end == nil {
            let policy = process.request.stopPolicy
            if now >= lease.dueNanoseconds {
                process.hasLostLease = true
                if process.wasKilled { continue }
                killBoundary(process)
                hasKilled = true
            } else if !process.hasLostLease, now >= lease.warningNanoseconds(grace: policy.grace) {
                process.hasLostLease = true
                stop(
                    process,
                    StopPolicy(signal: policy.signal, grace: .nanoseconds(lease.dueNanoseconds - now))
                )
            }
        }
        // What left the groups comes before everything else too.
        if hasKilled { settle() }
    }

    /// When `enforceLease` has something to do next.
    private func nextLeaseEnforcement() -> Int64 {
        guard let lease, leasedCount > 0 else { return .max }
        var due = Int64.max
        for case let process? in live where process.request.isLeased && process.end == nil {
            if process.wasKilled { continue }
            due = min(
                due,
                process.hasLostLease
                    ? lease.dueNanoseconds
                    : lease.warningNanoseconds(grace: process.request.stopPolicy.grace)
            )
        }
        return due
    }
}

// MARK: - Descriptors

extension ProcessLoop {
    /// Makes a control group for an attempt; `nil` where there can be none. Called on any thread.
    func makeControlGroup() -> ControlGroup? {
        controlGroups?.make(groupSerial.add(1, ordering: .relaxed).newValue)
    }

    /// Waits for another descriptor too. Called on the loop's thread, or before it runs.
    func attach(_ descriptor: Int32, events: UInt32, _ handler: @escaping (UInt32) -> Void) -> Int? {
        nextAttachment += 1
        var event = epoll_event()
        event.events = events
        event.data.u64 = UInt64(nextAttachment) << Source.bits | Source.attached.rawValue
        guard epoll_ctl(pollDescriptor, EPOLL_CTL_ADD, descriptor, &event) == 0 else { return nil }
        attachments[nextAttachment] = Attachment(descriptor: descriptor, handler: handler)
        return nextAttachment
    }

    /// Changes what an attached descriptor is waited for.
    func change(_ attachment: Int, events: UInt32) {
        guard let descriptor = attachments[attachment]?.descriptor else { return }
        var event = epoll_event()
        event.events = events
        event.data.u64 = UInt64(attachment) << Source.bits | Source.attached.rawValue
        epoll_ctl(pollDescriptor, EPOLL_CTL_MOD, descriptor, &event)
    }

    /// Waits for it no more. The descriptor stays open.
    func detach(_ attachment: Int) {
        guard let removed = attachments.removeValue(forKey: attachment) else { return }
        unwatch(removed.descriptor)
    }

    /// Does something on the loop's thread once, not before a moment; replaces what was set before.
    func setTimer(_ dueNanoseconds: Int64, _ fire: @escaping () -> Void) {
        timer = (dueNanoseconds, fire)
    }

    func clearTimer() { timer = nil }
}

extension ProcessLoop {
    private func watch(_ descriptor: Int32, _ source: Source, slot: Int) -> Bool {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = UInt64(slot) << Source.bits | source.rawValue
        return epoll_ctl(pollDescriptor, EPOLL_CTL_ADD, descriptor, &event) == 0
    }

    func unwatch(_ descriptor: Int32) {
        var event = epoll_event()
        epoll_ctl(pollDescriptor, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// Reads a pipe once; returns the number of bytes, 0 when there is nothing now, `nil` at its end.
    func readOnce(_ process: LiveProcess, _ stream: LogStream) -> Int? {
        let descriptor = stream == .stdout ? process.stdout : process.stderr
        guard descriptor >= 0 else { return nil }
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 {
            process.log.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: stream)
            return count
        }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : nil
    }

    func closeStream(_ process: LiveProcess, _ stream: LogStream) {
        let descriptor = stream == .stdout ? process.stdout : process.stderr
        guard descriptor >= 0 else { return }
        switch stream {
        case .stdout: process.stdout = -1
        case .stderr: process.stderr = -1
        }
        unwatch(descriptor)
        close(descriptor)
    }

    /// Forgets an ended process. Its slot is free for others from the next turn on.
    func forget(_ process: LiveProcess) {
        if process.request.isLeased { leasedCount -= 1 }
        slots.removeValue(forKey: process.request.id)
        mains.remove(process.pid)
        unlooked.remove(process.slot)
        unsettled.remove(process.slot)
        live[process.slot] = nil
        releasedSlots.append(process.slot)
        inbox.withLock { _ = $0.logs.removeValue(forKey: process.request.id) }
    }
}
