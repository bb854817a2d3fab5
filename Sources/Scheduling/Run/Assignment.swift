import Cron

/// All that a worker needs to run one attempt, with every expression resolved. The content of an assignment's znode.
package struct Assignment: Hashable, Sendable, Codable {
    package enum Action: Hashable, Sendable, Codable {
        case command(argv: [String])
        case http(HTTPAction)
    }

    package struct HTTPAction: Hashable, Sendable, Codable {
        package var method: String
        package var url: String
        package var headers: [String: String]
        package var body: String?
        package var expect: [Int]?
        package var timeoutMilliseconds: Int64

        package init(
            method: String,
            url: String,
            headers: [String: String],
            body: String?,
            expect: [Int]?,
            timeoutMilliseconds: Int64
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.expect = expect
            self.timeoutMilliseconds = timeoutMilliseconds
        }

        enum CodingKeys: String, CodingKey {
            case method, url, headers, body, expect
            case timeoutMilliseconds = "timeout_ms"
        }
    }

    package var action: Action
    /// What the job asks for; the worker adds the `SKYFIRE_…` variables.
    package var environment: [String: String]
    /// Default: the run's working directory.
    package var workingDirectory: String?
    package var partitionCount: Int
    package var partitionValue: String
    package var isPartitioned: Bool
    package var timeoutMilliseconds: Int64?
    package var killSignal: String
    package var killGraceMilliseconds: Int64
    /// The names that may be written to the output file; `nil` for any.
    package var outputs: [String]?
    package var traceID: String
    /// Whether the attempt must end before its worker can be replaced.
    package var isExclusive: Bool

    package init(
        action: Action,
        environment: [String: String],
        workingDirectory: String?,
        partitionCount: Int,
        partitionValue: String,
        isPartitioned: Bool,
        timeoutMilliseconds: Int64?,
        killSignal: String,
        killGraceMilliseconds: Int64,
        outputs: [String]?,
        traceID: String,
        isExclusive: Bool = false
    ) {
        self.action = action
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.partitionCount = partitionCount
        self.partitionValue = partitionValue
        self.isPartitioned = isPartitioned
        self.timeoutMilliseconds = timeoutMilliseconds
        self.killSignal = killSignal
        self.killGraceMilliseconds = killGraceMilliseconds
        self.outputs = outputs
        self.traceID = traceID
        self.isExclusive = isExclusive
    }

    enum CodingKeys: String, CodingKey {
        case action, outputs
        case environment = "env"
        case workingDirectory = "cwd"
        case partitionCount = "partition_count"
        case partitionValue = "partition_value"
        case isPartitioned = "is_partitioned"
        case timeoutMilliseconds = "timeout_ms"
        case killSignal = "kill_signal"
        case killGraceMilliseconds = "kill_grace_ms"
        case traceID = "trace_id"
        case isExclusive = "is_exclusive"
    }

    /// About how many bytes the assignment takes in a transaction.
    package var approximateSize: Int {
        var size = 300
        for (name, value) in environment { size += name.utf8.count + value.utf8.count + 6 }
        switch action {
        case .command(let argv): for argument in argv { size += argument.utf8.count + 4 }
        case .http(let call): size += call.url.utf8.count + (call.body?.utf8.count ?? 0) + 200
        }
        return size
    }
}

/// How a running attempt is to be stopped.
package enum KillMode: String, Hashable, Sendable, Codable {
    /// The task's signal, its grace, then KILL. Ends `cancelled`.
    case cancel
    /// KILL at once. Ends `killed`.
    case kill
}
