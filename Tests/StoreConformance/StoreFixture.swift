import Testing
package import ZnodeStore

/// A session with a store under test and a part of the tree of its own.
package struct StoreFixture: Sendable {
    package let source: any SessionSource
    package let session: any ZnodeSession
    /// A znode that this fixture made; nothing else is below it.
    package let root: ZnodePath

    /// Opens a session, makes a root with a random name, runs the body, and removes everything again.
    package static func withFixture(
        on source: any SessionSource,
        _ body: @Sendable (StoreFixture) async throws -> Void
    ) async throws {
        let session = try await source.openConnectedSession()
        let name = "conformance-" + String(UInt64.random(in: .min ... .max), radix: 16)
        let fixture = StoreFixture(source: source, session: session, root: ZnodePath.root.child(name))
        _ = try await session.create(fixture.root)
        let outcome: Result<Void, any Error>
        do {
            try await body(fixture)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await session.close()
        // The body may have closed the session.
        let cleaner = try await source.openConnectedSession()
        try await cleaner.removeTree(fixture.root)
        await cleaner.close()
        try outcome.get()
    }

    /// The path below the root with these names.
    func path(_ names: String...) -> ZnodePath {
        names.reduce(root) { $0.child($1) }
    }

    /// Creates a znode below the root.
    @discardableResult
    func create(
        _ name: String,
        data: String = "",
        mode: CreateMode = .persistent
    ) async throws -> ZnodePath {
        try await session.create(path(name), data: Array(data.utf8), mode: mode)
    }

    /// Runs something in a session of its own, which is closed afterwards.
    func withOtherSession(_ body: (any ZnodeSession) async throws -> Void) async throws {
        let other = try await source.openConnectedSession()
        do {
            try await body(other)
        } catch {
            await other.close()
            throw error
        }
        await other.close()
    }

    /// The root's bookkeeping.
    func rootStat(sourceLocation: SourceLocation = #_sourceLocation) async throws -> ZnodeStat {
        try #require(try await session.exists(root), sourceLocation: sourceLocation)
    }
}

/// Records an issue unless the body fails with this code (and this index).
func expectRefusal<Value>(
    _ code: StoreError.Code,
    at failedIndex: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async {
    do {
        let value = try await body()
        Issue.record("\(code) expected, not \(value)", sourceLocation: sourceLocation)
    } catch let error as StoreError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        #expect(error.failedIndex == failedIndex, "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

extension SessionSource {
    /// Opens a session and waits until it is connected.
    package func openConnectedSession() async throws -> any ZnodeSession {
        let session = try await openSession()
        for await state in session.transitions() {
            if state == .connected { return session }
            if state.isOver { break }
        }
        throw StoreError(.notConnected, operation: "openSession", message: "state \(session.state)")
    }
}

extension ZnodeSession {
    /// Deletes a znode with all that is below it.
    func removeTree(_ path: ZnodePath) async throws(StoreError) {
        do throws(StoreError) {
            for name in try await children(path) { try await removeTree(path.child(name)) }
            try await delete(path)
        } catch {
            // An ephemeral znode may vanish in between.
            guard error.code == .noNode else { throw error }
        }
    }

    /// Returns the event of a watch that has fired already, `nil` where it has not; gives the watch up.
    ///
    /// Certain only where it returns an event: a waiter that starts too late misses a wrong one.
    func settled(_ token: WatchToken) async -> WatchEvent? {
        await withTaskGroup(of: WatchEvent?.self) { group in
            group.addTask { await self.fired(token) }
            for _ in 0..<10 { await Task.yield() }
            disarm(token)
            return await group.next() ?? nil
        }
    }

    /// The data of a znode as text.
    func text(_ path: ZnodePath) async throws -> String {
        String(decoding: try await get(path).data, as: UTF8.self)
    }
}
