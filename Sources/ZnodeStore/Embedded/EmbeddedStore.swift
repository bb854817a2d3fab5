import FoundationEssentials
import Synchronization

/// A coordination store inside this process that behaves like ZooKeeper.
///
/// In memory it is for tests and simulation; with a journal it serves solo mode. A session of it never expires by
/// itself, because nothing lies between it and the store; `expire`, `disconnect` and `reconnect` let tests play the
/// network. A session that was abandoned ends after `timeout`, provided that `run()` runs.
///
/// With a journal every call returns only when all that it did *or saw* is durable. Watch events may come earlier:
/// they are hints to read again.
package final class EmbeddedStore: SessionSource {
    /// The time that a store lives in. Injected, so that tests and simulation own it.
    package struct Time: Sendable {
        /// Wall clock, in milliseconds since 1970.
        package var milliseconds: @Sendable () -> Int64
        /// The clock that sessions count confirmed writes on.
        package var instant: @Sendable () -> ContinuousClock.Instant
        /// Waits; throws only on cancellation.
        package var sleep: @Sendable (Duration) async throws -> Void

        package init(
            milliseconds: @escaping @Sendable () -> Int64,
            instant: @escaping @Sendable () -> ContinuousClock.Instant,
            sleep: @escaping @Sendable (Duration) async throws -> Void
        ) {
            self.milliseconds = milliseconds
            self.instant = instant
            self.sleep = sleep
        }

        /// The machine's own clocks.
        package static let system = Time(
            milliseconds: { Int64(Date().timeIntervalSince1970 * 1000) },
            instant: { ContinuousClock.now },
            sleep: { try await ContinuousClock().sleep(for: $0) }
        )
    }

    private enum Event: Sendable {
        case abandoned(Int64)
        case journalFailed(StoreError)
    }

    private struct State {
        var model: EmbeddedModel
        var sessions: [Int64: EmbeddedSession] = [:]
    }

    /// How long the znodes of an abandoned session stay.
    package let timeout: Duration
    let time: Time
    private let state: Mutex<State>
    private let writer: JournalWriter?
    /// One element for each session that was abandoned, and one for the journal's end: bounded by what makes them.
    private let events: AsyncStream<Event>
    private let eventContinuation: AsyncStream<Event>.Continuation

    /// Makes an empty store in memory.
    package convenience init(timeout: Duration = .seconds(10), time: Time = .system) {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        self.init(
            model: EmbeddedModel(),
            writer: nil,
            timeout: timeout,
            time: time,
            events: events,
            continuation: continuation
        )
    }

    /// Opens a store on what a journal holds. Ephemeral znodes of the process before are gone.
    ///
    /// - Throws: what the journal throws, or `StoreError` where its records do not form a tree.
    package static func load(
        from journal: any ZnodeJournal,
        timeout: Duration = .seconds(10),
        time: Time = .system
    ) async throws -> EmbeddedStore {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let writer = JournalWriter(journal) { failure in
            continuation.yield(.journalFailed(failure))
        }
        let model = try await writer.onQueue { try EmbeddedModel($0.load()) }
        return EmbeddedStore(
            model: model,
            writer: writer,
            timeout: timeout,
            time: time,
            events: events,
            continuation: continuation
        )
    }

    private init(
        model: EmbeddedModel,
        writer: JournalWriter?,
        timeout: Duration,
        time: Time,
        events: AsyncStream<Event>,
        continuation: AsyncStream<Event>.Continuation
    ) {
        self.state = Mutex(State(model: model))
        self.writer = writer
        self.timeout = timeout
        self.time = time
        self.events = events
        self.eventContinuation = continuation
    }

    /// Ends abandoned sessions when their time is up. Runs until it is cancelled; to be called once.
    ///
    /// - Throws: `StoreError` when the journal has failed. The process must end then: nothing more can be committed.
    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for await event in events {
                switch event {
                case .abandoned(let session):
                    group.addTask {
                        do {
                            // The session timeout itself, by the store's time.
                            try await self.time.sleep(self.timeout)
                        } catch is CancellationError {
                            // The store is being shut down; the session ends with the process.
                            return
                        }
                        self.expire(session)
                    }
                case .journalFailed(let failure):
                    throw failure
                }
            }
            group.cancelAll()
        }
    }

    /// A copy of the znodes as they are now.
    package var tree: ZnodeTree {
        state.withLock { $0.model.tree }
    }

    /// How many watches are armed.
    package var watchCount: Int {
        state.withLock { $0.model.watchCount }
    }

    // MARK: Sessions

    package func openSession() async throws(StoreError) -> any ZnodeSession {
        let (session, ticket) = try state.withLock { state throws(StoreError) in
            try writer?.requireRoom(operation: "openSession")
            let session = EmbeddedSession(id: state.model.openSession(), store: self)
            state.sessions[session.id] = session
            return (session, record([], state.model))
        }
        try await waitUntilDurable(ticket)
        return session
    }

    /// Ends a session as a server does that has not heard of it: its ephemeral znodes go, its state is `expired`.
    ///
    /// Does nothing where the session is over. Returns at once; with a journal the removal need not be durable,
    /// because no ephemeral znode outlives the process.
    package func expire(_ session: Int64) {
        end(session, as: .expired)
    }

    /// Cuts a session off: its state is `suspended` and its calls fail with `.notConnected` until `reconnect`.
    package func disconnect(_ session: Int64) {
        state.withLock { $0.sessions[session] }?.move(from: .connected, to: .suspended)
    }

    /// Ends what `disconnect` began.
    package func reconnect(_ session: Int64) {
        state.withLock { $0.sessions[session] }?.move(from: .suspended, to: .connected)
    }

    /// Ends a session that its owner closes, and waits until that is durable.
    func close(_ session: EmbeddedSession) async {
        end(session.id, as: .closed)
        // Expired or abandoned before: the store has let go of it already.
        resume(session.finish(as: .closed))
        do throws(StoreError) {
            try await waitUntilDurable(writer?.lastTicket ?? 0)
        } catch {
            // The journal has failed: `run()` reports it, and the ephemeral znodes end with the process.
        }
    }

    /// Lets go of a session that its owner abandons: `run()` ends it after the timeout.
    func abandon(_ session: EmbeddedSession) {
        let isOpen = state.withLock { $0.sessions.removeValue(forKey: session.id) != nil }
        resume(session.finish(as: .closed))
        if isOpen { eventContinuation.yield(.abandoned(session.id)) }
    }

    private func end(_ id: Int64, as outcome: SessionState) {
        let resumptions = state.withLock { state in
            var resumptions = state.sessions.removeValue(forKey: id)?.finish(as: outcome) ?? []
            let commit = state.model.endSession(id)
            if !commit.changes.isEmpty { _ = record(commit.changes, state.model) }
            resumptions += deliver(commit.fired, state)
            return resumptions
        }
        resume(resumptions)
    }

    // MARK: Operations

    /// Applies a transaction for a session and waits until it is durable.
    func write(
        _ operations: [StoreOperation],
        session: EmbeddedSession,
        name: String
    ) async throws(StoreError) -> [StoreOperationResult] {
        let sent = time.instant()
        let (result, resumptions, ticket) = try state.withLock { state throws(StoreError) in
            try session.requireConnected(operation: name)
            try writer?.requireRoom(operation: name)
            do throws(ZnodeTree.Refusal) {
                let commit = try state.model.apply(
                    operations,
                    session: session.id,
                    milliseconds: time.milliseconds()
                )
                let ticket =
                    commit.changes.isEmpty ? writer?.lastTicket ?? 0 : record(commit.changes, state.model)
                return (
                    Result<[StoreOperationResult], StoreError>.success(commit.results),
                    deliver(commit.fired, state), ticket
                )
            } catch {
                let refusal = StoreError(
                    error.code,
                    operation: name,
                    path: operations[error.index].path,
                    failedIndex: name == "multi" ? error.index : nil
                )
                // A refusal tells of earlier transactions, so it waits for them like any answer.
                return (.failure(refusal), [], writer?.lastTicket ?? 0)
            }
        }
        resume(resumptions)
        try await waitUntilDurable(ticket)
        session.confirmWrite(sentAt: sent)
        return try result.get()
    }

    /// Reads something for a session and waits until what was read is durable.
    func read<Value: Sendable>(
        session: EmbeddedSession,
        name: String,
        _ body: (inout EmbeddedModel) -> sending Value
    ) async throws(StoreError) -> Value {
        let (value, ticket) = try state.withLock { state throws(StoreError) in
            try session.requireConnected(operation: name)
            return (body(&state.model), writer?.lastTicket ?? 0)
        }
        try await waitUntilDurable(ticket)
        return value
    }

    /// Gives a watch up at the store.
    func disarm(_ token: WatchToken) {
        state.withLock { $0.model.disarm(token) }
    }

    // MARK: Journal

    private func record(_ changes: [ZnodeChange], _ model: EmbeddedModel) -> UInt64 {
        guard let writer else { return 0 }
        return writer.enqueue(model.journalEntry(for: changes))
    }

    private func waitUntilDurable(_ ticket: UInt64) async throws(StoreError) {
        try await writer?.waitUntilDurable(ticket)
    }

    // MARK: Watches

    /// Hands events to their sessions. Under the lock, so that a session has them before it can read the change; who
    /// waits for them is resumed after it.
    private func deliver(_ fired: [FiredWatch], _ state: borrowing State) -> [EmbeddedSession.Resumption] {
        fired.compactMap { state.sessions[$0.session]?.deliver($0.event, to: $0.token) }
    }

    private func resume(_ resumptions: [EmbeddedSession.Resumption]) {
        for resumption in resumptions { resumption.continuation.resume(returning: resumption.event) }
    }
}
