package import Cron

/// `worker-N`: a node seen as a place to run. N comes from the store's counter and is never given to another node.
package struct WorkerID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let number: Int

    package init(number: Int) {
        self.number = number
    }

    /// Reads `worker-N`.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix("worker-"), let number = Int(text.dropFirst(7)), number >= 0,
            text.utf8.count == 7 + String(number).utf8.count
        else { return nil }
        self.number = number
    }

    package var description: String { "worker-\(number)" }

    package static func < (left: WorkerID, right: WorkerID) -> Bool { left.number < right.number }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = WorkerID(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "not a worker id: \(text)"
            )
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// One execution of a job for one logical time: `<job>@<yyyyMMddTHHmmssZ>`, then `.m<n>` for the n-th manual run of the
/// job or `.r<n>` for its n-th repeated run. Derived, never drawn, so that creating it twice is found out.
package struct RunID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let job: JobName
    package let logicalTime: UnixTime
    /// Empty, `m<n>` or `r<n>`.
    package let suffix: String
    package let description: String

    package init(job: JobName, logicalTime: UnixTime, suffix: String = "") {
        self.job = job
        self.logicalTime = logicalTime
        self.suffix = suffix
        let base = "\(job)@\(logicalTime.compact)"
        description = suffix.isEmpty ? base : "\(base).\(suffix)"
    }

    /// Reads the printed form.
    package init?(_ text: some StringProtocol) {
        guard let at = text.lastIndex(of: "@") else { return nil }
        let rest = text[text.index(after: at)...]
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let suffix = parts.count == 2 ? String(parts[1]) : ""
        if parts.count == 2 {
            guard let kind = suffix.first, kind == "m" || kind == "r", let number = Int(suffix.dropFirst()),
                number > 0,
                suffix.utf8.count == 1 + String(number).utf8.count
            else { return nil }
        }
        do {
            self.init(
                job: try JobName(String(text[..<at])),
                logicalTime: try UnixTime(compact: String(parts[0])),
                suffix: suffix
            )
        } catch {
            return nil
        }
    }

    package static func < (left: RunID, right: RunID) -> Bool { left.description < right.description }
    package static func == (left: RunID, right: RunID) -> Bool { left.description == right.description }
    package func hash(into hasher: inout Hasher) { hasher.combine(description) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = RunID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a run id: \(text)")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// One try of one task (partition) on one worker.
///
/// Printed `<run>/<task>/<n>`, with partitions `<run>/<task>[<partition>]/<n>`; as a znode's name
/// `<run>~<task>~<partition>~<n>`, where the partition is 0 without partitions.
package struct AttemptID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let run: RunID
    package let task: TaskID
    package let partition: Int
    /// From 1.
    package let number: Int

    package init(run: RunID, task: TaskID, partition: Int, number: Int) {
        self.run = run
        self.task = task
        self.partition = partition
        self.number = number
    }

    /// Reads a znode's name.
    package init?(znodeName: some StringProtocol) {
        let parts = znodeName.split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count == 4, let run = RunID(parts[0]), let partition = Int(parts[2]),
            let number = Int(parts[3])
        else { return nil }
        do {
            self.init(run: run, task: try TaskID(String(parts[1])), partition: partition, number: number)
        } catch {
            return nil
        }
    }

    package var znodeName: String { "\(run)~\(task)~\(partition)~\(number)" }

    /// The printed form; `partitioned` says whether the task has partitions.
    package func description(partitioned: Bool) -> String {
        partitioned ? "\(run)/\(task)[\(partition)]/\(number)" : "\(run)/\(task)/\(number)"
    }

    package var description: String { description(partitioned: partition > 0) }

    package static func < (left: AttemptID, right: AttemptID) -> Bool {
        (left.run, left.task, left.partition, left.number) < (
            right.run, right.task, right.partition, right.number
        )
    }
}
