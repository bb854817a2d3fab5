import Coordination
import Logging
import Scheduling
import ZnodeStore

/// Puts this node's registration into the store and keeps it true.
struct Registration: Sendable {
    let worker: WorkerID
    let record: WorkerRegistration
    let session: any ZnodeSession
    let layout: ZnodeLayout
    let time: NodeTime
    let logger: Logger

    /// Registers in one `multi`. A registration that an earlier session of this node left is replaced: the data
    /// directory's lock says that no other process can own it. Learns the store's clock, before anything is decided by it.
    func register(resources: ResourceReport, _ context: NodeContext) async throws {
        while true {
            do throws(StoreError) {
                return try await put(resources, context)
            } catch {
                switch error.code {
                case .noNode, .nodeExists, .badVersion: continue  // the old registration vanished
                default:
                    // Where the reply was lost: look again and put it right.
                    guard error.isOutcomeUnknown || error.isRetriable,
                        await session.mayTryAgain(after: error, sleep: time.sleep)
                    else { throw error }
                }
            }
        }
    }

    private func put(_ resources: ResourceReport, _ context: NodeContext) async throws(StoreError) {
        var operations: [StoreOperation] = []
        // The leader removes these when the worker is given up: they come with the registration or not at all.
        // Setting the second keeps a leader that had seen this worker absent from removing it.
        if record.takesWork {
            let (jobs, assignments) = (layout.jobs(of: worker), layout.assign(worker))
            operations = [
                try await session.exists(jobs) == nil ? .create(jobs, data: []) : .check(jobs),
                try await session.exists(assignments) == nil
                    ? .create(assignments, data: []) : .set(assignments, data: []),
            ]
        }
        for (path, data) in [
            (layout.worker(worker), RecordCoding.encode(record)),
            (layout.resources(worker), RecordCoding.encode(resources)),
        ] {
            if let stat = try await session.exists(path) {
                operations.append(.delete(path, version: stat.version))
            }
            operations.append(.create(path, data: data, mode: .ephemeral))
        }
        let sent = time.instant()
        _ = try await session.multi(operations)
        if let stat = try await session.exists(layout.resources(worker)) {
            context.set(clock: reading(of: stat, sent))
        }
    }

    private func reading(of stat: ZnodeStat, _ sent: ContinuousClock.Instant) -> ClockReading {
        ClockReading(stored: WallTime(milliseconds: stat.modifiedMilliseconds), sent: sent, time: time)
    }

    /// How often a node writes what it measures while it holds no exclusive attempt.
    private static let beatInterval = Duration.seconds(5)

    /// Writes what this node measures, every few seconds; learns the store's clock on the way. While exclusive attempts
    /// are held it writes as often as their lease asks for: each answer is what renews it.
    func beat(_ context: NodeContext, _ probe: any MachineProbe, _ service: WorkerService) async throws {
        var probe = probe
        var beat = 0
        while !Task.isCancelled {
            beat += 1
            let report = probe.measure(running: service.liveCount, beat: beat)
            let sent = time.instant()
            guard let stat = try await write(report) else {
                // Whoever registered in its place decides by another session what becomes of its attempts. It comes again.
                logger.critical(
                    "The registration is not this node's any more; is there a copy of its data directory?",
                    metadata: [LogKeys.worker: "\(worker)"]
                )
                service.endLease(session)
                return await session.close()
            }
            service.renewLease(session)
            context.set(clock: reading(of: stat, sent))
            if let queue = try await session.exists(layout.jobQueue) {
                context.set(queueLength: Int(queue.childCount))
            }
            let interval =
                service.holdsExclusive
                ? LeaseTerms(sessionTimeout: session.timeout).renewalInterval : Self.beatInterval
            await service.exclusiveBegan.wait(upTo: interval, sleep: time.sleep)
        }
    }

    /// Returns `nil` where what this session has registered is gone, or another session's.
    private func write(_ report: ResourceReport) async throws(StoreError) -> ZnodeStat? {
        do throws(StoreError) {
            let stat = try await session.set(layout.resources(worker), data: RecordCoding.encode(report))
            return stat.ephemeralOwner == session.id ? stat : nil
        } catch {
            guard error.code == .noNode else { throw error }
            return nil
        }
    }

    /// Follows the cluster's configuration: pause, and whether this node is to drain.
    func followConfiguration(
        _ context: NodeContext,
        onDraining: @Sendable (Bool) async throws -> Void
    ) async throws {
        // Unknown at first: an earlier try may have told one of the two, and not the other.
        var wasDraining: Bool?
        for try await znode in session.updates(of: layout.configs) {
            guard let znode else { continue }
            let configuration = try RecordCoding.decode(
                ClusterConfiguration.self,
                from: znode.data,
                path: layout.configs
            )
            context.set(configuration: configuration)
            if configuration.givenUp.contains(worker) { try await takeBack(znode, configuration) }
            let isDraining = configuration.draining.contains(worker) || context.isDraining
            if isDraining != wasDraining {
                wasDraining = isDraining
                try await onDraining(isDraining)
            }
        }
    }

    /// This worker was given up and is there after all.
    private func takeBack(_ znode: Znode, _ configuration: ClusterConfiguration) async throws(StoreError) {
        var configuration = configuration
        configuration.givenUp.removeAll { $0 == worker }
        do throws(StoreError) {
            _ = try await session.set(
                layout.configs,
                data: RecordCoding.encode(configuration),
                version: znode.stat.version
            )
        } catch {
            // Changed meanwhile: the watch brings it again.
            guard error.code == .badVersion else { throw error }
        }
    }

    /// Says in the registration whether this node takes new work.
    func setDraining(_ isDraining: Bool) async throws {
        var record = record
        record.isDraining = isDraining
        _ = try await session.set(layout.worker(worker), data: RecordCoding.encode(record))
        logger.info(isDraining ? "Drains" : "Takes work", metadata: [LogKeys.worker: "\(worker)"])
    }
}
