package import Cron

/// A definition made ready for deciding: tasks by index, edges both ways, partitions laid out as units.
///
/// A *unit* is one partition of one task, or the whole task where it has no partitions. Units are numbered through the
/// run, in the order of the tasks.
package final class CompiledJob: Sendable {
    package struct Task: Sendable {
        package let definition: TaskDefinition
        /// Indices of the tasks that this one needs.
        package let needs: [Int]
        /// Indices of the tasks that need this one.
        package let successors: [Int]
        package let units: Range<Int>

        package var isPartitioned: Bool { definition.partitions != nil }
    }

    package let definition: JobDefinition
    package let version: Int
    /// The zone of the job's first cron trigger: what `${logical.date}` is read in. `nil` is UTC.
    package let zone: TimeZoneRules?
    package let tasks: [Task]
    package let unitCount: Int
    private let indices: [TaskID: Int]

    /// - Precondition: the definition was validated (`needs` are known and without cycle).
    package init(_ definition: JobDefinition, version: Int, zone: TimeZoneRules? = nil) {
        self.definition = definition
        self.zone = zone
        self.version = version
        var indices: [TaskID: Int] = [:]
        for (index, task) in definition.tasks.enumerated() { indices[task.id] = index }
        self.indices = indices
        var successors = [[Int]](repeating: [], count: definition.tasks.count)
        var needs: [[Int]] = []
        for (index, task) in definition.tasks.enumerated() {
            let own = (task.needs ?? []).compactMap { indices[$0] }
            for need in own { successors[need].append(index) }
            needs.append(own)
        }
        var tasks: [Task] = []
        var next = 0
        for (index, task) in definition.tasks.enumerated() {
            let range = next..<next + task.partitionCount
            tasks.append(
                Task(definition: task, needs: needs[index], successors: successors[index], units: range)
            )
            next = range.upperBound
        }
        self.tasks = tasks
        unitCount = next
    }

    package func taskIndex(_ id: TaskID) -> Int? { indices[id] }

    /// The index of the task that a unit belongs to.
    package func taskIndex(ofUnit unit: Int) -> Int {
        var low = 0
        var high = tasks.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if tasks[middle].units.lowerBound <= unit { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// The unit of a task's partition, where there is one.
    package func unit(task: TaskID, partition: Int) -> Int? {
        guard let index = indices[task], partition >= 0, partition < tasks[index].units.count else {
            return nil
        }
        return tasks[index].units.lowerBound + partition
    }
}
