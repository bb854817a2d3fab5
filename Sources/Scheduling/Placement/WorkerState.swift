/// A worker as the leader knows it.
package struct WorkerState: Hashable, Sendable {
    package var registration: WorkerRegistration
    /// The registration znode's version; `nil` while it must be read again.
    package var version: Int32?
    package var resources: ResourceReport?
    /// Whether its registration exists. A worker that is gone stays known until everything of it is taken over.
    package var isPresent: Bool
    /// The number of its absence while it is gone; numbers are never used again within a term.
    package var absence: Int?
    /// The version of the directory of its assignments, read before it was seen present or absent: every registration
    /// changes it, so while it stands what was seen stands. `nil` while it must be read again, or where there is none.
    package var assignVersion: Int32?
    /// Whether it has been gone for so long that whatever it ran of exclusive attempts has been killed.
    package var isKillMarginOver = false
    /// Live attempts assigned to it.
    package var running = 0
    package var reservedMemoryBytes: Int64 = 0
    package var reservedCPU: Double = 0

    package init(registration: WorkerRegistration, version: Int32?, isPresent: Bool) {
        self.registration = registration
        self.version = version
        self.isPresent = isPresent
    }
}

/// Why an attempt cannot be placed on a worker now.
package enum Infeasible: Hashable, Sendable {
    case gone, draining, noWork, slots, memory, cpu, disk
    case pool(String)
    case label(String)
}

/// Says where attempts may go and which place is best. Memory and disk refuse; load only ranks.
package struct Placement {
    /// Below this much measured free memory a worker gets nothing.
    package static let minimumFreeMemoryBytes: Int64 = 256 << 20
    /// Below this share **and** `minimumFreeDiskBytes` a worker gets nothing.
    package static let minimumFreeDiskShare = 0.05
    package static let minimumFreeDiskBytes: Int64 = 1 << 30

    /// What an attempt asks of a worker.
    package struct Request: Hashable, Sendable {
        package var pool: String
        package var labels: [String: String]
        package var cpu: Double
        package var memoryBytes: Int64

        package init(job: JobDefinition, task: TaskDefinition) {
            pool = job.effectivePool
            labels = task.resources?.labels ?? [:]
            cpu = task.resources?.cpu ?? 0
            memoryBytes = task.resources?.memory?.bytes ?? 0
        }
    }

    /// Returns why not, or `nil` when the worker qualifies.
    package static func infeasibility(of request: Request, on worker: WorkerState) -> Infeasible? {
        let registration = worker.registration
        guard worker.isPresent, worker.version != nil else { return .gone }
        guard registration.takesWork else { return .noWork }
        if registration.isDraining { return .draining }
        if registration.pool != request.pool { return .pool(request.pool) }
        for (name, value) in request.labels.sorted(by: { $0.key < $1.key })
        where registration.labels[name] != value {
            return .label("\(name)=\(value)")
        }
        if worker.running >= registration.slots { return .slots }
        if request.cpu > 0, worker.reservedCPU + request.cpu > Double(registration.cpuCount) { return .cpu }
        if request.memoryBytes > 0,
            worker.reservedMemoryBytes + request.memoryBytes > registration.memoryBytes
        {
            return .memory
        }
        if let measured = worker.resources {
            if measured.memoryFreeBytes < minimumFreeMemoryBytes { return .memory }
            if measured.diskFreeBytes < minimumFreeDiskBytes,
                Double(measured.diskFreeBytes) < minimumFreeDiskShare * Double(measured.diskTotalBytes)
            {
                return .disk
            }
        }
        return nil
    }

    /// A place by its rank: fewer used slots by share, less load, smaller number.
    package struct Candidate: Hashable, Sendable, Comparable {
        package let id: WorkerID
        package let running: Int
        private let slots: Int
        private let load: Int

        package init(_ id: WorkerID, _ worker: WorkerState) {
            self.id = id
            running = worker.running
            slots = max(worker.registration.slots, 1)
            load = Int((worker.resources?.cpuLoad ?? 0) * 10)
        }

        /// The better place is the lesser.
        package static func < (left: Candidate, right: Candidate) -> Bool {
            let leftUse = left.running * right.slots
            let rightUse = right.running * left.slots
            if leftUse != rightUse { return leftUse < rightUse }
            if left.load != right.load { return left.load < right.load }
            return left.id < right.id
        }
    }
}
