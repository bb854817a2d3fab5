import Testing
package import ZnodeStore

/// One sentence about how a coordination store behaves, with its proof.
package struct ConformanceCase: Sendable, CustomTestStringConvertible {
    package let name: String
    private let body: @Sendable (StoreFixture) async throws -> Void

    package init(_ name: String, _ body: @escaping @Sendable (StoreFixture) async throws -> Void) {
        self.name = name
        self.body = body
    }

    package var testDescription: String { name }

    /// Runs the case on a store, below a fresh root that is removed afterwards.
    package func run(on source: any SessionSource) async throws {
        try await StoreFixture.withFixture(on: source, body)
    }
}

/// What every store must do: the suite that runs on the embedded store and on a real ZooKeeper.
package enum StoreConformance {
    package static let cases: [ConformanceCase] =
        operationCases + statCases + sequenceCases + ephemeralCases + multiCases + watchCases + updateCases
        + sessionCases + limitCases
}
