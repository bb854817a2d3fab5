import Scheduling

/// Chooses owners so that counts stay even although many submits are under way at once.
///
/// Choices are made in rounds: one reading of the counts, then choices from it, each of which counts at once. A submit
/// that is under way while counts are read would be in them or not, nobody could tell: so they are read when none is.
/// A round ends after 64 choices at the latest; who comes then waits until it is over.
actor JobBalance {
    private static let longestRound = 64

    private var counts: [WorkerID: Int]?
    private var choices = 0
    private var underWay = 0
    private var isReading = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// The worker with the fewest jobs, the smaller number among equals; `nil` where there is none. `release` follows.
    func choose(_ read: () async throws -> [WorkerID: Int]) async throws -> WorkerID? {
        while isReading || (counts != nil && choices >= Self.longestRound) {
            await withCheckedContinuation { waiting.append($0) }
        }
        if counts == nil {
            isReading = true
            defer {
                isReading = false
                wakeAll()
            }
            counts = try await read()
            choices = 0
        }
        guard let best = counts?.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else {
            if underWay == 0 { counts = nil }
            return nil
        }
        counts?[best.key, default: 0] += 1
        choices += 1
        underWay += 1
        return best.key
    }

    /// The submit that a worker was chosen for has ended; `isPlaced` where it stored the job.
    func release(_ worker: WorkerID, isPlaced: Bool) {
        underWay -= 1
        if !isPlaced { counts?[worker, default: 1] -= 1 }
        guard underWay == 0 else { return }
        counts = nil
        wakeAll()
    }

    private func wakeAll() {
        for continuation in waiting { continuation.resume() }
        waiting = []
    }
}
