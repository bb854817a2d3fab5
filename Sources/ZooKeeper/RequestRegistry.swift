import ZnodeStore

/// The requests of one session: those that libzookeeper has, at most a window of them, and those that wait
/// for room.
///
/// Pure: no C, no tasks; the session guards it with its lock. Whoever removes a request is the one who
/// resumes its caller, so "exactly once" is a dictionary operation: libzookeeper may drop a completion at
/// close, and may not call one twice.
struct RequestRegistry {
    struct Outstanding {
        let request: any PendingRequest
        let sentAt: ContinuousClock.Instant
    }

    let window: Int
    /// The most requests that may wait for room.
    let maximumWaiting: Int
    /// How many were refused since that many waited.
    private(set) var refused = 0
    private var outstanding: [ObjectIdentifier: Outstanding] = [:]
    private var waiting: [any PendingRequest] = []
    /// Where the waiting ones begin in `waiting`: those before it have left.
    private var firstWaiting = 0

    init(window: Int, maximumWaiting: Int) {
        self.window = window
        self.maximumWaiting = maximumWaiting
    }

    var isEmpty: Bool { outstanding.isEmpty }
    /// Whether a new request can go at once without overtaking one that waits.
    var hasRoom: Bool { outstanding.count < window && firstWaiting == waiting.count }

    var outstandingCount: Int { outstanding.count }
    var waitingCount: Int { waiting.count - firstWaiting }

    mutating func insert(_ request: any PendingRequest, sentAt: ContinuousClock.Instant) {
        outstanding[ObjectIdentifier(request)] = Outstanding(request: request, sentAt: sentAt)
    }

    mutating func remove(_ request: any PendingRequest) -> Outstanding? {
        outstanding.removeValue(forKey: ObjectIdentifier(request))
    }

    /// Lets a request wait for room. Returns false where too many wait already.
    mutating func queue(_ request: any PendingRequest) -> Bool {
        guard waitingCount < maximumWaiting else {
            refused += 1
            return false
        }
        waiting.append(request)
        return true
    }

    /// The one that has waited longest, if there is room for it.
    mutating func nextWaiting() -> (any PendingRequest)? {
        guard outstanding.count < window, firstWaiting < waiting.count else { return nil }
        let request = waiting[firstWaiting]
        firstWaiting += 1
        if firstWaiting == waiting.count {
            waiting = []
            firstWaiting = 0
        } else if firstWaiting > 1024, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        return request
    }

    /// Takes all that wait for room.
    mutating func drainWaiting() -> [any PendingRequest] {
        defer {
            waiting = []
            firstWaiting = 0
        }
        return Array(waiting[firstWaiting...])
    }

    /// Takes all that libzookeeper has.
    mutating func drainOutstanding() -> [any PendingRequest] {
        defer { outstanding = [:] }
        return outstanding.values.map(\.request)
    }
}
