import CZooKeeper
import ZnodeStore

/// One `multi`, with the memory that libzookeeper reads at the call and writes at the answer.
///
/// `@unchecked`: the buffers are filled in `init`, then touched by C alone, and read in the completion, which
/// only the request's one remover runs; they are freed when nobody can call back any more.
final class MultiRequest: PendingRequest, @unchecked Sendable {
    typealias Continuation = CheckedContinuation<Result<[StoreOperationResult], StoreError>, Never>

    let header = RequestHeader(operation: "multi", path: nil, isWrite: true)
    private let session: ZooKeeperSession
    private let continuation: Continuation
    private let operations: [StoreOperation]
    private let calls: UnsafeMutablePointer<zoo_op_t>
    private let results: UnsafeMutablePointer<zoo_op_result_t>
    private let stats: UnsafeMutablePointer<Stat>
    /// The paths, the data, and room for the paths of what is created.
    private let text: UnsafeMutablePointer<CChar>

    init(_ operations: [StoreOperation], session: ZooKeeperSession, continuation: Continuation) {
        self.operations = operations
        self.session = session
        self.continuation = continuation
        calls = .allocate(capacity: operations.count)
        calls.initialize(repeating: zoo_op_t(), count: operations.count)
        results = .allocate(capacity: operations.count)
        results.initialize(repeating: zoo_op_result_t(), count: operations.count)
        stats = .allocate(capacity: operations.count)
        stats.initialize(repeating: Stat(), count: operations.count)
        text = .allocate(capacity: operations.reduce(0) { $0 + Self.textLength($1) })
        encode(acl: session.acl)
    }

    deinit {
        calls.deallocate()
        results.deallocate()
        stats.deallocate()
        text.deallocate()
    }

    func send(on handle: OpaquePointer) -> Int32 {
        zoo_amulti(
            handle,
            Int32(operations.count),
            calls,
            results,
            multiCompleted,
            // The session's registry owns it until C calls back or the handle is closed.
            UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
        )
    }

    func fail(_ error: StoreError) {
        continuation.resume(returning: .failure(error))
    }

    /// Called from the C completion, on libzookeeper's completion thread.
    static func finish(_ data: UnsafeRawPointer?, code: Int32) {
        // The pointer is what `send` passed, and the registry holds the object until this call has removed
        // it.
        let request = Unmanaged<MultiRequest>.fromOpaque(data!).takeUnretainedValue()
        guard request.session.settle(request, code: code) else { return }
        request.continuation.resume(returning: Result { () throws(StoreError) in try request.outcome(code) })
    }

    private func outcome(_ code: Int32) throws(StoreError) -> [StoreOperationResult] {
        guard code == ZOK.rawValue else { throw failure(code) }
        var outcome: [StoreOperationResult] = []
        outcome.reserveCapacity(operations.count)
        for (index, operation) in operations.enumerated() {
            switch operation {
            case .create(let path, _, let mode):
                guard mode.isSequential, let created = results[index].value else {
                    outcome.append(.created(path))
                    continue
                }
                outcome.append(.created(try ZnodePath(String(cString: created))))
            case .set: outcome.append(.set(ZnodeStat(stats[index])))
            case .delete: outcome.append(.deleted)
            case .check: outcome.append(.checked)
            }
        }
        return outcome
    }

    /// The operation to blame is the first that neither succeeded nor was given up because of another.
    private func failure(_ code: Int32) -> StoreError {
        let answered = code <= ZAPIERROR.rawValue
        let blamed = operations.indices.first { index in
            results[index].err != ZOK.rawValue && results[index].err != ZRUNTIMEINCONSISTENCY.rawValue
        }
        guard answered, let blamed else {
            return header.error(StoreError.Code(zooKeeper: code) ?? .other(code))
        }
        let error = results[blamed].err
        return StoreError(
            StoreError.Code(zooKeeper: error) ?? .other(error),
            operation: "multi",
            path: operations[blamed].path,
            failedIndex: blamed
        )
    }

    private func encode(acl: UnsafePointer<ACL_vector>?) {
        var free = text
        func place(_ bytes: some Collection<UInt8>) -> UnsafeMutablePointer<CChar> {
            let start = free
            for byte in bytes {
                free.initialize(to: CChar(bitPattern: byte))
                free += 1
            }
            return start
        }
        func placeData(_ data: [UInt8]) -> UnsafeMutablePointer<CChar> {
            let start = free
            // The block was made as large as all that is placed in it.
            data.withUnsafeBytes { UnsafeMutableRawPointer(start).copyMemory(from: $0) }
            free += data.count
            return start
        }
        for (index, operation) in operations.enumerated() {
            let path = place(operation.path.description.utf8)
            _ = place(CollectionOfOne(0))
            let call = calls + index
            switch operation {
            case .create(let target, let data, let mode):
                let bytes = placeData(data)
                let room = Self.createdPathLength(target)
                zoo_create_op_init(call, path, bytes, Int32(data.count), acl, mode.flags, free, Int32(room))
                free.initialize(repeating: 0, count: room)
                free += room
            case .set(_, let data, let version):
                let bytes = placeData(data)
                zoo_set_op_init(call, path, bytes, Int32(data.count), version ?? -1, stats + index)
            case .delete(_, let version): zoo_delete_op_init(call, path, version ?? -1)
            case .check(_, let version): zoo_check_op_init(call, path, version ?? -1)
            }
        }
    }

    private static func textLength(_ operation: StoreOperation) -> Int {
        let path = operation.path.description.utf8.count + 1
        switch operation {
        case .create(let target, let data, _): return path + data.count + createdPathLength(target)
        case .set(_, let data, _): return path + data.count
        case .delete, .check: return path
        }
    }

    /// A counter has ten digits, eleven characters once it is negative.
    private static func createdPathLength(_ path: ZnodePath) -> Int { path.description.utf8.count + 12 }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        copyMemory(from: start, byteCount: bytes.count)
    }
}
