import HTTPAPI
import Scheduling
import Testing

@Suite struct TaskViewTests {
    static let cases: [(String, Double, TaskState)] = [
        ("w", 1, .waiting), ("c", 0, .cancelled), ("ww", 1, .waiting), ("ws", 1, .queued), ("wf", 1, .queued),
        ("qwa", 1, .assigned), ("qt", 1, .retrying), ("tar", 1, .running), ("rgs", 1, .killing),
        ("ss", 1, .succeeded), ("sx", 1, .succeeded), ("xx", 1, .skipped), ("sf", 1, .failed),
        ("sc", 1, .cancelled), ("sfk", 1, .killed), ("sssf", 0.75, .succeeded), ("ssff", 0.75, .failed),
        ("sssk", 0.5, .killed), ("sscf", 0.5, .succeeded), ("fc", 1, .failed), ("rssf", 0.5, .running),
    ]

    @Test(arguments: cases) func taskStandsWhereItsPartitionsPutIt(
        _ letters: String,
        _ minSuccess: Double,
        _ expected: TaskState
    ) throws {
        let states = letters.compactMap { TaskState(letter: $0) }
        #expect(states.count == letters.count)
        #expect(TaskState.ofTask(states, minSuccess: minSuccess) == expected)
        // The order of partitions says nothing.
        #expect(TaskState.ofTask(states.reversed(), minSuccess: minSuccess) == expected)
        var partitions = TaskDefinition.Partitions(list: letters.map(String.init))
        partitions.minSuccess = minSuccess
        let summary = TaskSummary(
            id: try TaskID("t"),
            needs: [],
            partitions: partitions,
            states: letters
        )
        #expect(TaskView(summary, attempts: []).state == expected)
    }
}
