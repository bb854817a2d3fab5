/// Where an embedded store keeps its persistent znodes. Calls block and come from one thread at a time.
///
/// Ephemeral znodes never reach a journal: when the process ends, every session of the store has ended.
package protocol ZnodeJournal: Sendable {
    /// Reads everything that was ever appended.
    func load() throws -> JournalSnapshot

    /// Writes the entries of a group of transactions, all or none, and returns when they are durable.
    func append(_ group: [JournalEntry]) throws
}

/// What a journal holds.
package struct JournalSnapshot: Hashable, Sendable {
    /// The persistent znodes, in any order, the root only where it was changed.
    package var records: [ZnodeRecord]
    package var counters: JournalCounters

    package init(records: [ZnodeRecord] = [], counters: JournalCounters = JournalCounters()) {
        self.records = records
        self.counters = counters
    }
}

/// The counters of a store, which never go back.
package struct JournalCounters: Hashable, Sendable {
    /// The number of the last transaction.
    package var zxid: Int64
    /// The id of the session that was opened last.
    package var sessionID: Int64

    package init(zxid: Int64 = 0, sessionID: Int64 = 0) {
        self.zxid = zxid
        self.sessionID = sessionID
    }
}

/// What one transaction leaves behind. Entries are applied in their order.
package struct JournalEntry: Hashable, Sendable {
    /// One row to write. Each names the state after the transaction, so that only the last one of a path counts.
    package enum Change: Hashable, Sendable {
        case put(ZnodeRecord)
        /// A child of a znode was created; nothing else of the znode has changed.
        case childCreations(ZnodePath, Int32)
        case delete(ZnodePath)
    }

    package var changes: [Change]
    package var counters: JournalCounters

    package init(changes: [Change], counters: JournalCounters) {
        self.changes = changes
        self.counters = counters
    }

    /// About how many bytes the entry holds in memory while it waits to be written.
    package var approximateSize: Int {
        changes.reduce(64) { size, change in
            switch change {
            case .put(let record): size + 192 + record.data.count
            case .childCreations, .delete: size + 96
            }
        }
    }
}

/// All that a journal keeps of one persistent znode.
package struct ZnodeRecord: Hashable, Sendable {
    package var path: ZnodePath
    package var data: [UInt8]
    package var createdZxid: Int64
    package var modifiedZxid: Int64
    package var createdMilliseconds: Int64
    package var modifiedMilliseconds: Int64
    package var version: Int32
    /// How many children were ever created below it: the counter of sequential names.
    package var childCreations: Int32

    package init(
        path: ZnodePath,
        data: [UInt8],
        createdZxid: Int64,
        modifiedZxid: Int64,
        createdMilliseconds: Int64,
        modifiedMilliseconds: Int64,
        version: Int32,
        childCreations: Int32
    ) {
        self.path = path
        self.data = data
        self.createdZxid = createdZxid
        self.modifiedZxid = modifiedZxid
        self.createdMilliseconds = createdMilliseconds
        self.modifiedMilliseconds = modifiedMilliseconds
        self.version = version
        self.childCreations = childCreations
    }
}
