import GRDB
import Logging
import Scheduling

/// The events of one consumer, read from the ring as it asks for them.
///
/// One consumer: no call of `next()` begins before the one before has ended.
actor SQLiteEventFeed {
    /// How many events a consumer holds at most.
    private static let batchCount = 128

    private let database: GatedDatabase
    private let bell: EventBell
    private let logger: Logger
    private var position: Int64
    private var batch: ArraySlice<MirrorEvent> = []

    init(_ database: GatedDatabase, bell: EventBell, after position: Int64, logger: Logger) {
        self.database = database
        self.bell = bell
        self.position = position
        self.logger = logger
    }

    /// Waits for the next event; `nil` once the mirror is closed, the task cancelled or the ring unreadable.
    func next() async -> MirrorEvent? {
        while !bell.isClosed, !Task.isCancelled {
            if let event = batch.popFirst() { return event }
            await bell.wait(after: position)
            do throws(MirrorError) {
                try await readBatch()
            } catch {
                if bell.isClosed { return nil }
                logger.debug(
                    "A stream of mirror events has ended",
                    metadata: [MirrorLogKeys.error: "\(error)"]
                )
                return nil
            }
        }
        return nil
    }

    private func readBatch() async throws(MirrorError) {
        let position = position
        let (events, last) = try await database.read { database -> ([MirrorEvent], Int64?) in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT id, topic, data FROM event WHERE id > ? ORDER BY id LIMIT ?",
                arguments: [position, Self.batchCount]
            )
            let events = rows.map { row in
                MirrorEvent(id: String(row["id"] as Int64), topic: row["topic"], data: row["data"])
            }
            return (events, rows.last?["id"])
        }
        batch = events[...]
        if let last { self.position = last }
    }
}
