/// The times that fence exclusive attempts, as shares of a session's timeout T.
///
/// A server cannot expire a session before T has passed since the *sending* of the last write that it answered. So an
/// attempt that is killed at `length` after that moment is dead before anybody can see its worker gone; `margin` is what
/// is left for the kill itself and for clocks that do not run at the same rate. The leader waits `killMargin` more after it
/// has seen the worker gone.
package struct LeaseTerms: Hashable, Sendable {
    private let timeout: Duration

    package init(sessionTimeout: Duration) {
        timeout = sessionTimeout
    }

    /// T/5.
    package var margin: Duration { timeout / 5 }
    /// How long after the sending of the last answered write an exclusive attempt may run: T − T/5.
    package var length: Duration { timeout - margin }
    /// By how much the first signal may precede KILL, where the task's grace is as long: T/3.
    package var warning: Duration { timeout / 3 }
    /// How often contact is proved by a write while exclusive attempts are held: T/6.
    package var renewalInterval: Duration { timeout / 6 }
    /// How long the leader waits on its own clock before it takes an exclusive attempt over: T/5 + 1 s.
    package var killMargin: Duration { margin + .seconds(1) }
}
