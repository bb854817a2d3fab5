import Coordination
import Cron
import Logging
import Processes
package import Scheduling
import Synchronization
import ZnodeStore

/// One member of a cluster: the services of a node, composed.
///
/// `run()` opens one session after the other. Everything that depends on a session is a child of its scope and ends
/// with it; processes, their output and what is known of them outlive it.
package final class Node: Sendable {
    private let configuration: NodeConfiguration
    private let directory: DataDirectory
    private let host: any AttemptHost
    private let logSpace: LogSpace
    private let time: NodeTime
    private let incarnation: String
    private let startedAt: WallTime
    let context = NodeContext()
    private let worker = Mutex<(id: WorkerID, service: WorkerService)?>(nil)
    private let address = Mutex("")
    private let stopping: AsyncStream<Void>
    private let stoppingContinuation: AsyncStream<Void>.Continuation
    /// Set when this node is to lead no more, because it drains.
    private let leadershipEnds = Signal()
    /// Attempts of an earlier life of this node, until there is a service that takes them.
    private let claims = Mutex<[HeldAttempt]>([])
    /// Set when there is a service that hears of ends.
    private let serviceBegan = Signal()
    private let logger: Logger

    /// Locks the data directory and ends what an earlier life left running.
    package init(_ configuration: NodeConfiguration) throws {
        self.configuration = configuration
        logger = configuration.logger
        time = configuration.time
        incarnation = time.randomID()
        startedAt = time.now()
        directory = try DataDirectory(path: configuration.dataDirectory)
        logSpace = LogSpace(directory, limit: configuration.logSpaceBytes)
        host = try configuration.openHost(directory, configuration.logger)
        (stopping, stoppingContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What the API of this node does. `siblings` are other nodes of the same process, whose output is on this
    /// machine as well.
    package func operations(siblings: [Node] = []) -> NodeOperations {
        NodeOperations(
            context: context,
            layout: configuration.layout,
            mode: configuration.mode,
            version: configuration.version,
            places: ([self] + siblings).map { node in
                .init(
                    worker: { node.workerID },
                    directory: node.directory,
                    logSpace: node.logSpace,
                    hostFigures: { node.host.figures },
                    heldTimers: { node.context.current?.triggers?.heldCount }
                )
            },
            zones: configuration.zones,
            time: context.clusterTime(time),
            logger: logger
        )
    }

    /// The wall clock of the store, as all nodes of the cluster decide and stamp by it.
    package var now: WallTime { context.clusterTime(time).now() }

    package var workerID: WorkerID? { worker.withLock { $0?.id } }

    /// Returns once this node has its number and its registration, or is being stopped.
    package func waitUntilRegistered() async {
        while context.current == nil, !context.isDraining {
            guard await time.pause(.milliseconds(10)) else { return }
        }
    }

    /// Begins a graceful stop: no new work, running attempts may end, then `run()` returns.
    package func stop() {
        context.set(isDraining: true)
        stoppingContinuation.yield()
    }

    /// Kills what still runs, for whoever does not want to wait for the drain timeout.
    package func killAttempts() {
        worker.withLock { $0?.service }?.stopAll(.kill)
    }

    private var runsAttempts: Bool { configuration.roles.contains(.worker) }

    /// Runs until `stop()`, or until the task is cancelled. `address` is where other nodes reach this one's API.
    package func run(address: String) async throws {
        self.address.withLock { $0 = address }
        // However it ends: nobody waits for its registration any more.
        defer { context.set(isDraining: true) }
        let result: Result<Void, any Error> = await withThrowingTaskGroup(of: Void.self) { group in
            if runsAttempts {
                group.addTask { try await self.host.run() }
                group.addTask { await self.hearOfEnds() }
            }
            group.addTask { try await self.sessions() }
            let result = await group.nextResult() ?? .success(())
            if runsAttempts { await self.host.close(endsAttempts: self.configuration.leaves) }
            group.cancelAll()
            return result
        }
        if let mirror = context.mirror { await mirror.close() }
        try result.get()
    }

    private func hearOfEnds() async {
        await serviceBegan.wait()
        for await event in host.events {
            switch event {
            case .ended(let attempt, let end):
                worker.withLock { $0?.service }?.ended(attempt, end)
            case .lingering(let attempt, let processes):
                logger.error(
                    "Processes withstand KILL; the attempt keeps its slot until they are gone",
                    metadata: [LogKeys.attempt: "\(attempt)", LogKeys.count: "\(processes)"]
                )
            }
        }
    }

    private func sessions() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                if self.runsAttempts {
                    let held = try await self.host.claim()
                    self.claims.withLock { $0 = held }
                }
                while !Task.isCancelled {
                    try await self.session()
                    guard await self.time.pause(.milliseconds(200)) else { break }
                }
                return false
            }
            group.addTask {
                for await _ in self.stopping {
                    await self.drain()
                    break
                }
                return true
            }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    // MARK: One session

    private func session() async throws {
        let session = try await configuration.source.openSession()
        guard await session.waitUntilConnected() else {
            await session.close()
            return
        }
        logger.info("Connected", metadata: [LogKeys.session: "\(session.id)"])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await self.watchState(of: session) }
                group.addTask { try await self.serve(session) }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch let error as StoreError {
            logger.warning("A session could not be used", metadata: [LogKeys.error: "\(error)"])
            _ = await time.pause(.seconds(1))
        } catch let error as WrongCluster where worker.withLock({ $0 != nil }) {
            // What runs goes on, and nothing is founded, moved or erased, until the right store is back.
            logger.critical(
                "This is not the cluster that this node belongs to",
                metadata: [LogKeys.error: "\(error)"]
            )
            _ = await time.pause(.seconds(5))
        }
        context.set(current: nil)
        if context.isDraining, !configuration.leaves {
            await session.abandon()
        } else {
            await session.close()
        }
    }

    /// Returns when the session is over.
    private func watchState(of session: any ZnodeSession) async {
        for await state in session.transitions() {
            logger.info("Session", metadata: [LogKeys.state: "\(state)", LogKeys.session: "\(session.id)"])
            if state.isOver { return }
        }
    }

    private func serve(_ session: any ZnodeSession) async throws {
        let layout = configuration.layout
        let setup = ClusterSetup(session: session, layout: layout)
        let cluster = try await cluster(setup)
        context.set(clusterID: cluster.clusterID)
        let id = try await workerID(setup)
        let service = try workerService(id)
        let registration = Registration(
            worker: id,
            record: record(session),
            session: session,
            layout: layout,
            time: time,
            logger: logger
        )
        var probe = configuration.makeProbe(directory.path)
        let resources = probe.measure(running: service.liveCount, beat: 0)
        let mirror: any MirrorStore
        do {
            try await registration.register(resources: resources, context)
            service.renewLease(session)
            mirror = try await self.mirror(cluster.clusterID)
        } catch {
            // The session is closed, its registration goes at once, and the store will not wait for the lease. Not where
            // this node is to be followed by another life of it, for which the session is left to itself.
            if !context.isDraining || configuration.leaves { service.endLease(session) }
            throw error
        }
        let jobs = JobReader(session: session, layout: layout, zones: configuration.zones)
        let leader = LeaderService(
            identity: MasterRecord(worker: id, address: address.withLock { $0 }, incarnation: incarnation),
            clusterID: cluster.clusterID,
            session: session,
            layout: layout,
            zones: configuration.zones,
            mirror: mirror,
            time: context.clusterTime(time),
            logger: logger,
            beforeGivingUp: { service.endLease(session) }
        )
        let triggers = TriggerService(
            worker: id,
            session: session,
            layout: layout,
            zones: configuration.zones,
            permission: context,
            time: context.clusterTime(time),
            logger: logger
        )
        let leads = configuration.roles.contains(.leader)
        let works = configuration.roles.contains(.worker)
        context.set(
            current: .init(
                session: session,
                worker: id,
                leader: leads ? leader : nil,
                jobs: jobs,
                triggers: works ? triggers : nil
            )
        )
        let (time, logger) = (time, logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await keepDoing("beat", in: session, time: time, logger: logger) {
                    try await registration.beat(
                        self.context,
                        self.configuration.makeProbe(self.directory.path),
                        service
                    )
                }
            }
            group.addTask {
                await keepDoing("configs", in: session, time: time, logger: logger) {
                    try await registration.followConfiguration(self.context) { isDraining in
                        if isDraining { service.drain() } else { service.undrain() }
                        try await registration.setDraining(isDraining)
                    }
                }
            }
            if works {
                group.addTask {
                    await keepDoing("worker", in: session, time: time, logger: logger) {
                        try await service.serve(in: session)
                    }
                }
                group.addTask {
                    await keepDoing("triggers", in: session, time: time, logger: logger) {
                        try await triggers.run()
                    }
                }
                group.addTask { await self.sweepFiles(session) }
                group.addTask { await self.sweepLogs() }
            }
            if leads {
                group.addTask { await self.lead(leader, in: session) }
            }
            await group.waitForAll()
        }
    }

    /// Campaigns and leads until the session is over, or this node drains: then it resigns at once.
    private func lead(_ leader: LeaderService, in session: any ZnodeSession) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [time, logger] in
                await keepDoing("leader", in: session, time: time, logger: logger) { try await leader.run() }
            }
            group.addTask { await self.leadershipEnds.wait() }
            await group.next()
            group.cancelAll()
        }
        do throws(StoreError) {
            try await leader.resign()
        } catch {
            logger.debug("The leadership ends with the session", metadata: [LogKeys.error: "\(error)"])
        }
    }

    private func record(_ session: any ZnodeSession) -> WorkerRegistration {
        let probe = configuration.makeProbe(directory.path)
        return WorkerRegistration(
            incarnation: incarnation,
            address: address.withLock { $0 },
            startedAt: startedAt,
            version: configuration.version,
            tzdata: configuration.zones.version ?? "unknown",
            pool: configuration.pool,
            labels: configuration.labels,
            slots: configuration.slots ?? 4 * probe.processorCount,
            cpuCount: probe.processorCount,
            memoryBytes: probe.memoryBytes,
            sessionTimeoutMilliseconds: Int64(session.timeout / .milliseconds(1)),
            isDraining: context.isDraining,
            takesWork: configuration.roles.contains(.worker)
        )
    }

    /// A node remembers its cluster: it refuses to serve another one by mistake, and founds none in place of its own.
    private func cluster(_ setup: ClusterSetup) async throws -> ClusterRecord {
        let known = directory.clusterID
        let root = configuration.layout.root
        do {
            let cluster = try await setup.prepare(newID: known == nil ? time.randomID() : nil)
            guard known == nil || known == cluster.clusterID else {
                throw WrongCluster(
                    description:
                        "\(directory.path) belongs to cluster \(known ?? ""), but \(root) is cluster \(cluster.clusterID); "
                        + "use another --data or --root"
                )
            }
            // Known already, nothing is written: a full disk must not end what has a place here.
            if known == nil { try directory.rememberClusterID(cluster.clusterID) }
            return cluster
        } catch is ClusterVanished {
            throw WrongCluster(
                description:
                    "\(directory.path) belongs to cluster \(known ?? ""), but there is nothing at \(root): the ensemble is "
                    + "another one or has lost its data; bring its data back, or use another --data to found a new cluster"
            )
        }
    }

    private func workerID(_ setup: ClusterSetup) async throws -> WorkerID {
        if let known = directory.workerID { return known }
        let id = try await setup.nextWorkerID()
        try directory.rememberWorkerID(id)
        return id
    }

    private func workerService(_ id: WorkerID) throws -> WorkerService {
        worker.withLock { worker in
            if let worker { return worker.service }
            let service = WorkerService(
                worker: id,
                incarnation: incarnation,
                layout: configuration.layout,
                host: host,
                time: time,
                logger: logger
            )
            service.claim(claims.withLock { $0 })
            worker = (id, service)
            serviceBegan.notify()
            return service
        }
    }

    private func mirror(_ clusterID: String) async throws -> any MirrorStore {
        if let mirror = context.mirror { return mirror }
        let mirror = try await configuration.openMirror(clusterID)
        context.set(mirror: mirror)
        return mirror
    }

    /// Removes the working files of runs that are over: they are no longer in the store.
    private func sweepFiles(_ session: any ZnodeSession) async {
        while await time.pause(.seconds(20)) {
            let live = Set(host.liveAttempts.map { $0.run })
            for run in directory.runs(in: "runs") where !live.contains(run) {
                do throws(StoreError) {
                    if try await session.exists(configuration.layout.run(run)) == nil {
                        let path = directory.runDirectory(run)
                        await onThread { DataDirectory.removeTree(path) }
                    }
                } catch {
                    break  // the next round tries again
                }
            }
        }
    }

    /// Removes the oldest logs of this node where all take more than they may.
    private func sweepLogs() async {
        var looks = 0
        while await time.pause(.seconds(60)) {
            looks += 1
            // A look at millions of files takes a while: where there is much room yet it comes less often.
            let isFar = logSpace.figures.bytes < logSpace.figures.limit / 2 && looks % 10 != 1
            guard directory.holdsLogs, !isFar else { continue }
            let removedBefore = logSpace.figures.removedRuns
            await onThread { [host, logSpace, logger] in
                do {
                    try logSpace.sweep { run in host.liveAttempts.contains { $0.run == run } }
                } catch {
                    logger.error("Logs could not be removed", metadata: [LogKeys.error: "\(error)"])
                }
            }
            let removed = logSpace.figures.removedRuns - removedBefore
            if removed > 0 {
                logger.notice("Removed the oldest logs to make room", metadata: [LogKeys.count: "\(removed)"])
            }
        }
    }

    // MARK: Stopping

    /// Lets running attempts end within the drain timeout, then stops them.
    private func drain() async {
        leadershipEnds.notify()
        guard let service = worker.withLock({ $0?.service }) else { return }
        service.drain()
        if let current = context.current {
            let registration = Registration(
                worker: current.worker,
                record: record(current.session),
                session: current.session,
                layout: configuration.layout,
                time: time,
                logger: logger
            )
            do {
                try await registration.setDraining(true)
                // As long as can be for what stays with the runner.
                service.renewLease(current.session)
            } catch {
                logger.warning(
                    "The registration could not be marked draining",
                    metadata: [LogKeys.error: "\(error)"]
                )
            }
        }
        // Without --leave, processes stay with the runner for this node's successor; only what cannot is waited for.
        let leaves = configuration.leaves
        func remaining() -> Int { leaves ? service.liveCount : service.unfinishedCount }
        let deadline = time.instant() + configuration.drainTimeout
        while remaining() > 0, time.instant() < deadline {
            guard await time.pause(.milliseconds(50)) else { return }
        }
        if remaining() > 0 {
            service.stopAll(.cancel, unlessOutliving: !leaves)
            let last = time.instant() + .seconds(15)
            while remaining() > 0, time.instant() < last {
                guard await time.pause(.milliseconds(50)) else { return }
            }
        }
    }
}

/// The store does not hold the cluster that this node belongs to.
struct WrongCluster: Error, CustomStringConvertible {
    let description: String
}

/// Runs something that blocks on a thread of its own, off the cooperative pool.
func onThread(_ work: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        BlockingThread.start {
            work()
            continuation.resume()
        }
    }
}
