import Dispatch
import Synchronization

/// Writes a store's transactions to its journal in their order, with group commit.
///
/// Entries that arrive while a group is being written form the next group. The journal's blocking calls run on a
/// dispatch queue of their own, never on the cooperative pool. What waits is bounded: beyond the bounds
/// `requireRoom` throws and the store refuses further writes, before it has applied them.
///
/// After a failed append nothing is written any more: the store in memory is ahead of its journal, and only a new start
/// from the journal can bring them together.
final class JournalWriter: Sendable {
    /// The most entries that may wait.
    static let maximumCount = 16_384
    /// The most bytes that may wait.
    static let maximumSize = 64 * 1024 * 1024

    private struct Waiter {
        let ticket: UInt64
        let continuation: CheckedContinuation<StoreError?, Never>
    }

    private struct State {
        var pending: [JournalEntry] = []
        /// Counts what is being written too.
        var size = 0
        var count = 0
        var lastTicket: UInt64 = 0
        var durableTicket: UInt64 = 0
        var isWriting = false
        var waiters: [Waiter] = []
        var failure: StoreError?
    }

    private let journal: any ZnodeJournal
    private let queue = DispatchQueue(label: "skyfire.journal", qos: .userInitiated)
    private let state = Mutex(State())
    private let onFailure: @Sendable (StoreError) -> Void

    /// Makes a writer that calls `onFailure` once, on the journal's queue, when an append has failed.
    init(_ journal: any ZnodeJournal, onFailure: @escaping @Sendable (StoreError) -> Void) {
        self.journal = journal
        self.onFailure = onFailure
    }

    /// Refuses a transaction that must not be applied, because it could not be written.
    ///
    /// - Throws: `StoreError` with `.throttled` where too much waits, with `.notConnected` after a failure.
    func requireRoom(operation: String) throws(StoreError) {
        let (failure, hasRoom) = state.withLock { state in
            (state.failure, state.count < Self.maximumCount && state.size < Self.maximumSize)
        }
        if let failure {
            throw StoreError(.notConnected, operation: operation, message: failure.message)
        }
        guard hasRoom else {
            throw StoreError(.throttled, operation: operation, message: "too much waits to be written")
        }
    }

    /// The ticket of the entry that was enqueued last.
    var lastTicket: UInt64 {
        state.withLock { $0.lastTicket }
    }

    /// Puts an entry behind all earlier ones, without waiting, and returns its ticket.
    ///
    /// The store calls this under its own lock, so that the order of application is the order of the journal; the only
    /// thing called from here is the asynchronous dispatch.
    func enqueue(_ entry: JournalEntry) -> UInt64 {
        state.withLock { state in
            state.lastTicket += 1
            guard state.failure == nil else { return state.lastTicket }
            state.pending.append(entry)
            state.count += 1
            state.size += entry.approximateSize
            if !state.isWriting {
                state.isWriting = true
                queue.async { self.writeAll() }
            }
            return state.lastTicket
        }
    }

    /// Waits until everything up to a ticket is durable.
    ///
    /// Cancellation does not shorten the wait: the change has been applied.
    /// - Throws: `StoreError` with `.connectionLoss` where the journal has failed; the outcome is unknown.
    func waitUntilDurable(_ ticket: UInt64) async throws(StoreError) {
        let failure = await withCheckedContinuation {
            (continuation: CheckedContinuation<StoreError?, Never>) in
            let answer: StoreError?? = state.withLock { state in
                if ticket <= state.durableTicket { return .some(nil) }
                if let failure = state.failure { return failure }
                state.waiters.append(Waiter(ticket: ticket, continuation: continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        if let failure { throw failure }
    }

    /// Runs a blocking piece of work on the journal's queue, after what is there already.
    func onQueue<Value: Sendable>(
        _ work: @escaping @Sendable (any ZnodeJournal) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try work(self.journal) })
            }
        }
    }

    /// Writes group after group until nothing waits. On the journal's queue.
    private func writeAll() {
        while let group = nextGroup() {
            do {
                try journal.append(group.entries)
            } catch {
                fail(StoreError(.connectionLoss, operation: "journal", message: String(describing: error)))
                return
            }
            let ready = state.withLock { state in
                state.durableTicket = group.ticket
                state.count -= group.entries.count
                state.size -= group.entries.reduce(0) { $0 + $1.approximateSize }
                let ready = state.waiters.filter { $0.ticket <= group.ticket }
                state.waiters.removeAll { $0.ticket <= group.ticket }
                return ready
            }
            for waiter in ready { waiter.continuation.resume(returning: nil) }
        }
    }

    private func nextGroup() -> (entries: [JournalEntry], ticket: UInt64)? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isWriting = false
                return nil
            }
            let entries = state.pending
            state.pending = []
            return (entries, state.lastTicket)
        }
    }

    private func fail(_ failure: StoreError) {
        let waiters = state.withLock { state in
            state.failure = failure
            state.pending = []
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: failure) }
        onFailure(failure)
    }
}
