package import Scheduling

/// A task of a run as the API shows it: its partitions and all attempts.
package struct TaskView: Hashable, Sendable, Codable {
    package struct Partition: Hashable, Sendable, Codable {
        package var index: Int
        package var state: TaskState
        package var value: String
    }

    package var id: TaskID
    package var state: TaskState
    package var needs: [TaskID]
    /// Empty for a task without partitions.
    package var partitions: [Partition]
    /// By partition, then n.
    package var attempts: [AttemptView]

    /// Puts together what the mirror holds apart. `attempts` may hold those of other tasks too.
    package init(_ summary: TaskSummary, attempts: [AttemptView]) {
        id = summary.id
        needs = summary.needs
        let states = summary.states.map { TaskState(letter: $0) ?? .waiting }
        state = TaskState.ofTask(states, minSuccess: summary.partitions?.minSuccess ?? 1)
        partitions = []
        if let definition = summary.partitions {
            for (index, state) in states.enumerated() where index < definition.total {
                partitions.append(Partition(index: index, state: state, value: definition.value(at: index)))
            }
        }
        self.attempts = attempts.filter { $0.task == summary.id }
            .sorted { ($0.partition, $0.n) < ($1.partition, $1.n) }
    }

    /// Keeps one partition and its attempts.
    func only(partition: Int) -> TaskView {
        var view = self
        view.partitions = partitions.filter { $0.index == partition }
        view.attempts = attempts.filter { $0.partition == partition }
        if let state = view.partitions.first?.state { view.state = state }
        return view
    }
}
