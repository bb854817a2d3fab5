import Logging
import ServerFixtures
import Synchronization
import Testing
import ZnodeStore
import ZooKeeper

/// A random root of a test's own on the shared server, and the sessions opened below it.
///
/// `withRoot` makes it a chroot, so that every test also runs libzookeeper's prefixing of paths.
struct TestRoot {
    let server: ZooKeeperServer
    let chroot: ZnodePath

    func configuration(
        timeout: Duration = .seconds(4),
        credentials: ZooKeeperConfiguration.Credentials? = nil,
        window: Int = 500,
        waiting: Int = 20_000
    ) -> ZooKeeperConfiguration {
        ZooKeeperConfiguration(
            connectString: server.connectString,
            chroot: chroot,
            sessionTimeout: timeout,
            credentials: credentials,
            requestWindow: window,
            maximumWaitingRequests: waiting
        )
    }

    /// Opens a session and waits until it is connected.
    func session(
        timeout: Duration = .seconds(4),
        credentials: ZooKeeperConfiguration.Credentials? = nil,
        window: Int = 500,
        waiting: Int = 20_000,
        resuming identity: SessionIdentity? = nil
    ) async throws -> ZooKeeperSession {
        let session = try await ZooKeeperEnsemble(
            configuration(timeout: timeout, credentials: credentials, window: window, waiting: waiting)
        ).open(resuming: identity)
        try await session.reaches(.connected)
        return session
    }

    /// Ends a session as its expiry would: another handle takes it over and closes it.
    ///
    /// The victim reconnects and takes it back, so that the thief may be cut off before its close gets
    /// through; then it steals again.
    func expire(_ victim: ZooKeeperSession) async throws {
        let identity: SessionIdentity = try #require(victim.identity)
        let hosts = configuration()
        while true {
            let thief = try await ZooKeeperEnsemble(hosts).open(resuming: identity)
            for await state in thief.transitions() where state == .connected || state.isOver { break }
            await thief.close()
            for await state in victim.transitions() where state == .connected || state.isOver {
                if state.isOver { return }
                break
            }
        }
    }
}

func withRoot(
    on server: ZooKeeperServer? = nil,
    _ body: (TestRoot) async throws -> Void
) async throws {
    let shared: ZooKeeperServer
    if let server { shared = server } else { shared = try await ZooKeeperServer.shared() }
    let chroot = ZnodePath.root.child("test-\(UInt64.random(in: 0...UInt64.max))")
    let whole = ZooKeeperEnsemble(ZooKeeperConfiguration(connectString: shared.connectString))
    try await whole.withSession { session in
        _ = try await session.create(chroot)
    }
    try await body(TestRoot(server: shared, chroot: chroot))
}

extension ZnodeSession {
    /// Waits for a state; fails the test when the session ends before.
    func reaches(_ wanted: SessionState) async throws {
        for await state in transitions() where state == wanted { return }
        Issue.record("the session ended before it was \(wanted)")
        throw StoreError(.closing, operation: "reaches")
    }
}

/// The code that an operation fails with; `nil` if it succeeds.
func code(of operation: () async throws -> Void) async -> StoreError.Code? {
    do {
        try await operation()
        return nil
    } catch let error as StoreError {
        return error.code
    } catch {
        Issue.record(error)
        return nil
    }
}

let a = ZnodePath.root.child("a")
let b = ZnodePath.root.child("b")
let c = ZnodePath.root.child("c")
