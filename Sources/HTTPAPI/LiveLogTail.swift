import Processes

/// The streams of a log that this process writes, merged as they grow.
struct LiveLogTail: Sendable {
    enum Item: Sendable {
        case slice(LogStream, LogSlice)
        /// Nothing to tell, but the client is to hear that the stream lives.
        case silence
    }

    /// An item, which its sender waits with until it is `taken`.
    struct Arrival: Sendable {
        var item: Item
        var taken: AsyncStream<Void>.Continuation
    }

    /// What comes while `run()` reads; ends with it.
    let arrivals: AsyncStream<Arrival>
    private let entry: AsyncStream<Arrival>.Continuation
    private let log: AttemptLog
    private let offsets: [LogStream: Int64]

    /// Follows some streams, each from an offset on.
    init(_ log: AttemptLog, offsets: [LogStream: Int64]) {
        self.log = log
        self.offsets = offsets
        // Bounded by the senders: each of the three has one arrival under way at most.
        (arrivals, entry) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Reads until the log has ended and all of it was taken, or the task is cancelled.
    func run() async throws {
        defer { entry.finish() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await keepAlive() }
            for (stream, offset) in offsets {
                group.addTask { try await read(stream, from: offset) }
            }
            // Only the streams end without an error.
            for _ in offsets { try await group.next() }
            group.cancelAll()
        }
    }

    private func read(_ stream: LogStream, from offset: Int64) async throws {
        let (takings, taken) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        var taking = takings.makeAsyncIterator()
        for try await slice in log.follow(stream, from: offset, limit: LogFollow.sliceBytes) {
            entry.yield(Arrival(item: .slice(stream, slice), taken: taken))
            guard await taking.next(isolation: #isolation) != nil else { return }
        }
    }

    private func keepAlive() async throws {
        let (takings, taken) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        var taking = takings.makeAsyncIterator()
        repeat {
            try await Task.sleep(for: ServerSentEvent.keepAliveInterval)
            entry.yield(Arrival(item: .silence, taken: taken))
        } while await taking.next(isolation: #isolation) != nil
    }
}
