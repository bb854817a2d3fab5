import ZnodeStore

/// A mistake that is made on purpose, at the seams of the product, so that the simulation shows that it would find it.
package struct Bug: Sendable {
    /// How it is called by.
    package let name: String
    /// What is wrong, in one sentence.
    package let summary: String
    /// Changes what a session sends: what goes in the place of one operation, or `nil` where it stays as it is.
    var change: (@Sendable (_ operations: [StoreOperation], _ index: Int) -> [StoreOperation]?)?
    var isMirrorUnguarded = false
    var areAttemptsUnguarded = false
    var spawnsAtPrepare = false
    var ignoresLease = false
    var ignoresStop = false
    var forgetsHeld = false
    var skipsKillMargin = false

    init(_ name: String, _ summary: String) {
        self.name = name
        self.summary = summary
    }

    /// Nothing is wrong.
    package static let none = Bug("none", "nothing is wrong")

    /// What is sent in the place of some operations, and how to read the answer.
    struct Rewritten {
        var operations: [StoreOperation]
        /// For each operation that was asked for, where its answer is; `nil` where it was not sent.
        fileprivate var places: [Int?]

        func restore(_ results: [StoreOperationResult]) -> [StoreOperationResult] {
            places.map { place in place.map { results[$0] } ?? .checked }
        }

        func restore(_ error: StoreError) -> StoreError {
            guard let failed = error.failedIndex else { return error }
            return StoreError(
                error.code,
                operation: error.operation,
                path: error.path,
                failedIndex: places.lastIndex { ($0 ?? .max) <= failed } ?? 0,
                message: error.message
            )
        }
    }

    func rewrite(_ operations: [StoreOperation]) -> Rewritten {
        guard let change else {
            return Rewritten(operations: operations, places: operations.indices.map { $0 })
        }
        var rewritten = Rewritten(operations: [], places: [])
        for index in operations.indices {
            let replacement = change(operations, index) ?? [operations[index]]
            rewritten.places.append(replacement.isEmpty ? nil : rewritten.operations.count)
            rewritten.operations += replacement
        }
        return rewritten
    }
}
