import Synchronization
import ZnodeStore

/// Another session whose lists of one znode can be held back, before they are asked for.
final class HeldListSession: ForwardingSession, @unchecked Sendable {
    private struct Gate {
        /// Lists are held back once an answer had this name.
        var name: String
        var isArmed = false
        var held: [CheckedContinuation<Void, Never>] = []
        var isOpen = false
    }

    private let path: ZnodePath
    private let gate: Mutex<Gate>

    init(_ session: any ZnodeSession, holding path: ZnodePath, afterSeeing name: String) {
        self.path = path
        gate = Mutex(Gate(name: name))
        super.init(session)
    }

    /// Whether a list is held back now.
    var isHolding: Bool { gate.withLock { !$0.held.isEmpty } }

    /// Whether an answer had the name.
    var hasSeen: Bool { gate.withLock { $0.isArmed } }

    /// Lets all lists through from now on.
    func open() {
        let held = gate.withLock { gate in
            gate.isOpen = true
            defer { gate.held = [] }
            return gate.held
        }
        for each in held { each.resume() }
    }

    override func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        guard path == self.path else { return try await super.children(path, watch: watch) }
        await withCheckedContinuation { continuation in
            let isHeld = gate.withLock { gate in
                guard gate.isArmed, !gate.isOpen else { return false }
                gate.held.append(continuation)
                return true
            }
            if !isHeld { continuation.resume() }
        }
        let names = try await super.children(path, watch: watch)
        gate.withLock { if names.contains($0.name) { $0.isArmed = true } }
        return names
    }
}
