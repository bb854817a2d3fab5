import CZooKeeper
import Dispatch
import Synchronization
import ZnodeStore

extension ZooKeeperSession {
    /// Sends a request with one answer and waits for it.
    func perform<Value: Sendable>(
        _ header: RequestHeader,
        _ call: @escaping Completion<Value>.Call
    ) async throws(StoreError) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, StoreError>, Never>) in
            submit(Completion(header, session: self, continuation: continuation, call: call))
        }
        return try result.get()
    }

    /// Sends a request, or lets it wait for room in the window, or refuses it where too many wait.
    func submit(_ request: any PendingRequest) {
        let refusal = shared.withLock { shared -> StoreError? in
            if let refusal = shared.refusal(of: request) { return refusal }
            guard shared.requests.hasRoom else {
                if shared.requests.queue(request) { return nil }
                return request.header.error(
                    .throttled,
                    message: "\(shared.requests.maximumWaiting) requests of this session wait already"
                )
            }
            return shared.send(request)
        }
        if let refusal { request.fail(refusal) }
    }

    /// Takes an answered request out, on libzookeeper's completion thread, and sends what waited for its
    /// place.
    ///
    /// - Returns: whether the caller is the one who resumes the request's own caller.
    func settle(_ request: any PendingRequest, code: Int32) -> Bool {
        var refused: [(any PendingRequest, StoreError)] = []
        let isOurs = shared.withLock { shared -> Bool in
            guard let outstanding = shared.requests.remove(request) else { return false }
            shared.note(outstanding, code: code)
            while let next = shared.requests.nextWaiting() {
                if let refusal = shared.refusal(of: next) ?? shared.send(next) {
                    refused.append((next, refusal))
                }
            }
            if shared.requests.isEmpty { shared.drained?.signal() }
            return true
        }
        for (request, error) in refused { request.fail(error) }
        return isOurs
    }
}

extension ZooKeeperSession.Shared {
    /// Why a request must not be sent now. Checked in the same locked section as the call.
    fileprivate mutating func refusal(of request: any PendingRequest) -> StoreError? {
        switch state {
        case .connecting, .suspended: return request.header.error(.notConnected)
        case .lost, .expired: return request.header.error(.sessionExpired)
        case .closed: return request.header.error(.closing)
        case .connected: break
        }
        guard case .open = ending, let handle else { return request.header.error(.closing) }
        // The library may know more than its events have told so far.
        guard zoo_state(handle.raw) == ZOO_CONNECTED_STATE else { return request.header.error(.notConnected) }
        if let arming = request.header.arming, let path = request.header.path,
            !watches.hasRoom(for: arming.kind, path: path.description)
        {
            refusedWatches += 1
            return request.header.error(
                .tooLarge,
                message: "the paths that this session watches would pass \(WatchTable.maximumBytes) bytes,"
                    + " more than a reconnect can send"
            )
        }
        return nil
    }

    /// Makes the call. The request is in the registry before it, since the answer may come before the call
    /// returns.
    fileprivate mutating func send(_ request: any PendingRequest) -> StoreError? {
        guard let handle else { return request.header.error(.closing) }
        requests.insert(request, sentAt: .now)
        let code = request.send(on: handle.raw)
        guard code != ZOK.rawValue else { return nil }
        _ = requests.remove(request)
        let isDead = is_unrecoverable(handle.raw) != ZOK.rawValue
        return request.header.error(
            isDead ? .sessionExpired : StoreError.Code(zooKeeper: code) ?? .other(code)
        )
    }

    /// Learns from an answer: what is watched now, and when the server was in contact.
    fileprivate mutating func note(_ outstanding: RequestRegistry.Outstanding, code: Int32) {
        let header = outstanding.request.header
        let isSuccess = code == ZOK.rawValue
        if let arming = header.arming, let path = header.path,
            isSuccess || (header.armsOnMissing && code == ZNONODE.rawValue)
        {
            watches.arm(arming.token, kind: arming.kind, path: path.description)
        }
        guard isSuccess || StoreError.Code(zooKeeper: code)?.isVerdictOnTree == true else { return }
        lastAnswered = max(lastAnswered, outstanding.sentAt)
        if header.isWrite { lastConfirmedWrite = max(lastConfirmedWrite, outstanding.sentAt) }
    }
}
