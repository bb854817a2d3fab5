import Glibc
import Synchronization

/// Ends a blocked read or write of another thread, by shutting its socket down.
///
/// Once interrupted it stays so: a socket published later is shut down at once.
final class SocketInterruption: Sendable {
    private struct State {
        var descriptor: Int32?
        var isInterrupted = false
    }

    private let state = Mutex(State())

    /// Whether ``interrupt()`` has been called.
    var isInterrupted: Bool { state.withLock(\.isInterrupted) }

    /// Shuts the current socket down and all later ones. Any thread, any number of times.
    ///
    /// The lock is held across `shutdown`, which does not block: the owner withdraws the descriptor under the
    /// same lock before closing it, so the number cannot belong to another file by then.
    func interrupt() {
        state.withLock { state in
            state.isInterrupted = true
            if let descriptor = state.descriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Names the open socket.
    func publish(_ descriptor: Int32) {
        state.withLock { state in
            state.descriptor = descriptor
            if state.isInterrupted { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Forgets the socket; called before it is closed.
    func withdraw() {
        state.withLock { $0.descriptor = nil }
    }
}
