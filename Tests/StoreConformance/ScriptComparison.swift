import Testing
package import ZnodeStore

/// Runs one script on two stores and compares every answer, every event and the trees at the end.
///
/// Times are not compared, zxids and session ids only by their order and by whom they belong to.
package struct ScriptComparison: Sendable {
    /// Where the two stores part.
    package struct Difference: Error, CustomStringConvertible {
        package let seed: UInt64
        package let step: Int
        package let description: String
    }

    private let script: StoreScript

    /// Runs a script from `seed` on a fresh embedded store and on `source`.
    ///
    /// - Throws: `Difference`, which names the seed and the step.
    package static func run(on source: any SessionSource, seed: UInt64, count: Int = 300) async throws {
        try await run(model: EmbeddedStore(), on: source, seed: seed, count: count)
    }

    /// Runs a script from `seed` on two stores.
    package static func run(
        model: any SessionSource,
        on source: any SessionSource,
        seed: UInt64,
        count: Int
    ) async throws {
        let comparison = ScriptComparison(script: StoreScript(seed: seed, count: count))
        try await StoreFixture.withFixture(on: model) { model in
            try await StoreFixture.withFixture(on: source) { tested in
                try await comparison.run(ScriptPlayer(model), ScriptPlayer(tested))
            }
        }
    }

    private func run(_ model: ScriptPlayer, _ tested: ScriptPlayer) async throws {
        do {
            try await model.start()
            try await tested.start()
            for (number, (session, step)) in script.steps.enumerated() {
                let expected = try await model.play(step, in: session)
                let actual = try await tested.play(step, in: session)
                try compare(expected, actual, step: number, what: "session \(session), \(step)")
            }
            let last = script.steps.count
            try compare(try await model.dump(), try await tested.dump(), step: last, what: "the tree")
            let fired = try await model.firedWatches()
            try compare(
                fired,
                try await tested.events(expecting: fired),
                step: last,
                what: "watch events"
            )
            try compare(model.zxids, tested.zxids, step: last)
        } catch {
            await model.end()
            await tested.end()
            throw error
        }
        await model.end()
        await tested.end()
    }

    private func compare<Value: Equatable>(
        _ expected: Value,
        _ actual: Value,
        step: Int,
        what: String
    ) throws {
        guard expected != actual else { return }
        throw Difference(
            seed: script.seed,
            step: step,
            description: """
                seed \(script.seed), step \(step): \(what)
                  model: \(expected)
                  store: \(actual)
                """
        )
    }

    /// Compares the order of zxids that were seen at the same places.
    private func compare(_ expected: [Int64], _ actual: [Int64], step: Int) throws {
        let places = expected.indices.sorted { expected[$0] < expected[$1] }
        for (left, right) in zip(places, places.dropFirst()) {
            let isSame = expected[left] == expected[right]
            guard isSame ? actual[left] == actual[right] : actual[left] < actual[right] else {
                throw Difference(
                    seed: script.seed,
                    step: step,
                    description: """
                        seed \(script.seed): zxids \(expected[left]), \(expected[right]) of the model are \
                        \(actual[left]), \(actual[right]) in the store
                        """
                )
            }
        }
    }
}
