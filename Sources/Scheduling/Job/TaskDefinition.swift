/// One step of a job, with the job file's `defaults` already merged in.
package struct TaskDefinition: Hashable, Sendable, Codable {
    package var id: TaskID
    /// The tasks of the same job that must be over before this one starts.
    package var needs: [TaskID]?
    /// What must have become of `needs`. Default `all_success`.
    package var when: Condition?
    /// Default `command`.
    package var type: Kind?
    package var run: Command?
    package var http: HTTPCall?
    /// Values are templates.
    package var env: [String: String]?
    /// A template; default: the run's working directory on the node.
    package var cwd: String?
    package var partitions: Partitions?
    package var retry: Retry?
    package var timeout: DurationValue?
    package var kill: Kill?
    package var resources: Resources?
    /// The names that the task may write to `$SKYFIRE_OUTPUT`; others are refused. Without it every name is taken.
    package var outputs: [String]?
    package var exclusive: Bool?
    package var onLost: OnLost?

    package init(id: TaskID, run: Command? = nil, needs: [TaskID]? = nil) {
        self.id = id
        self.run = run
        self.needs = needs
    }

    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case command, http, noop
    }

    package enum Condition: String, Hashable, Sendable, Codable, CaseIterable {
        /// Each needed task succeeded or was skipped.
        case allSuccess = "all_success"
        /// One needed task succeeded; all are over.
        case anySuccess = "any_success"
        /// All are over, however they ended.
        case allDone = "all_done"
        /// None failed, was killed or cancelled; all are over.
        case noneFailed = "none_failed"
    }

    /// A shell line or an argument vector; both are templates.
    package enum Command: Hashable, Sendable, Codable {
        /// Runs as `/bin/sh -c LINE`.
        case shell(String)
        case argv([String])

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            // try?: the other form is a vector, not an error.
            if let line = try? container.decode(String.self) {
                self = .shell(line)
            } else {
                self = .argv(try container.decode([String].self))
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .shell(let line): try container.encode(line)
            case .argv(let arguments): try container.encode(arguments)
            }
        }
    }

    package struct HTTPCall: Hashable, Sendable, Codable {
        /// Default `GET`.
        package var method: String?
        /// A template.
        package var url: String
        /// Values are templates.
        package var headers: [String: String]?
        /// A template.
        package var body: String?
        /// The status codes that mean success. Default: 200 to 299.
        package var expect: [Int]?
        /// Default 30 s.
        package var timeout: DurationValue?

        package init(
            method: String? = nil,
            url: String,
            headers: [String: String]? = nil,
            body: String? = nil,
            expect: [Int]? = nil,
            timeout: DurationValue? = nil
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.expect = expect
            self.timeout = timeout
        }
    }

    /// Parallel slices of one task. One of `count`, `list` and `range` is set.
    package struct Partitions: Hashable, Sendable, Codable {
        package var count: Int?
        package var list: [String]?
        /// Inclusive bounds, two numbers.
        package var range: [Int]?
        /// How many run at once. Default: all.
        package var maxParallel: Int?
        /// Default `stop`: the rest does not start.
        package var onFailure: OnFailure?
        /// The share of partitions that must succeed, 0...1. Default 1. Less than 1 goes with `on_failure: continue`.
        package var minSuccess: Double?

        package enum OnFailure: String, Hashable, Sendable, Codable, CaseIterable {
            case stop
            case `continue`
        }

        package init(count: Int? = nil, list: [String]? = nil, range: [Int]? = nil) {
            self.count = count
            self.list = list
            self.range = range
        }

        enum CodingKeys: String, CodingKey {
            case count, list, range
            case maxParallel = "max_parallel"
            case onFailure = "on_failure"
            case minSuccess = "min_success"
        }

        /// How many partitions there are: 1...10,000.
        package var total: Int {
            if let count { return count }
            if let list { return list.count }
            if let range, range.count == 2 { return range[1] - range[0] + 1 }
            return 1
        }

        /// What `SKYFIRE_PARTITION_VALUE` holds for a partition.
        package func value(at index: Int) -> String {
            if let list { return list[index] }
            if let range { return String(range[0] + index) }
            return String(index)
        }
    }

    package struct Retry: Hashable, Sendable, Codable {
        /// Extra attempts. Default 0. Losses are not charged.
        package var max: Int
        package var backoff: Backoff?
        /// Which ends are tried again. Default: all.
        package var on: [Cause]?

        package enum Cause: String, Hashable, Sendable, Codable, CaseIterable {
            /// The command ended with a code other than 0 or by a signal of its own.
            case exit
            case timeout
            /// The command could not be started, or the system failed it.
            case system
        }

        package struct Backoff: Hashable, Sendable, Codable {
            package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
                case constant, exponential
            }

            /// Default `exponential`.
            package var kind: Kind?
            /// Default 1 s.
            package var initial: DurationValue?
            /// Default 10 min.
            package var max: DurationValue?
            /// The share of the wait that is random, 0...1. Default 0.2.
            package var jitter: Double?

            package init(
                kind: Kind? = nil,
                initial: DurationValue? = nil,
                max: DurationValue? = nil,
                jitter: Double? = nil
            ) {
                self.kind = kind
                self.initial = initial
                self.max = max
                self.jitter = jitter
            }
        }

        package init(max: Int, backoff: Backoff? = nil, on: [Cause]? = nil) {
            self.max = max
            self.backoff = backoff
            self.on = on
        }
    }

    package struct Kill: Hashable, Sendable, Codable {
        /// `TERM` (default), `INT`, `HUP`, `QUIT`, `USR1`, `USR2` or `KILL`.
        package var signal: String?
        /// From the signal to KILL. Default 10 s.
        package var grace: DurationValue?

        package init(signal: String? = nil, grace: DurationValue? = nil) {
            self.signal = signal
            self.grace = grace
        }
    }

    /// What one attempt asks for.
    package struct Resources: Hashable, Sendable, Codable {
        /// Cores, may be a fraction.
        package var cpu: Double?
        package var memory: ByteCount?
        /// Only workers that carry all of these labels qualify.
        package var labels: [String: String]?

        package init(cpu: Double? = nil, memory: ByteCount? = nil, labels: [String: String]? = nil) {
            self.cpu = cpu
            self.memory = memory
            self.labels = labels
        }
    }

    /// What becomes of an attempt whose worker is lost. Default `rerun`; three losses fail the task as poison.
    package enum OnLost: String, Hashable, Sendable, Codable, CaseIterable {
        case rerun, fail, hold
    }

    enum CodingKeys: String, CodingKey {
        case id, needs, when, type, run, http, env, cwd, partitions, retry, timeout, kill, resources, outputs
        case exclusive
        case onLost = "on_lost"
    }

    package var effectiveType: Kind { type ?? .command }
    package var effectiveCondition: Condition { when ?? .allSuccess }
    package var partitionCount: Int { partitions?.total ?? 1 }
}

/// A number of bytes as job files write it (`512MiB`).
package struct ByteCount: Hashable, Sendable, Comparable {
    package var bytes: Int64

    package init(bytes: Int64) {
        self.bytes = bytes
    }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
}
