/// Refuses what must not reach a store, before any call: the embedded store keeps the bounds of the real one.
enum RequestLimits {
    /// Checks one operation that is sent alone.
    ///
    /// - Throws: `StoreError` with `.tooLarge` or `.badArguments`.
    static func check(_ operation: StoreOperation, name: String) throws(StoreError) {
        if let problem = problem(with: operation) {
            throw StoreError(
                problem.code,
                operation: name,
                path: operation.path,
                message: problem.message
            )
        }
    }

    /// Checks the operations of a `multi`.
    ///
    /// - Throws: `StoreError` with `.tooLarge` or `.badArguments`, with the index where one operation is to blame.
    static func check(multi operations: [StoreOperation]) throws(StoreError) {
        guard operations.count <= StoreLimits.maximumMultiCount else {
            throw StoreError(.tooLarge, operation: "multi", message: "\(operations.count) operations")
        }
        var size = 0
        for (index, operation) in operations.enumerated() {
            if let problem = problem(with: operation) {
                throw StoreError(
                    problem.code,
                    operation: "multi",
                    path: operation.path,
                    failedIndex: index,
                    message: problem.message
                )
            }
            size += operation.encodedSize
        }
        guard size <= StoreLimits.maximumMultiLength else {
            throw StoreError(.tooLarge, operation: "multi", message: "\(size) bytes")
        }
    }

    private static func problem(
        with operation: StoreOperation
    ) -> (code: StoreError.Code, message: String)? {
        switch operation {
        case .create(let path, let data, let mode):
            if mode.isSequential, path.name.utf8.count + 11 > ZnodePath.maximumSegmentLength {
                return (.badArguments, "no room for a counter behind this name")
            }
            return problem(with: data)
        case .set(_, let data, _):
            return problem(with: data)
        case .delete, .check:
            return nil
        }
    }

    private static func problem(with data: [UInt8]) -> (code: StoreError.Code, message: String)? {
        data.count > StoreLimits.maximumDataLength ? (.tooLarge, "\(data.count) bytes of data") : nil
    }
}
