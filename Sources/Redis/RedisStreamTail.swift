import Logging

/// The entries of a stream as they are written, from a given place on, for as long as the consumer wants.
///
/// Each iterator has a connection and a thread of its own, as it waits in `XREAD BLOCK`. It reads when it is
/// asked to and holds at most one batch, so a slow consumer holds nothing back and fills nothing: entries
/// that the stream's cap trimmed before they were read are not seen, and a consumer that must know puts a
/// number of its own into them.
///
/// A lost connection is made again, with backoff, and the reading goes on after the last entry delivered; no
/// entry is delivered twice. The iteration ends with `nil` when its task is cancelled, and throws on what
/// waiting does not mend: a wrong password, a key of another type, bytes that are no entry.
package struct RedisStreamTail: AsyncSequence, Sendable {
    /// Where a tail begins.
    package enum Start: Sendable, Hashable {
        /// After this id; ``RedisStreamID/zero`` is the oldest entry that the stream still has.
        case after(RedisStreamID)
        /// After the newest entry at the time of the first connection.
        case end
    }

    /// The element is an entry.
    package typealias Element = RedisStreamEntry
    /// Iteration throws errors that waiting does not mend.
    package typealias Failure = RedisError

    private let configuration: RedisConfiguration
    private let key: String
    private let start: Start
    private let batchCount: Int
    private let blockTime: Duration

    /// Makes a tail; connects at the first `next()`.
    ///
    /// `batchCount` (default 128) is the most entries held by an iterator; `blockTime` (default 5 s) is how
    /// long one `XREAD` waits at the server. A stopped server is noticed after that and the command timeout.
    package init(
        _ configuration: RedisConfiguration,
        key: String,
        start: Start,
        batchCount: Int = 128,
        blockTime: Duration = .seconds(5)
    ) {
        precondition(batchCount > 0 && blockTime >= .milliseconds(1), "a tail reads and waits")
        self.configuration = configuration
        self.key = key
        self.start = start
        self.batchCount = batchCount
        self.blockTime = blockTime
    }

    /// Makes an iterator with its own connection.
    package func makeAsyncIterator() -> Iterator {
        Iterator(
            reader: RedisStreamReader(
                configuration,
                key: key,
                start: start,
                batchCount: batchCount,
                blockTime: blockTime
            ),
            configuration: configuration,
            key: key
        )
    }

    /// Delivers entries in the order of the stream.
    package struct Iterator: AsyncIteratorProtocol {
        private let reader: RedisStreamReader
        private let configuration: RedisConfiguration
        private let key: String
        private var batch: ArraySlice<RedisStreamEntry> = []

        fileprivate init(reader: RedisStreamReader, configuration: RedisConfiguration, key: String) {
            self.reader = reader
            self.configuration = configuration
            self.key = key
        }

        /// Waits for the next entry; `nil` once the task is cancelled.
        package mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(RedisError) -> RedisStreamEntry? {
            while !Task.isCancelled {
                if let entry = batch.popFirst() { return entry }
                let reader = self.reader
                let result = await withTaskCancellationHandler {
                    await reader.readBatch()
                } onCancel: {
                    reader.interrupt()
                }
                switch result {
                case .success(let entries): batch = entries[...]
                case .failure(let error):
                    if reader.isInterrupted { return nil }
                    guard error.isRetriable else { throw error }
                    configuration.logger.debug(
                        "Waiting to read a Redis stream again",
                        metadata: [RedisLogKeys.stream: "\(key)", RedisLogKeys.error: "\(error)"]
                    )
                    let pause = Swift.max(await reader.remainingBackoff, configuration.firstBackoff)
                    do {
                        // The backoff between two tries, not a wait for anything.
                        try await Task.sleep(for: pause)
                    } catch {
                        return nil  // Cancelled: the end of the iteration, not an error.
                    }
                }
            }
            return nil
        }
    }
}
