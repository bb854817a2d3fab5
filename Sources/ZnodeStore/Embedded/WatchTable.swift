/// A watch that a change has set off.
package struct FiredWatch: Hashable, Sendable {
    package let session: Int64
    package let token: WatchToken
    package let event: WatchEvent
}

/// Who waits for what: the one-shot watches of all sessions. A value without I/O.
struct WatchTable: Sendable {
    /// What a read waits for.
    enum Kind: Hashable, Sendable {
        /// The znode's own life and data: armed by `get` and `exists`, and by `exists` on a missing znode.
        case node
        /// The list of its children, and its end.
        case children
    }

    private struct Place: Hashable, Sendable {
        let path: ZnodePath
        let kind: Kind
    }

    private struct Registration: Sendable {
        let session: Int64
        var places: [Place]
    }

    /// Tokens in the order in which they were armed.
    private var tokens: [Place: [WatchToken]] = [:]
    private var registrations: [WatchToken: Registration] = [:]
    private var tokensOfSession: [Int64: Set<WatchToken>] = [:]

    /// How many tokens are armed.
    var count: Int { registrations.count }

    /// Arms a token. Arming it again at the same place changes nothing.
    mutating func arm(_ token: WatchToken, session: Int64, path: ZnodePath, kind: Kind) {
        let place = Place(path: path, kind: kind)
        if registrations[token]?.places.contains(place) == true { return }
        registrations[token, default: Registration(session: session, places: [])].places.append(place)
        tokens[place, default: []].append(token)
        tokensOfSession[session, default: []].insert(token)
    }

    /// Gives a token up wherever it is armed.
    mutating func disarm(_ token: WatchToken) {
        _ = remove(token)
    }

    /// Gives all tokens of a session up.
    mutating func disarmAll(of session: Int64) {
        for token in tokensOfSession[session] ?? [] { _ = remove(token) }
    }

    /// Removes and returns the watches that changes set off, in the order of the changes.
    mutating func fire(_ changes: [ZnodeChange]) -> [FiredWatch] {
        var fired: [FiredWatch] = []
        guard !registrations.isEmpty else { return fired }
        for change in changes {
            switch change.kind {
            case .created:
                fire(.created, change.path, .node, into: &fired)
            case .dataChanged:
                fire(.dataChanged, change.path, .node, into: &fired)
            case .deleted:
                fire(.deleted, change.path, .node, into: &fired)
                fire(.deleted, change.path, .children, into: &fired)
            }
            if change.kind != .dataChanged, let parent = change.path.parent {
                fire(.childrenChanged, parent, .children, into: &fired)
            }
        }
        return fired
    }

    private mutating func fire(
        _ event: WatchEvent,
        _ path: ZnodePath,
        _ kind: Kind,
        into fired: inout [FiredWatch]
    ) {
        guard let waiting = tokens.removeValue(forKey: Place(path: path, kind: kind)) else { return }
        for token in waiting {
            guard let registration = remove(token) else { continue }
            fired.append(FiredWatch(session: registration.session, token: token, event: event))
        }
    }

    private mutating func remove(_ token: WatchToken) -> Registration? {
        guard let registration = registrations.removeValue(forKey: token) else { return nil }
        for place in registration.places {
            tokens[place]?.removeAll { $0 == token }
            if tokens[place]?.isEmpty == true { tokens[place] = nil }
        }
        tokensOfSession[registration.session]?.remove(token)
        if tokensOfSession[registration.session]?.isEmpty == true {
            tokensOfSession[registration.session] = nil
        }
        return registration
    }
}
