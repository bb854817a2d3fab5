import Coordination
import Cron
import Scheduling
import Synchronization
import ZnodeStore

/// What this node has at the moment: its session, its cluster, its leader service. Shared by the services and the API.
final class NodeContext: Sendable {
    /// One session with what lives in it.
    struct Current: Sendable {
        var session: any ZnodeSession
        var worker: WorkerID
        var leader: LeaderService?
        var jobs: JobReader
        /// Where this node fires timers.
        var triggers: TriggerService?
    }

    private struct State {
        var current: Current?
        var clusterID: String?
        var mirror: (any MirrorStore)?
        var configuration = ClusterConfiguration()
        var clock: ClockReading?
        var isDraining = false
        var queueLength = 0
        var refusals: [StoredBound: Int] = [:]
    }

    /// What the API refuses to store more of.
    enum StoredBound: Hashable, Sendable {
        case queue, commands, pinned
    }

    private let state = Mutex(State())
    /// For the submits of this node.
    let balance = JobBalance()

    var current: Current? { state.withLock { $0.current } }
    var clusterID: String? { state.withLock { $0.clusterID } }
    var mirror: (any MirrorStore)? { state.withLock { $0.mirror } }
    var configuration: ClusterConfiguration { state.withLock { $0.configuration } }
    var isDraining: Bool { state.withLock { $0.isDraining } }

    func set(current: Current?) { state.withLock { $0.current = current } }
    func set(clusterID: String) { state.withLock { $0.clusterID = clusterID } }
    func set(mirror: any MirrorStore) { state.withLock { $0.mirror = mirror } }
    func set(configuration: ClusterConfiguration) { state.withLock { $0.configuration = configuration } }
    func set(isDraining: Bool) { state.withLock { $0.isDraining = isDraining } }
    func set(queueLength: Int) { state.withLock { $0.queueLength = queueLength } }

    /// How often each bound was the reason of a refusal.
    var refusals: [StoredBound: Int] { state.withLock { $0.refusals } }
    func refused(at bound: StoredBound) { state.withLock { $0.refusals[bound, default: 0] += 1 } }

    /// Takes a new reading of the store's clock; one that took too long tells less than what is known already.
    func set(clock: ClockReading) {
        state.withLock { state in
            if state.clock == nil || clock.trip <= ClockReading.maximumTrip { state.clock = clock }
        }
    }

    /// A node's time with the store's wall clock in place of the machine's, which can be wrong and can be set: all
    /// nodes of a cluster decide and stamp by the same clock. Before the first reading it is the machine's.
    func clusterTime(_ time: NodeTime) -> NodeTime {
        var cluster = time
        cluster.now = { [self] in
            let clock = state.withLock { $0.clock }
            return clock?.storeNow ?? time.now()
        }
        return cluster
    }
}

extension NodeContext: FiringPermission {
    /// The largest difference to the store's clock at which timers still fire, in milliseconds.
    static var maximumClockOffset: Int64 { 2_000 }

    var firingHold: String? {
        state.withLock { state in
            if state.configuration.isPaused { return "the cluster is paused" }
            if let offset = state.clock?.offset, abs(offset) > Self.maximumClockOffset {
                return "this machine's clock differs from the store's by \(offset) ms"
            }
            if state.queueLength >= state.configuration.maximumQueueLength {
                return "the queue is at its bound of \(state.configuration.maximumQueueLength)"
            }
            return nil
        }
    }

    var queueRoom: Int {
        state.withLock { max(0, $0.configuration.maximumQueueLength - $0.queueLength) }
    }

    func queued(_ count: Int) { state.withLock { $0.queueLength += count } }
}
