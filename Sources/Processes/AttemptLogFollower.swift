/// The slices of one stream of a live attempt, from an offset to its end.
package struct AttemptLogFollower: AsyncSequence, Sendable {
    package typealias Element = LogSlice

    let reader: AttemptLogReader
    let stream: LogStream
    let offset: Int64
    let limit: Int
    let signal: LogSignal

    /// Reads on where the last slice ended.
    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let follower: AttemptLogFollower
        fileprivate var offset: Int64
        fileprivate var changes: AsyncStream<Void>.Iterator
        fileprivate var hasEnded = false

        /// The next slice that is not empty; `nil` when the attempt has ended and all is read, or on
        /// cancellation.
        package mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(any Error) -> LogSlice? {
            while !Task.isCancelled {
                let slice = try follower.reader.read(follower.stream, offset: offset, limit: follower.limit)
                if !slice.bytes.isEmpty {
                    offset = slice.nextOffset
                    return slice
                }
                if hasEnded { return nil }
                hasEnded = await changes.next(isolation: actor) == nil
            }
            return nil
        }
    }

    /// Starts to follow; changes from now on are noticed.
    package func makeAsyncIterator() -> Iterator {
        Iterator(follower: self, offset: offset, changes: signal.changes().makeAsyncIterator())
    }
}
