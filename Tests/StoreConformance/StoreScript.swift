package import ZnodeStore

/// Random steps on a small tree, drawn from a seed: the same seed gives the same script.
///
/// Paths are relative to a root that is put before them when the script is run.
package struct StoreScript: Sendable {
    /// What one session does.
    package enum Step: Sendable {
        case single(StoreOperation)
        case multi([StoreOperation])
        case get(ZnodePath, watched: Bool)
        case exists(ZnodePath, watched: Bool)
        case children(ZnodePath, watched: Bool)
        /// Closes the session and opens another in its place.
        case reopen
    }

    /// How many sessions take part.
    package static let sessionCount = 2

    package let seed: UInt64
    package let steps: [(session: Int, step: Step)]

    /// Draws a script.
    package init(seed: UInt64, count: Int) {
        var generator = SeededGenerator(seed: seed)
        self.seed = seed
        self.steps = (0..<count).map { _ in
            (Int.random(in: 0..<Self.sessionCount, using: &generator), Self.step(&generator))
        }
    }

    private static func step(_ generator: inout SeededGenerator) -> Step {
        let watched = Bool.random(using: &generator)
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<45: return .single(singleOperation(&generator))
        case 45..<65:
            let count = Int.random(in: 1...5, using: &generator)
            return .multi((0..<count).map { _ in operation(&generator) })
        case 65..<76: return .get(path(&generator), watched: watched)
        case 76..<87: return .exists(path(&generator), watched: watched)
        case 87..<98: return .children(path(&generator), watched: watched)
        default: return .reopen
        }
    }

    /// An operation that exists outside a `multi` too.
    private static func singleOperation(_ generator: inout SeededGenerator) -> StoreOperation {
        while true {
            let operation = operation(&generator)
            if case .check = operation { continue }
            return operation
        }
    }

    private static func operation(_ generator: inout SeededGenerator) -> StoreOperation {
        let path = path(&generator)
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<4:
            // Plain modes more often: sequential names are seldom met again.
            let modes: [CreateMode] = [
                .persistent, .persistent, .persistent, .ephemeral, .persistentSequential,
                .ephemeralSequential,
            ]
            return .create(
                path,
                data: data(&generator),
                mode: modes.randomElement(using: &generator) ?? .persistent
            )
        case 4..<6: return .set(path, data: data(&generator), version: version(&generator))
        case 6..<9: return .delete(path, version: version(&generator))
        default: return .check(path, version: version(&generator))
        }
    }

    /// Nine paths on three levels, so that most operations meet something; sometimes a sequential one.
    private static func path(_ generator: inout SeededGenerator) -> ZnodePath {
        var path = ZnodePath.root
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<6: path = path.child("a")
            case 6..<11: path = path.child("b")
            default: path = path.child("a000000000\(Int.random(in: 0..<9, using: &generator))")
            }
        }
        return path
    }

    private static func data(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0..<6, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
        }
    }

    private static func version(_ generator: inout SeededGenerator) -> Int32? {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6: nil
        case 6..<8: 0
        case 8: 1
        default: Int32.random(in: -2...4, using: &generator)
        }
    }
}
