internal import ArgumentParser
package import Scheduling

/// A run, and a task of it where one is named: `hello@20261120T130000Z`, `hello@20261120T130000Z/clean[3]`.
package struct RunTarget: Hashable, Sendable, ExpressibleByArgument {
    package let run: RunID
    package let task: TaskTarget?

    package init?(argument: String) {
        let parts = argument.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let run = RunID(parts[0]) else { return nil }
        self.run = run
        if parts.count == 2 {
            guard let task = TaskTarget(argument: String(parts[1])) else { return nil }
            self.task = task
        } else {
            task = nil
        }
    }
}

/// A task, and the partition where brackets name one: `clean`, `clean[3]`.
package struct TaskTarget: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    package let id: TaskID
    package let partition: Int?

    package init(id: TaskID, partition: Int?) {
        self.id = id
        self.partition = partition
    }

    package init?(argument: String) {
        var name = Substring(argument)
        var partition: Int?
        if argument.last == "]", let open = argument.firstIndex(of: "[") {
            let digits = argument[argument.index(after: open)...].dropLast()
            guard let number = Int(digits), number >= 0, String(number) == digits else { return nil }
            partition = number
            name = argument[..<open]
        }
        do {
            id = try TaskID(String(name))
        } catch {
            return nil
        }
        self.partition = partition
    }

    package var description: String { partition.map { "\(id)[\($0)]" } ?? id.description }
}

/// A run's id as an argument.
package struct RunArgument: Hashable, Sendable, ExpressibleByArgument {
    package let id: RunID

    package init?(argument: String) {
        guard let id = RunID(argument) else { return nil }
        self.id = id
    }
}

/// A job's name as an argument.
package struct JobArgument: Hashable, Sendable, ExpressibleByArgument {
    package let name: JobName

    package init?(argument: String) {
        do {
            name = try JobName(argument)
        } catch {
            return nil
        }
    }
}

/// A moment as an argument: RFC 3339 with offset, or the compact form of run ids.
package struct TimeArgument: Hashable, Sendable, ExpressibleByArgument {
    package let time: WallTime

    package init?(argument: String) {
        if let id = RunID("x@\(argument)"), id.suffix.isEmpty {
            time = WallTime(id.logicalTime)
        } else if let parsed = WallTime(rfc3339: argument) {
            time = parsed
        } else {
            return nil
        }
    }
}

/// `key=value` as an argument. The value may be empty and may hold more `=`.
package struct Assignment: Hashable, Sendable, ExpressibleByArgument {
    package let key: String
    package let value: String

    package init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
        key = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }
}
