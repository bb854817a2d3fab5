internal import AsyncHTTPClient
import Coordination
import Cron
internal import NIOCore
package import Scheduling
import ZnodeStore
import Logging
import NIOHTTP1

extension NodeOperations {
    /// The most commands that may wait for the leader's verdict, or to be removed after it.
    static let maximumCommands = 1_000
    /// The most replaced definitions that may be kept for live runs, or wait to be removed.
    static let maximumPinned = 10_000

    package func createRun(_ request: RunRequest) async throws(OperationError) -> (RunView, isNew: Bool) {
        let current = try current()
        guard let known = try await storing({ try await current.jobs.job(request.job, isCertain: true) })
        else {
            throw OperationError(.notFound, code: "E2003", "there is no job \(request.job)")
        }
        let params = try checked(request.params, known.job.definition)
        return try await enqueue(known, current, requestID: request.requestID) { record in
            record.manual += 1
            let run = RunID(
                job: request.job,
                logicalTime: request.at ?? time.now().second,
                suffix: "m\(record.manual)"
            )
            return QueueEntry(
                run: run,
                jobVersion: known.job.version,
                cause: .manual,
                priority: known.job.definition.effectivePriority,
                params: params,
                queuedAt: time.now(),
                traceID: request.traceID ?? time.randomID(),
                triggersDownstream: request.triggersDownstream,
                waitsForUpstreams: request.waitsForUpstreams
            )
        }
    }

    private func checked(
        _ params: [String: String],
        _ definition: JobDefinition
    ) throws(OperationError) -> [String: String] {
        let declared = definition.params ?? [:]
        let size = params.approximateSize
        guard size <= LeaderCore.maximumParameterBytes else {
            throw OperationError(
                .tooLarge,
                code: "E2006",
                "the parameters have \(size) bytes, more than \(LeaderCore.maximumParameterBytes)",
                hint: "hand large values over in a file"
            )
        }
        for (name, value) in params.sorted(by: { $0.key < $1.key }) {
            guard let parameter = declared[name] else {
                let known = declared.keys.sorted().joined(separator: ", ")
                throw OperationError(
                    .invalid,
                    code: "E2001",
                    "job \(definition.name) has no parameter \"\(name)\"",
                    hint: declared.isEmpty ? "it has none at all" : "it has: \(known)"
                )
            }
            if let kind = parameter.type, !ParameterValue.isValid(value, kind) {
                throw OperationError(
                    .invalid,
                    code: "E1601",
                    "parameter \(name) is \"\(value)\"; expected \(ParameterValue.expectation(kind))"
                )
            }
            if let choices = parameter.enum, !choices.contains(value) {
                throw OperationError(
                    .invalid,
                    code: "E1601",
                    "parameter \(name) is \"\(value)\"",
                    hint: "it is one of: \(choices.joined(separator: ", "))"
                )
            }
        }
        for (name, parameter) in declared.sorted(by: { $0.key < $1.key })
        where parameter.default == nil && params[name] == nil {
            throw OperationError(
                .invalid,
                code: "E2001",
                "parameter \(name) has no default and must be given",
                hint: "add it: -p \(name)=VALUE"
            )
        }
        return params
    }

    /// Puts a run into the queue in one `multi` with the job's counters, which also remember the request's id.
    private func enqueue(
        _ known: KnownJob,
        _ current: NodeContext.Current,
        requestID: String?,
        _ make: @Sendable (inout FiredRecord) -> QueueEntry
    ) async throws(OperationError) -> (RunView, isNew: Bool) {
        let name = known.job.definition.name
        let key = requestID ?? time.randomID()
        return try await storing {
            var isUnsure = false
            let path = layout.fired(name)
            while true {
                let znode = try await current.session.get(path)
                var record = try RecordCoding.decode(FiredRecord.self, from: znode.data, path: path)
                if let run = record.requests[key] { return (try await self.run(run).run, isNew: isUnsure) }
                try await checkQueueBound(current.session)
                let entry = make(&record)
                record.remember(key, entry.run)
                do {
                    _ = try await current.session.multi([
                        .check(layout.jobName(name)),
                        .set(path, data: RecordCoding.encode(record), version: znode.stat.version),
                        .create(layout.queueEntry(entry.run), data: RecordCoding.encode(entry)),
                    ])
                    context.queued(1)
                    return (view(of: entry), isNew: true)
                } catch let error as StoreError {
                    if error.isOutcomeUnknown {
                        guard await current.session.waitUntilConnected() else { throw error }
                        isUnsure = true
                        continue  // the record knows the request if it was applied
                    }
                    switch (error.code, error.failedIndex) {
                    case (.badVersion, _): continue
                    case (.noNode, 0):
                        throw OperationError(.notFound, code: "E2003", "there is no job \(name)")
                    default: throw error
                    }
                }
            }
        }
    }

    private func checkQueueBound(_ session: any ZnodeSession) async throws {
        let bound = context.configuration.maximumQueueLength
        guard let stat = try await session.exists(layout.jobQueue) else { return }
        context.set(queueLength: Int(stat.childCount))
        guard Int(stat.childCount) >= bound else { return }
        context.refused(at: .queue)
        throw OperationError(
            .saturated,
            code: "E2028",
            "the queue is at its bound of \(bound) runs; nothing was stored",
            hint: "try again in a moment; `skyfire cluster status` shows how many runs wait"
        )
    }

    func view(of entry: QueueEntry) -> RunView {
        RunView(
            id: entry.run,
            jobVersion: entry.jobVersion,
            cause: entry.cause,
            state: .queued,
            priority: entry.priority,
            params: entry.params.isEmpty ? nil : entry.params,
            queuedAt: entry.queuedAt,
            tasks: .init(total: 0, byState: [:]),
            traceID: entry.traceID
        )
    }

    // MARK: Reading

    package func run(_ id: RunID) async throws(OperationError) -> MirroredRun {
        var mirrorError: OperationError?
        do throws(OperationError) {
            let mirror = try mirror()
            if let run = try await storing({ try await mirror.run(id) }) { return run }
        } catch {
            mirrorError = error
        }
        let current = try current()
        // In the order in which a run goes: what has left one place by the time of a look is found at a later one.
        let stored: MirroredRun? = try await storing {
            if let stored = try await liveOrQueued(id, current) { return stored }
            // Another node may have just accepted it, and this session's server be behind.
            try await current.session.sync(layout.jobQueue)
            if let stored = try await liveOrQueued(id, current) { return stored }
            return try await outboxed(current.session).lazy.compactMap { record in
                guard case .run(let view, let tasks) = record, view.id == id else { return nil }
                return MirroredRun(run: view, tasks: tasks)
            }.last
        }
        if let stored { return stored }
        if let mirrorError { throw mirrorError }
        // It may have left the store between the two looks: then the mirror has it by now.
        let mirror = try mirror()
        if let run = try await storing({ try await mirror.run(id) }) { return run }
        throw OperationError(
            .notFound,
            code: "E2003",
            "there is no run \(id)",
            hint: "`skyfire list runs` shows what there is"
        )
    }

    private func liveOrQueued(_ id: RunID, _ current: NodeContext.Current) async throws -> MirroredRun? {
        if let entry: QueueEntry = try await optional(current.session, layout.queueEntry(id)) {
            return MirroredRun(run: view(of: entry), tasks: [])
        }
        guard let live = try await liveRun(id, current) else { return nil }
        return MirroredRun(run: live.view, tasks: live.taskSummaries)
    }

    /// The run's record, while it lives.
    private func liveRun(_ id: RunID, _ current: NodeContext.Current) async throws -> LiveRun? {
        let path = layout.run(id)
        do {
            let header = try await current.session.get(path).data
            let version = try RunRecordCoding.jobVersion(inHeader: header, path: path)
            guard let job = try await current.jobs.job(id.job, version: version) else { return nil }
            var chunks: [[UInt8]] = []
            let names = try await current.session.children(path).compactMap { Int($0) }.sorted()
            for chunk in names { chunks.append(try await current.session.get(layout.chunk(id, chunk)).data) }
            return try RunRecordCoding.run(
                id,
                job: job,
                header: header,
                chunks: chunks,
                outputs: [:],
                path: path
            )
        } catch let error as StoreError where error.code == .noNode {
            return nil
        }
    }

    /// Final records that the mirror may not have yet, oldest commit first; of a long outbox the newest ones.
    private func outboxed(_ session: any ZnodeSession) async throws -> [MirrorRecord] {
        let names = try await session.children(layout.outbox)
        var batches: [MirrorBatch] = []
        for name in names.suffix(500) {
            if let batch: MirrorBatch = try await optional(session, layout.outbox.child(name)) {
                batches.append(batch)
            }
        }
        return batches.sorted { $0.version < $1.version }.flatMap(\.records)
    }

    package func attempts(of run: RunID) async throws(OperationError) -> [AttemptView] {
        let mirrorError: OperationError
        do throws(OperationError) {
            let mirror = try mirror()
            return try await storing { try await mirror.attempts(of: run) }
        } catch {
            mirrorError = error
        }
        // Without the mirror a live run still tells its latest attempts: which, where, and how they stand.
        let current = try current()
        guard let live = try await storing({ try await liveRun(run, current) }) else { throw mirrorError }
        return live.latestAttempts
    }

    // MARK: Commands

    package func act(
        _ action: RunAction,
        on run: RunID,
        reason: String?
    ) async throws(OperationError) -> RunView {
        let kind: CommandRequest.Kind =
            switch action {
            case .cancel: .cancel(run)
            case .kill: .kill(run)
            case .pause: .pause(run)
            case .resume: .resume(run)
            }
        // An entry that the leader has not read yet is not live for it: of a long queue it takes the news once a second.
        var tries = 0
        while true {
            do throws(OperationError) {
                try await command(kind, reason: reason)
                return try await self.run(run).run
            } catch {
                guard error.code == "E2012" else { throw error }
                // "Not live" may mean "never existed", or that it has been admitted since.
                let view = try await self.run(run).run
                let isAwaited = view.state == .queued || !view.state.isOver && tries < 2
                guard action == .cancel || action == .kill, isAwaited, tries < 20,
                    await time.pause(.milliseconds(250))
                else { throw error }
                tries += 1
            }
        }
    }

    func areCommandsFull(_ session: any ZnodeSession) async throws(StoreError) -> Bool {
        guard let stat = try await session.exists(layout.commandQueue) else { return false }
        return Int(stat.childCount) >= Self.maximumCommands
    }

    private func checkCommandBound(_ session: any ZnodeSession) async throws {
        guard try await areCommandsFull(session) else { return }
        context.refused(at: .commands)
        throw OperationError(
            .saturated,
            code: "E2029",
            "\(Self.maximumCommands) commands wait for the leader's verdict, as many as may; nothing was stored",
            hint: "try again in a moment; `skyfire cluster status` shows whether there is a leader"
        )
    }

    /// Refuses what would pin one more definition, where as many are pinned as may be.
    func checkPinnedBound(_ session: any ZnodeSession) async throws {
        guard let stat = try await session.exists(layout.pinned),
            Int(stat.childCount) >= Self.maximumPinned
        else { return }
        context.refused(at: .pinned)
        throw OperationError(
            .saturated,
            code: "E2030",
            "\(Self.maximumPinned) replaced definitions are kept, as many as may be; nothing was stored",
            hint: "try again in a moment: the leader removes those that no live run needs"
        )
    }

    /// Leaves a command in the leader's mailbox and waits for the verdict.
    func command(
        _ kind: CommandRequest.Kind,
        reason: String?,
        within limit: Duration = .seconds(15)
    ) async throws(OperationError) {
        let current = try current()
        let request = CommandRequest(
            id: time.randomID(),
            kind: kind,
            reason: reason,
            at: time.now()
        )
        let path = layout.command(request.id)
        let verdict: Verdict? = try await storing {
            try await checkCommandBound(current.session)
            let data = RecordCoding.encode(CommandRecord(request: request))
            _ = try await current.session.create(path, data: data)
            return try await withDeadline(limit, time) {
                for try await znode in current.session.updates(of: path) {
                    guard let znode else { return nil }
                    let record = try RecordCoding.decode(CommandRecord.self, from: znode.data, path: path)
                    if let verdict = record.verdict { return verdict }
                }
                return nil
            }
        }
        do throws(StoreError) {
            try await current.session.delete(path)
        } catch {
            logger.debug(
                "A command was not removed; the leader sweeps it",
                metadata: [LogKeys.error: "\(error)"]
            )
        }
        guard let verdict else {
            throw OperationError(
                .unavailable,
                code: "E2008",
                "no leader has answered within 15 s",
                hint:
                    "`skyfire cluster status` shows whether there is one; the command may still be carried out"
            )
        }
        guard verdict.isAccepted else {
            let kind: OperationError.Kind =
                switch verdict.code {
                case "E2003": .notFound
                case "E2005": .staleVersion
                case "E2014", "E2015": .invalid
                default: .conflict
                }
            throw OperationError(kind, code: verdict.code ?? "E2012", verdict.message)
        }
    }

    package func repeatRun(
        _ id: RunID,
        onlyFailed: Bool,
        requestID: String?,
        traceID: String?
    ) async throws(OperationError) -> (RunView, isNew: Bool) {
        let old = try await run(id)
        guard old.run.state.isOver else {
            throw OperationError(
                .conflict,
                code: "E2012",
                "\(id) is \(old.run.state.rawValue); only a run that is over is repeated"
            )
        }
        let current = try current()
        guard let known = try await storing({ try await current.jobs.job(id.job) }) else {
            throw OperationError(.notFound, code: "E2003", "job \(id.job) no longer exists")
        }
        var carried: [TaskID: [String: String]]?
        if onlyFailed {
            let attempts = try await attempts(of: id)
            var done: [TaskID: [String: String]] = [:]
            for task in old.tasks where task.states.allSatisfy({ $0 == TaskState.succeeded.letter }) {
                guard known.job.taskIndex(task.id) != nil else { continue }
                done[task.id] =
                    attempts.last { $0.task == task.id && $0.state == AttemptOutcome.succeeded.rawValue }?
                    .outputs ?? [:]
            }
            guard done.count < known.job.tasks.count else {
                throw OperationError(
                    .conflict,
                    code: "E2012",
                    "every task of \(id) succeeded: there is nothing to retry"
                )
            }
            carried = done
        }
        let (params, tasks) = (old.run.params ?? [:], carried)
        // The job's record holds the keys of all its requests: one key may be used for several runs.
        let key = requestID.map {
            "\(id.logicalTime.compact).\(id.suffix) \(onlyFailed ? "retry" : "rerun") \($0)"
        }
        return try await enqueue(known, current, requestID: key) { record in
            record.repeated += 1
            return QueueEntry(
                run: RunID(job: id.job, logicalTime: id.logicalTime, suffix: "r\(record.repeated)"),
                jobVersion: known.job.version,
                cause: .retry,
                priority: old.run.priority,
                params: params,
                queuedAt: time.now(),
                traceID: traceID ?? time.randomID(),
                waitsForUpstreams: false,
                carried: tasks
            )
        }
    }

    // MARK: Why

    package func explain(
        _ run: RunID,
        task: TaskID?,
        isForwarded: Bool
    ) async throws(OperationError) -> Explanation {
        let current = try current()
        if let leader = current.leader, leader.isLeading {
            if let explanation = await leader.explain(run, task: task) { return explanation }
            let state = try await self.run(run).run.state
            return Explanation(run: run, state: state.rawValue, blockers: [])
        }
        guard !isForwarded else {
            throw OperationError(
                .unavailable,
                code: "E2008",
                "\(current.worker) was asked as the leader, which it is not at this moment"
            )
        }
        guard let master = try await storing({ try await leaderRecord(current.session) }) else {
            throw OperationError(.unavailable, code: "E2008", "there is no leader at this moment")
        }
        guard master.worker != current.worker else {
            throw OperationError(
                .unavailable,
                code: "E2008",
                "the leader has just been elected and is reading"
            )
        }
        return try await storing {
            let query = task.map { "?task=\($0)" } ?? ""
            var request = HTTPClientRequest(url: "http://\(master.address)/v1/runs/\(run)/explain\(query)")
            request.headers.add(name: ForwardedRequest.header, value: current.worker.description)
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
                let body = Array(buffer: try await response.body.collect(upTo: 1 << 20))
                guard response.status != .notFound else {
                    throw OperationError(.notFound, code: "E2003", "the leader does not know \(run)")
                }
                guard response.status == .ok else {
                    throw OperationError(
                        .unavailable,
                        code: "E2008",
                        "the leader at \(master.address) answers \(response.status.code); it may have changed"
                    )
                }
                return try CanonicalJSON.decode(Explanation.self, from: body)
            } catch let error as OperationError {
                throw error
            } catch {
                throw OperationError(
                    .unavailable,
                    code: "E2008",
                    "the leader at \(master.address) does not answer: \(error)"
                )
            }
        }
    }

    // MARK: Logs

    package func logLocation(
        run: RunID,
        task: TaskID,
        partition: Int,
        attempt: Int
    ) async throws(OperationError) -> LogLocation {
        let id = AttemptID(run: run, task: task, partition: partition, number: attempt)
        let found = try await attempts(of: run).first {
            $0.task == task && $0.partition == partition && $0.n == attempt
        }
        guard let found else {
            throw OperationError(.notFound, code: "E2003", "there is no attempt \(id)")
        }
        let current = try current()
        if let place = places.first(where: { $0.worker() == found.worker }) {
            if let endedAt = found.endedAt, place.directory.isLogRemoved(id, endedAt: endedAt) {
                throw OperationError(
                    .notFound,
                    code: "E2031",
                    "the log of \(id) was removed to make room for later ones",
                    hint:
                        "logs on \(found.worker) take at most \(ByteCount(bytes: place.logSpace.figures.limit)): "
                        + "--log-space of skyfire node"
                )
            }
            return .here(directory: place.directory.logDirectory(id))
        }
        let registration: WorkerRegistration? = try await storing {
            try await optional(current.session, layout.worker(found.worker))
        }
        guard let registration else {
            throw OperationError(
                .unavailable,
                code: "E2003",
                "the log is on \(found.worker), which is not there at this moment"
            )
        }
        return .node(found.worker, address: registration.address)
    }
}

/// Runs something for a time at most; `nil` when the time is over first.
private func withDeadline<Value: Sendable>(
    _ limit: Duration,
    _ time: NodeTime,
    _ body: @escaping @Sendable () async throws -> Value?
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            _ = await time.pause(limit)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}
