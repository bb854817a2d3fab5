import GRDB
import Scheduling
import Synchronization

/// A database that is closed after its last use and not used after that.
///
/// GRDB answers most uses of a closed database with an error, but an asynchronous read of a closed `DatabaseQueue`
/// hands SQLite a null connection and crashes the process (seen with 7.10), so uses are counted here.
final class GatedDatabase: Sendable {
    private struct State {
        var isClosed = false
        var useCount = 0
        /// Those who wait for the last use to end.
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let writer: any DatabaseWriter
    private let state = Mutex(State())

    /// Opens or makes the file, `nil` for one in memory, and brings its tables up to date; blocks meanwhile.
    init(path: String?, label: String) throws(MirrorError) {
        do {
            var configuration = Configuration()
            configuration.label = label
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 3
            writer =
                if let path {
                    try DatabasePool(path: path, configuration: configuration)
                } else {
                    try DatabaseQueue(configuration: configuration)
                }
            try SQLiteSchema.migrator.migrate(writer)
        } catch {
            throw MirrorError(database: error)
        }
    }

    /// Reads and blocks meanwhile; only before the database is shared.
    func readBlocking<Value>(_ body: (Database) throws -> Value) throws(MirrorError) -> Value {
        do {
            return try writer.read(body)
        } catch {
            throw MirrorError(database: error)
        }
    }

    /// Reads at one moment.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(MirrorError) -> Value {
        try enter()
        defer { leave() }
        do {
            return try await writer.read(body)
        } catch {
            throw MirrorError(database: error)
        }
    }

    /// Writes in one transaction: all or nothing.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(MirrorError) -> Value {
        try enter()
        defer { leave() }
        do {
            return try await writer.write(body)
        } catch {
            throw MirrorError(database: error)
        }
    }

    /// Refuses new uses, waits for the running ones, and closes the file. Any number of calls.
    func close() async throws(MirrorError) {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        await withCheckedContinuation { continuation in
            let isUnused = state.withLock { state in
                if state.useCount > 0 { state.closers.append(continuation) }
                return state.useCount == 0
            }
            if isUnused { continuation.resume() }
        }
        guard isFirst else { return }
        do {
            try writer.close()
        } catch {
            throw MirrorError(database: error)
        }
    }

    private func enter() throws(MirrorError) {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.useCount += 1 }
            return !state.isClosed
        }
        guard isOpen else { throw .closed }
    }

    private func leave() {
        let closers = state.withLock { state in
            state.useCount -= 1
            guard state.useCount == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }
}
