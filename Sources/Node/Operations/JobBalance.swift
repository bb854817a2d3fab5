import Scheduling
import Synchronization

/// Chooses owners so that counts stay even although many submits are under way at once.
final class JobBalance: Sendable {
    static let shared = JobBalance()

    private let placing = Mutex<[WorkerID: Int]>([:])

    /// The worker with the fewest jobs, the smaller number among equals. `release` it when the submit has ended.
    func choose(_ counts: [WorkerID: Int]) -> WorkerID? {
        placing.withLock { placing in
            let best = counts.min { left, right in
                let leftCount = left.value + (placing[left.key] ?? 0)
                let rightCount = right.value + (placing[right.key] ?? 0)
                return leftCount == rightCount ? left.key < right.key : leftCount < rightCount
            }
            if let best { placing[best.key, default: 0] += 1 }
            return best?.key
        }
    }

    func release(_ worker: WorkerID) {
        placing.withLock { placing in
            let left = (placing[worker] ?? 0) - 1
            placing[worker] = left > 0 ? left : nil
        }
    }
}
