import Synchronization
import ZnodeStore

/// What a watch looks at. The raw value is what libzookeeper carries as the watch's context: never a pointer.
///
/// libzookeeper calls a watcher any number of times and forgets it silently at close, so nothing can be owned
/// by one. With one context for all watches of a kind, it also keeps one registration per path and kind
/// however often a path is read.
enum WatchKind: UInt, Hashable, Sendable {
    case data = 1
    case children = 2

    var context: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: rawValue) }
}

/// The watches of one session. Pure: no C, no tasks; the session guards it with its lock.
///
/// A token is *idle* until a read arms it; then it fires once, to the one who waits or to the next who asks.
/// It leaves the table when its event is taken, when it is disarmed, or when the session ends.
struct WatchTable {
    typealias Waiter = CheckedContinuation<WatchEvent?, Never>

    private enum State {
        case idle
        case waiting(Waiter)
        case fired(WatchEvent)
    }

    private struct Entry {
        var state = State.idle
        var targets: [Target] = []
    }

    private struct Target: Hashable {
        let kind: WatchKind
        let path: String
    }

    /// What a reconnect may send again in one request (libzookeeper does not divide it, ZOOKEEPER-706), with
    /// room to spare below the server's limit of 1,048,575 bytes: the reads of one window may pass the bound
    /// together.
    static let maximumBytes = 256 * 1024

    private static let counter = Atomic<UInt>(0)

    /// Bytes that each path takes beside itself: its length field and the chroot.
    private let overhead: Int
    private var entries: [WatchToken: Entry] = [:]
    /// What libzookeeper has registered, with the tokens that wait for it. A token that is given up leaves
    /// its target here.
    private var targets: [Target: Set<WatchToken>] = [:]
    private var isOpen = true
    /// What the registered paths take in the request that a reconnect sends.
    private(set) var bytes = 0

    init(chrootLength: Int) {
        overhead = chrootLength + 4
    }

    /// A new token; never one that was given out before in this process.
    mutating func makeToken() -> WatchToken {
        let token = WatchToken(rawValue: Self.counter.wrappingAdd(1, ordering: .relaxed).newValue)
        if isOpen { entries[token] = Entry() }
        return token
    }

    /// Whether a watch on this path still fits.
    func hasRoom(for kind: WatchKind, path: String) -> Bool {
        targets[Target(kind: kind, path: path)] != nil
            || bytes + path.utf8.count + overhead <= Self.maximumBytes
    }

    /// A read with this token has succeeded, so libzookeeper has registered the path.
    mutating func arm(_ token: WatchToken, kind: WatchKind, path: String) {
        guard isOpen else { return }
        let target = Target(kind: kind, path: path)
        if targets[target] == nil {
            targets[target] = []
            bytes += path.utf8.count + overhead
        }
        guard var entry = entries[token] else { return }
        if case .fired = entry.state { return }
        if targets[target]?.insert(token).inserted == true { entry.targets.append(target) }
        entries[token] = entry
    }

    /// libzookeeper has delivered an event, and with it has forgotten the registration.
    ///
    /// - Returns: those who wait for it, to be resumed with the event.
    mutating func fire(_ kind: WatchKind, path: String, _ event: WatchEvent) -> [Waiter] {
        guard let tokens = targets.removeValue(forKey: Target(kind: kind, path: path)) else { return [] }
        bytes -= path.utf8.count + overhead
        var waiters: [Waiter] = []
        for token in tokens {
            guard var entry = entries[token] else { continue }
            leave(entry.targets, token)
            switch entry.state {
            case .waiting(let waiter):
                entries[token] = nil
                waiters.append(waiter)
            case .idle, .fired:
                entry.state = .fired(event)
                entry.targets = []
                entries[token] = entry
            }
        }
        return waiters
    }

    /// Someone waits for the token.
    ///
    /// - Returns: `nil` if the waiter is kept; otherwise what it is to be resumed with at once.
    mutating func wait(for token: WatchToken, _ waiter: Waiter) -> WatchEvent?? {
        guard let entry = entries[token] else { return .some(nil) }
        switch entry.state {
        case .fired(let event):
            entries[token] = nil
            return event
        case .waiting:
            preconditionFailure("two tasks wait for watch \(token.rawValue)")
        case .idle:
            entries[token]?.state = .waiting(waiter)
            return nil
        }
    }

    /// Gives a token up.
    ///
    /// - Returns: who waits for it, to be resumed with `nil`.
    mutating func disarm(_ token: WatchToken) -> Waiter? {
        guard let entry = entries.removeValue(forKey: token) else { return nil }
        leave(entry.targets, token)
        guard case .waiting(let waiter) = entry.state else { return nil }
        return waiter
    }

    /// The session is over: no event can follow, and none is accepted.
    ///
    /// - Returns: all who wait, to be resumed with `nil`.
    mutating func end() -> [Waiter] {
        isOpen = false
        let waiters = entries.values.compactMap { entry -> Waiter? in
            guard case .waiting(let waiter) = entry.state else { return nil }
            return waiter
        }
        entries = [:]
        targets = [:]
        bytes = 0
        return waiters
    }

    private mutating func leave(_ left: [Target], _ token: WatchToken) {
        for target in left { targets[target]?.remove(token) }
    }
}
