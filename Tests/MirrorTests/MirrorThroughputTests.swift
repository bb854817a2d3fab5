import Mirror
import Scheduling
import Testing

/// Prints how many records a second each mirror takes. There is no bound to fail at: machines differ.
@Suite(.serialized) struct MirrorThroughputTests {
    @Test(arguments: MirrorBackend.allCases)
    func writesTenThousandAttempts(_ backend: MirrorBackend) async throws {
        let id = try runID()
        var batches: [MirrorBatch] = []
        for commit in 0..<100 {
            let records = try (0..<100).map { index in
                MirrorRecord.attempt(
                    run: id,
                    try attemptView(partition: commit * 100 + index, state: "succeeded")
                )
            }
            batches.append(MirrorBatch(version: version(1, commit), records: records))
        }
        try await backend.withMirror { mirror in
            let start = ContinuousClock.now
            for batch in batches { try await mirror.write([batch]) }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(try await mirror.attempts(of: id).count == 10_000)
            print("\(backend): \(Int(10_000 / seconds)) attempt records a second, 100 for each write")
        }
    }
}
