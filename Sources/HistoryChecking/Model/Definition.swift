/// What the checker needs of a job's definition, as it is stored in `jobs/worker-N/<job>@<v>`.
package struct Definition: Hashable, Sendable {
    /// One task of it.
    package struct Task: Hashable, Sendable {
        package var id: String
        package var needs: [String]
        /// `all_success` (default), `any_success`, `all_done` or `none_failed`.
        package var condition: String
        /// `command` (default), `http` or `noop`.
        package var kind: String
        package var isExclusive: Bool
        package var partitions: Int
        package var maximumParallel: Int?
        /// Whether some partitions may fail without failing the task.
        package var toleratesFailures: Bool
        /// What becomes of it when its worker is lost: `rerun` (default), `fail` or `hold`.
        package var onLost: String
        /// How many extra attempts a failure is worth.
        package var maximumRetries: Int
        /// The command where it is a list without expressions.
        package var plainCommand: [String]?
        /// How long a stopped process may take before it is killed.
        package var graceMilliseconds: Int64
    }

    package var version: Int
    /// When this version was stored, in milliseconds since 1970.
    package var storedAt: Int64
    package var triggers: [JSON]
    package var after: [String]
    /// `skip` (default) or `allow_all`.
    package var overlap: String
    /// `run_once` (default), `skip` or `run_all`.
    package var misfire: String
    package var misfireWindowSeconds: Int64
    package var tasks: [Task]

    /// The task of that name.
    package func task(_ id: String) -> Task? { tasks.first { $0.id == id } }

    /// Reads the content of a definition's znode.
    package init?(_ stored: JSON) {
        guard let version = stored["version"]?.int, let definition = stored["definition"],
            let storedAt = (stored["stored_at"] ?? stored["created_at"])?.string.flatMap(
                Instants.milliseconds(rfc3339:)
            ),
            let tasks = definition["tasks"]?.array
        else { return nil }
        self.version = Int(version)
        self.storedAt = storedAt
        triggers = definition["schedule"]?.array ?? []
        after = definition["after"]?.array?.compactMap { $0["job"]?.string ?? $0.string } ?? []
        overlap = definition["overlap"]?.string ?? "skip"
        misfire = definition["misfire"]?["policy"]?.string ?? "run_once"
        misfireWindowSeconds =
            definition["misfire"]?["window"]?.string.flatMap(Spans.milliseconds).map { $0 / 1000 } ?? 3600
        self.tasks = tasks.compactMap(Self.task)
    }

    private static func task(_ json: JSON) -> Task? {
        guard let id = json["id"]?.string else { return nil }
        let partitions = json["partitions"]
        var count = 1
        if let number = partitions?["count"]?.int {
            count = Int(number)
        } else if let list = partitions?["list"]?.array {
            count = list.count
        } else if let range = partitions?["range"]?.array?.compactMap(\.int), range.count >= 2 {
            count = max(0, Int(range[1] - range[0]) + 1)
        }
        let command = json["run"]?.array?.compactMap(\.string)
        return Task(
            id: id,
            needs: json["needs"]?.array?.compactMap(\.string) ?? [],
            condition: json["when"]?.string ?? "all_success",
            kind: json["type"]?.string ?? "command",
            isExclusive: json["exclusive"]?.bool ?? false,
            partitions: count,
            maximumParallel: partitions?["max_parallel"]?.int.map { Int($0) },
            toleratesFailures: partitions?["min_success"] != nil,
            onLost: json["on_lost"]?.string ?? "rerun",
            maximumRetries: Int(json["retry"]?["max"]?.int ?? 0),
            plainCommand: command.flatMap { list in list.contains { $0.contains("$") } ? nil : list },
            graceMilliseconds: json["kill"]?["grace"]?.string.flatMap(Spans.milliseconds) ?? 10_000
        )
    }
}
