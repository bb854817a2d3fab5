import CZooKeeper
import ZnodeStore

/// What every request says about itself.
struct RequestHeader: Sendable {
    let operation: String
    let path: ZnodePath?
    var isWrite = false
    var arming: (token: WatchToken, kind: WatchKind)?
    /// Whether the watch is armed although the znode is missing (`exists`).
    var armsOnMissing = false

    func error(_ code: StoreError.Code, message: String? = nil) -> StoreError {
        StoreError(code, operation: operation, path: path, message: message)
    }
}

/// One request on its way. The session's registry owns it; C borrows it until it calls back or the handle is
/// closed.
protocol PendingRequest: AnyObject, Sendable {
    var header: RequestHeader { get }

    /// Makes the call. Called under the session's lock.
    ///
    /// - Returns: libzookeeper's code. With any other than `ZOK` the request was not accepted and is never
    ///   completed.
    func send(on handle: OpaquePointer) -> Int32
    /// Resumes the caller. Called once, by whoever removed the request from the registry, under no lock.
    func fail(_ error: StoreError)
}

/// A request with one answer.
final class Completion<Value: Sendable>: PendingRequest {
    typealias Call = @Sendable (_ handle: OpaquePointer, _ request: UnsafeRawPointer) -> Int32

    let header: RequestHeader
    private let session: ZooKeeperSession
    private let continuation: CheckedContinuation<Result<Value, StoreError>, Never>
    private let call: Call

    init(
        _ header: RequestHeader,
        session: ZooKeeperSession,
        continuation: CheckedContinuation<Result<Value, StoreError>, Never>,
        call: @escaping Call
    ) {
        self.header = header
        self.session = session
        self.continuation = continuation
        self.call = call
    }

    func send(on handle: OpaquePointer) -> Int32 {
        // The session's registry owns it until C calls back or the handle is closed.
        call(handle, UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()))
    }

    func fail(_ error: StoreError) {
        continuation.resume(returning: .failure(error))
    }

    /// Called from a C completion, on libzookeeper's completion thread. Leaves the registry first, then
    /// resumes.
    static func finish(_ data: UnsafeRawPointer?, code: Int32, _ value: () -> Value?) {
        // The pointer is what `send` passed, and the registry holds the object until this call has removed
        // it.
        let completion = Unmanaged<Completion<Value>>.fromOpaque(data!).takeUnretainedValue()
        guard completion.session.settle(completion, code: code) else { return }
        if code == ZOK.rawValue || (completion.header.armsOnMissing && code == ZNONODE.rawValue) {
            if let value = value() {
                completion.continuation.resume(returning: .success(value))
            } else {
                completion.fail(completion.header.error(.other(ZMARSHALLINGERROR.rawValue)))
            }
        } else {
            completion.fail(completion.header.error(StoreError.Code(zooKeeper: code) ?? .other(code)))
        }
    }
}
