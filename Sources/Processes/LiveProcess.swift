import CProcess

/// A process that runs, or whose boundary is not empty yet. Touched by the loop's thread only.
final class LiveProcess {
    let request: ProcessRequest
    let log: AttemptLog
    let pid: Int32
    let slot: Int
    let serial: UInt64
    let pidDescriptor: Int32
    let startTicks: UInt64
    /// The control group that is its boundary, where there are any.
    let controlGroup: String?
    let startedAtMilliseconds = wallClockMilliseconds()
    let startedAtNanoseconds = bootNanoseconds()
    /// The read ends of the pipes; -1 when closed.
    var stdout: Int32
    var stderr: Int32

    /// How the main process ended; it stays a zombie until its boundary is empty, so that its number, which
    /// is that of the session and the group too, cannot become a stranger's.
    var end: skyfire_process_end?
    var endedAtMilliseconds: Int64 = 0
    var endedAtNanoseconds: Int64 = 0

    var hasTimedOut = false
    var wasStopped = false
    var hasLostLease = false
    /// When the grace of the first signal is over; `nil` when none was sent.
    var killDueNanoseconds: Int64?
    var wasKilled = false
    /// How often the boundary was found not empty.
    var boundaryLooks = 0
    /// Whether it was reported that the boundary does not get empty.
    var hasLingered = false

    init(
        prepared: PreparedProcess,
        pid: Int32,
        slot: Int,
        serial: UInt64,
        pidDescriptor: Int32,
        startTicks: UInt64,
        controlGroup: String?
    ) {
        self.request = prepared.request
        self.log = prepared.log
        self.pid = pid
        self.slot = slot
        self.serial = serial
        self.pidDescriptor = pidDescriptor
        self.startTicks = startTicks
        self.controlGroup = controlGroup
        self.stdout = prepared.stdout.readEnd
        self.stderr = prepared.stderr.readEnd
    }

    /// Whether something lives in its control group, if it has one.
    var isGroupPopulated: Bool { controlGroup.map { ControlGroup.isPopulated($0) } ?? false }

    var boundary: Boundary {
        Boundary(
            session: pid,
            startTicks: startTicks,
            mark: request.boundaryMark,
            controlGroup: controlGroup
        )
    }

    func report(stdout: LogStreamSummary, stderr: LogStreamSummary) -> ProcessExit {
        guard let end else { preconditionFailure("the end of \(request.id) is reported before it has ended") }
        return ProcessExit(
            id: request.id,
            pid: pid,
            outcome: end.signal == 0 ? .exited(end.code) : .signaled(end.signal),
            hasTimedOut: hasTimedOut,
            wasStopped: wasStopped,
            hasLostLease: hasLostLease,
            startedAtMilliseconds: startedAtMilliseconds,
            endedAtMilliseconds: endedAtMilliseconds,
            duration: .nanoseconds(endedAtNanoseconds - startedAtNanoseconds),
            cpuTime: .microseconds(end.cpu_microseconds),
            maxResidentBytes: end.max_resident_bytes,
            stdout: stdout,
            stderr: stderr
        )
    }
}
