import Node
import Scheduling
import Synchronization

/// A host that runs nothing and remembers what it is asked for.
final class IdleHost: AttemptHost {
    let asked = Mutex<[String]>([])
    let leases = Mutex<[ContinuousClock.Instant]>([])
    let events = AsyncStream<HostEvent> { $0.finish() }
    let liveAttempts: [AttemptID] = []

    func identity(of attempt: AttemptID) -> String { "host" }
    func isIdentity(_ name: String) -> Bool { name == "host" }
    func run() async throws {}
    func claim() async throws -> [HeldAttempt] { [] }
    func prepare(
        _ attempt: AttemptID,
        _ assignment: Assignment,
        _ stamp: AssignmentStamp,
        worker: WorkerID
    ) {}
    func release(_ attempt: AttemptID) {}
    func discard(_ attempt: AttemptID) {}
    func stop(_ attempt: AttemptID, _ mode: KillMode) {
        asked.withLock { $0.append("\(mode) \(attempt.task)") }
    }
    func acknowledge(_ attempt: AttemptID) { asked.withLock { $0.append("acknowledge \(attempt.task)") } }
    func renewLease(until deadline: ContinuousClock.Instant, warning: Duration) {
        leases.withLock { $0.append(deadline) }
    }
    func outlivesWorker(_ attempt: AttemptID) -> Bool { true }
    func close(endsAttempts: Bool) async {}
}
