extension TaskState {
    /// The states that show through a whole task as soon as one partition is in them, the strongest first.
    private static let busy: [TaskState] = [.killing, .running, .assigned, .retrying, .queued]

    /// The state of a whole task, from those of its partitions.
    ///
    /// A task without partitions counts as one. `minSuccess` is the share of partitions that must succeed:
    /// below 1, a task succeeds although others failed or were cancelled.
    package static func ofTask(_ partitions: some Collection<TaskState>, minSuccess: Double) -> TaskState {
        let total = partitions.count
        if total == 1, let only = partitions.first { return only }
        var strongest = busy.endIndex
        var (waiting, succeeded, skipped) = (0, 0, 0)
        var (hasKilled, hasFailed) = (false, false)
        for state in partitions {
            switch state {
            case .killing, .running, .assigned, .retrying, .queued:
                strongest = busy[..<strongest].firstIndex(of: state) ?? strongest
            case .waiting: waiting += 1
            case .succeeded: succeeded += 1
            case .skipped: skipped += 1
            case .killed: hasKilled = true
            case .failed: hasFailed = true
            case .cancelled: break
            }
        }
        if strongest < busy.endIndex { return busy[strongest] }
        if waiting > 0 { return waiting == total ? .waiting : .queued }
        if succeeded + skipped == total { return succeeded > 0 ? .succeeded : .skipped }
        if hasKilled { return .killed }
        if minSuccess < 1, Double(succeeded) >= minSuccess * Double(total) { return .succeeded }
        return hasFailed ? .failed : .cancelled
    }
}
