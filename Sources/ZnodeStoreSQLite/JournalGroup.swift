package import ZnodeStore

/// The rows that a group of transactions leaves, each path once: what a path went through in between is not written.
package struct JournalGroup: Hashable, Sendable {
    /// A counter to write on its own.
    package struct ChildCreations: Hashable, Sendable {
        package let path: ZnodePath
        package let creations: Int32
    }

    /// Sorted by path.
    package private(set) var records: [ZnodeRecord] = []
    /// Sorted by path.
    package private(set) var childCreations: [ChildCreations] = []
    /// Sorted by path.
    package private(set) var deleted: [ZnodePath] = []

    /// Merges entries in their order.
    package init(_ entries: [JournalEntry]) {
        var last: [ZnodePath: JournalEntry.Change] = [:]
        for change in entries.lazy.flatMap(\.changes) {
            switch change {
            case .put(let record):
                last[record.path] = change
            case .delete(let path):
                last[path] = change
            case .childCreations(let path, let creations):
                if case .put(var record) = last[path] {
                    record.childCreations = creations
                    last[path] = .put(record)
                } else {
                    last[path] = change
                }
            }
        }
        for path in last.keys.sorted() {
            switch last[path] {
            case .put(let record): records.append(record)
            case .childCreations(let path, let creations):
                childCreations.append(ChildCreations(path: path, creations: creations))
            case .delete(let path): deleted.append(path)
            case nil: break
            }
        }
    }
}
