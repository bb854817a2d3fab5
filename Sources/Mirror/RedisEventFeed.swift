import Logging
import Redis
import Scheduling

/// The events of one consumer, read from the stream as it asks for them.
///
/// One consumer: no call of `next()` begins before the one before has ended.
actor RedisEventFeed {
    /// An entry (`nil`: the tail has ended), and the tail's place after it.
    private struct Pull: Sendable {
        let entry: RedisStreamEntry?
        let iterator: RedisStreamTail.Iterator
    }

    private var iterator: RedisStreamTail.Iterator
    private let bell: EventBell
    private let logger: Logger

    init(_ tail: RedisStreamTail, bell: EventBell, logger: Logger) {
        iterator = tail.makeAsyncIterator()
        self.bell = bell
        self.logger = logger
    }

    /// Waits for the next event; `nil` once the mirror is closed, the task cancelled or the stream unreadable.
    func next() async -> MirrorEvent? {
        while !bell.isClosed {
            guard let pull = await pull(), let entry = pull.entry else { return nil }
            iterator = pull.iterator
            guard let topic = entry["topic"], let data = entry["data"] else { continue }
            return MirrorEvent(
                id: entry.id.description,
                topic: String(decoding: topic, as: UTF8.self),
                data: String(decoding: data, as: UTF8.self)
            )
        }
        return nil
    }

    /// Reads on until there is an entry or the mirror is closed, whichever is first.
    private func pull() async -> Pull? {
        let (start, bell, logger) = (iterator, bell, logger)
        return await withTaskGroup(of: Pull?.self) { group in
            group.addTask {
                var iterator = start
                do throws(RedisError) {
                    let entry = try await iterator.next()
                    return Pull(entry: entry, iterator: iterator)
                } catch {
                    logger.debug(
                        "A stream of mirror events has ended",
                        metadata: [MirrorLogKeys.error: "\(error)"]
                    )
                    return nil
                }
            }
            group.addTask {
                // No event has this number: only the end wakes it.
                await bell.wait(after: .max)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

/// The keys of this module's log metadata.
enum MirrorLogKeys {
    static let error = "error"
}
