import CZooKeeper
import Synchronization
package import ZnodeStore

extension ZooKeeperSession {
    package func create(
        _ path: ZnodePath,
        data: [UInt8],
        mode: CreateMode
    ) async throws(StoreError) -> ZnodePath {
        let header = RequestHeader(operation: "create", path: path, isWrite: true)
        try check(data, header)
        try checkCounterFits(path, mode: mode, operation: "create")
        let acl = SendablePointer(acl)
        let created: String = try await perform(header) { handle, request in
            withCBytes(path, data) { path, bytes, length in
                zoo_acreate(handle, path, bytes, length, acl.value, mode.flags, createCompleted, request)
            }
        }
        return mode.isSequential ? try ZnodePath(created) : path
    }

    package func get(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> Znode {
        let header = RequestHeader(operation: "get", path: path, arming: watch.map { ($0, .data) })
        return try await perform(header) { handle, request in
            zoo_awget(
                handle,
                path.description,
                watch == nil ? nil : nodeChanged,
                WatchKind.data.context,
                readCompleted,
                request
            )
        }
    }

    package func exists(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> ZnodeStat? {
        let header = RequestHeader(
            operation: "exists",
            path: path,
            arming: watch.map { ($0, .data) },
            armsOnMissing: true
        )
        return try await perform(header) { handle, request in
            zoo_awexists(
                handle,
                path.description,
                watch == nil ? nil : nodeChanged,
                WatchKind.data.context,
                existsCompleted,
                request
            )
        }
    }

    package func children(_ path: ZnodePath, watch: WatchToken?) async throws(StoreError) -> [String] {
        let header = RequestHeader(operation: "children", path: path, arming: watch.map { ($0, .children) })
        return try await perform(header) { handle, request in
            zoo_awget_children(
                handle,
                path.description,
                watch == nil ? nil : nodeChanged,
                WatchKind.children.context,
                childrenCompleted,
                request
            )
        }
    }

    package func set(
        _ path: ZnodePath,
        data: [UInt8],
        version: Int32?
    ) async throws(StoreError) -> ZnodeStat {
        let header = RequestHeader(operation: "set", path: path, isWrite: true)
        try check(data, header)
        return try await perform(header) { handle, request in
            withCBytes(path, data) { path, bytes, length in
                zoo_aset(handle, path, bytes, length, version ?? -1, setCompleted, request)
            }
        }
    }

    package func delete(_ path: ZnodePath, version: Int32?) async throws(StoreError) {
        let header = RequestHeader(operation: "delete", path: path, isWrite: true)
        let _: Bool = try await perform(header) { handle, request in
            zoo_adelete(handle, path.description, version ?? -1, deleteCompleted, request)
        }
    }

    package func multi(_ operations: [StoreOperation]) async throws(StoreError) -> [StoreOperationResult] {
        do throws(StoreError) {
            let size = try checkedSize(operations)
            shared.withLock { $0.transactionBytes.value = max($0.transactionBytes.value, size) }
        } catch {
            if error.code == .tooLarge { shared.withLock { $0.transactionBytes.refused += 1 } }
            throw error
        }
        guard !operations.isEmpty else { return [] }
        let result = await withCheckedContinuation { (continuation: MultiRequest.Continuation) in
            submit(MultiRequest(operations, session: self, continuation: continuation))
        }
        return try result.get()
    }

    package func sync(_ path: ZnodePath) async throws(StoreError) {
        // Always with a completion: the library calls it without looking.
        let _: Bool = try await perform(RequestHeader(operation: "sync", path: path)) { handle, request in
            zoo_async(handle, path.description, syncCompleted, request)
        }
    }

    private func check(_ data: [UInt8], _ header: RequestHeader) throws(StoreError) {
        guard data.count > StoreLimits.maximumDataLength else { return }
        throw header.error(
            .tooLarge,
            message: "\(data.count) bytes, more than \(StoreLimits.maximumDataLength)"
        )
    }

    /// The server adds ten digits to a sequential name, and what it returns must be a path again.
    private func checkCounterFits(
        _ path: ZnodePath,
        mode: CreateMode,
        operation: String,
        index: Int? = nil
    ) throws(StoreError) {
        guard mode.isSequential, path.name.utf8.count > ZnodePath.maximumSegmentLength - 11 else { return }
        throw StoreError(
            .badArguments,
            operation: operation,
            path: path,
            failedIndex: index,
            message: "the name leaves no room for a counter"
        )
    }

    /// How much a transaction takes, where it may be sent.
    private func checkedSize(_ operations: [StoreOperation]) throws(StoreError) -> Int {
        guard operations.count <= StoreLimits.maximumMultiCount else {
            throw StoreError(
                .tooLarge,
                operation: "multi",
                message: "\(operations.count) operations, more than \(StoreLimits.maximumMultiCount)"
            )
        }
        var total = 0
        for (index, operation) in operations.enumerated() {
            total += operation.encodedSize
            switch operation {
            case .create(let path, let data, let mode):
                try check(data, of: path, at: index)
                try checkCounterFits(path, mode: mode, operation: "multi", index: index)
            case .set(let path, let data, _): try check(data, of: path, at: index)
            case .delete, .check: break
            }
        }
        let chroots =
            configuration.chroot == .root ? 0 : configuration.chroot.description.utf8.count * operations.count
        // The chroot goes before each path on the wire; the server's own limit is 1,048,575.
        guard total <= StoreLimits.maximumMultiLength, total + chroots <= 1_000_000 else {
            throw StoreError(
                .tooLarge,
                operation: "multi",
                message: "\(total) bytes, more than \(StoreLimits.maximumMultiLength)"
            )
        }
        return total
    }

    private func check(_ data: [UInt8], of path: ZnodePath, at index: Int) throws(StoreError) {
        guard data.count > StoreLimits.maximumDataLength else { return }
        throw StoreError(
            .tooLarge,
            operation: "multi",
            path: path,
            failedIndex: index,
            message: "\(data.count) bytes, more than \(StoreLimits.maximumDataLength)"
        )
    }
}

/// A pointer to a constant of the library, which nobody writes: that is what makes it `Sendable`.
private struct SendablePointer: @unchecked Sendable {
    let value: UnsafePointer<ACL_vector>?

    init(_ value: UnsafePointer<ACL_vector>?) {
        self.value = value
    }
}

/// The library copies both into its request before the call returns.
private func withCBytes(
    _ path: ZnodePath,
    _ data: [UInt8],
    _ body: (_ path: UnsafePointer<CChar>, _ bytes: UnsafePointer<CChar>?, _ length: Int32) -> Int32
) -> Int32 {
    path.description.withCString { path in
        // The client copies path and data before the call returns.
        data.withUnsafeBytes { bytes in
            // An empty array has no address, and no address means null data, which is not empty data.
            guard let start = bytes.baseAddress else { return body(path, path, 0) }
            return body(path, start.assumingMemoryBound(to: CChar.self), Int32(data.count))
        }
    }
}
