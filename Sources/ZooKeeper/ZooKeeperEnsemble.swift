import Dispatch
package import ZnodeStore

/// A ZooKeeper ensemble, as a place where sessions come from.
package struct ZooKeeperEnsemble: SessionSource {
    package let configuration: ZooKeeperConfiguration

    package init(_ configuration: ZooKeeperConfiguration) {
        self.configuration = configuration
    }

    /// Opens a session and returns at once; it becomes `connected` when a server answers.
    ///
    /// Whoever opens a session ends it with `close()` (or `abandon()`): until then its threads run.
    ///
    /// - Throws: `StoreError` with `.badArguments` for a configuration that cannot work, `.notConnected`
    ///   where the hosts' names cannot be resolved at this moment. A server that does not answer is not an
    ///   error.
    package func openSession() async throws(StoreError) -> any ZnodeSession {
        try await open(resuming: nil)
    }

    /// Opens a session, waits until it is connected, and closes it when the body ends, however it ends.
    ///
    /// The session is valid inside the body alone. Its end does not stop the body: calls in it fail from then
    /// on.
    ///
    /// - Throws: what opening or the body throws; `StoreError` with `.notConnected` when the task is
    ///   cancelled before a server answers.
    package func withSession<Value>(
        _ body: (any ZnodeSession) async throws -> Value
    ) async throws -> Value {
        let session = try await openSession()
        do {
            try await session.connected()
            let value = try await body(session)
            await session.close()
            return value
        } catch {
            await session.close()
            throw error
        }
    }

    /// Opens a session; with the identity of another one, takes that one over (the server moves it here).
    ///
    /// Sessions are never resumed in production. Tests take a session over and close it: that is how the
    /// other handle comes to see it expire.
    package func open(resuming identity: SessionIdentity?) async throws(StoreError) -> ZooKeeperSession {
        try configuration.validate()
        LibraryLog.route(to: configuration.logger)
        let session = ZooKeeperSession(configuration: configuration)
        try await session.open(resuming: identity)
        return session
    }
}

extension ZnodeSession {
    /// Waits until the session is connected.
    fileprivate func connected() async throws(StoreError) {
        for await state in transitions() {
            if state == .connected { return }
            if state.isOver { break }
        }
        throw StoreError(.notConnected, operation: "open", message: "the session did not connect")
    }
}
