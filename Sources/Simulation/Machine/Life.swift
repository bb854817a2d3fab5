import Logging
import Node
import Scheduling
import ZnodeStore

/// One life of the process of a node: from its start to its end or its crash.
///
/// A task cannot be taken off its feet as a process can. So a crash cuts all that the life could do anything with (its
/// sessions, its mirror, its runner), and cancels its tasks, which then wind up without any effect.
///
/// `@unchecked`: see `VirtualLoop`.
final class Life: @unchecked Sendable {
    unowned let machine: Machine
    let number: Int
    let lane: Lane
    let loop: VirtualLoop
    let trace: Trace
    let bug: Bug
    var random: SeededRandom
    private(set) var isDead = false
    private(set) var sessions: [SimulatedSession] = []
    var node: Node?
    private var task: Task<Void, Never>?
    /// Whether all its tasks have come to their end.
    private(set) var isOver = false
    /// What ended it by itself, where something did.
    private(set) var failure: String?

    init(machine: Machine, number: Int) {
        self.machine = machine
        self.number = number
        loop = machine.loop
        trace = machine.trace
        bug = machine.bug
        random = machine.random.fork()
        lane = Lane(loop: machine.loop, name: "\(machine.name).\(number)")
    }

    var name: String { lane.name }
    var clock: MachineClock { machine.clock }

    /// Begins to live; `configure` gives the node its surroundings.
    func begin(_ configuration: NodeConfiguration) throws {
        let node = try Node(configuration)
        self.node = node
        let address = "\(machine.name):80"
        task = Task(executorPreference: lane) { [self] in
            do {
                try await node.run(address: address)
            } catch {
                if !isDead { failure = "\(error)" }
            }
            isOver = true
            self.node = nil
            if !isDead { machine.ended(self) }
        }
    }

    func add(_ session: SimulatedSession) {
        sessions.removeAll { $0.state == .closed }
        sessions.append(session)
    }

    /// Asks it to end as SIGTERM does.
    func stop() { node?.stop() }

    /// The process is gone.
    func crash() {
        guard !isDead else { return }
        isDead = true
        lane.resume()
        let losesUnsent = random.chance(0.5)
        for session in sessions { session.drop(losesUnsent: losesUnsent) }
        task?.cancel()
    }

    /// Whether people may ask this node: its process runs and is not stopped.
    var takesRequests: Bool { !isDead && !isOver && !lane.isPaused && node?.workerID != nil }
}

/// Where the sessions of one life come from.
struct LifeSessions: SessionSource {
    let ensemble: Ensemble
    let life: Life
    let timeout: Int64

    func openSession() async throws(StoreError) -> any ZnodeSession {
        guard !life.isDead else { throw StoreError(.closing, operation: "openSession") }
        let session = SimulatedSession(ensemble: ensemble, life: life, timeout: timeout)
        life.add(session)
        session.open()
        return session
    }
}

/// A machine that never changes.
struct SimulatedProbe: MachineProbe {
    var processorCount: Int { 2 }
    var memoryBytes: Int64 { 8 << 30 }

    mutating func measure(running: Int, beat: Int) -> ResourceReport {
        ResourceReport(
            cpuLoad: 0.1,
            loadAverage: 0.1,
            memoryTotalBytes: 8 << 30,
            memoryFreeBytes: 6 << 30,
            diskTotalBytes: 100 << 30,
            diskFreeBytes: 80 << 30,
            running: running,
            beat: beat
        )
    }
}

/// Writes what a node says into the trace.
struct TraceLogHandler: LogHandler {
    let life: Life
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard !life.isDead, life.trace.isRead else { return }
        let values = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        life.trace.tell("log", life.name, "\(event.message) \(values.joined(separator: " "))")
    }
}
