package import Scheduling

/// A run as far as waiting verbs look at it. What else the server tells is passed over.
package struct RunRecord: Hashable, Sendable, Decodable {
    /// How many tasks, partitions counted each, stand where.
    package struct Tasks: Hashable, Sendable, Decodable {
        package var total: Int
        package var byState: [String: Int]

        enum CodingKeys: String, CodingKey {
            case total
            case byState = "by_state"
        }
    }

    package var id: String
    package var state: String
    package var reason: String?
    package var tasks: Tasks

    /// The exit code once the run is over.
    package var exit: ClientExit? { ClientExit(ended: state) }

    /// `3/8 tasks succeeded, 2 running`
    package var progress: String {
        var parts = ["\(tasks.byState["succeeded"] ?? 0)/\(tasks.total) succeeded"]
        for state in ["running", "failed", "retrying", "killed", "cancelled", "skipped"] {
            if let count = tasks.byState[state], count > 0 { parts.append("\(count) \(state)") }
        }
        return parts.joined(separator: ", ")
    }
}

/// A list of tasks as the server gives it.
package struct TaskRecords: Hashable, Sendable, Decodable {
    package var items: [TaskRecord]

    /// The task of an id, where the run has it.
    package func task(_ id: TaskID) -> TaskRecord? { items.first { $0.id == id.description } }
}

/// A task with partitions and attempts.
package struct TaskRecord: Hashable, Sendable, Decodable {
    /// One slice of a task.
    package struct Partition: Hashable, Sendable, Decodable {
        package var index: Int
        package var state: String
        package var value: String
    }

    /// One try of a task or partition.
    package struct Attempt: Hashable, Sendable, Decodable {
        package var n: Int
        package var partition: Int
        package var worker: String
        package var state: String
        package var exitCode: Int?
        package var signal: Int?
        package var reason: String?
        package var startedAt: WallTime?
        package var endedAt: WallTime?

        enum CodingKeys: String, CodingKey {
            case n, partition, worker, state, signal, reason
            case exitCode = "exit_code"
            case startedAt = "started_at"
            case endedAt = "ended_at"
        }

        package var isOver: Bool { ClientExit(ended: state) != nil }

        /// `failed (exit code 2)`
        package var outcome: String {
            var notes: [String] = []
            if let exitCode, exitCode != 0 || state != "succeeded" { notes.append("exit code \(exitCode)") }
            if let signal { notes.append("signal \(signal)") }
            // A reason that says nothing but the code is not told a second time.
            if let reason, !reason.isEmpty, !notes.contains(reason) { notes.append(reason) }
            return notes.isEmpty ? state : "\(state) (\(notes.joined(separator: ", ")))"
        }
    }

    package var id: String
    package var state: String
    package var needs: [String]
    /// Empty for a task without partitions.
    package var partitions: [Partition]
    package var attempts: [Attempt]

    /// `clean`, `clean[3]`
    package func name(ofPartition index: Int) -> String { partitions.isEmpty ? id : "\(id)[\(index)]" }

    package var isOver: Bool { ClientExit(ended: state) != nil }
}
