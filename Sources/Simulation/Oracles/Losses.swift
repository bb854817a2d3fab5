import Coordination
import Scheduling

/// What became of units whose started attempts lost their worker, and which runs were resumed by a person.
struct Losses {
    /// How often each unit was lost, and the transaction that was its last loss.
    private var losses: [Judge.Unit: (count: Int, last: Int)] = [:]
    /// Requests to resume a run that have no verdict yet, by name, and the transaction that last resumed each run.
    private var requests: [String: RunID] = [:]
    private var resumed: [RunID: Int] = [:]

    mutating func commandChanged(_ name: String, _ record: CommandRecord, at index: Int) {
        if case .resume(let run)? = record.request?.kind { requests[name] = run }
        guard let verdict = record.verdict, let run = requests.removeValue(forKey: name) else { return }
        if verdict.isAccepted { resumed[run] = index }
    }

    /// An attempt that had started has lost its worker.
    mutating func lost(_ unit: Judge.Unit, at index: Int) {
        losses[unit] = ((losses[unit]?.count ?? 0) + 1, index)
    }

    /// Why no other attempt of a unit may be placed; `nil` where one may.
    func objection(to unit: Judge.Unit, of task: TaskDefinition?) -> String? {
        guard let loss = losses[unit], let task else { return nil }
        if loss.count >= 3 { return "after \(loss.count) losses" }
        switch task.onLost ?? .rerun {
        case .rerun: return nil
        case .fail: return "after a loss, and on_lost is fail"
        case .hold:
            if let at = resumed[unit.run], at > loss.last { return nil }
            return "after a loss, on_lost is hold, and its run was not resumed"
        }
    }
}
