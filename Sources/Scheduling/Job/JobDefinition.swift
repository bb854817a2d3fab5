/// What a job is: its triggers, its tasks and its policies. Immutable for each version.
///
/// Its JSON form (sorted keys, defaults left out) is the canonical form: it is a valid job file, it is what a znode
/// holds and what the API returns. A definition that exists as a value was validated by `JobFile`.
package struct JobDefinition: Hashable, Sendable, Codable {
    /// The form's version, always 1.
    package var version = 1
    package var name: JobName
    /// Titles by language (`en`, `zh`).
    package var title: [String: String]?
    package var description: [String: String]?
    package var owner: String?
    package var labels: [String: String]?
    package var schedule: [TriggerDefinition]?
    package var after: [Upstream]?
    package var overlap: Overlap?
    package var misfire: Misfire?
    /// 0...100, larger first. Default 50.
    package var priority: Int?
    /// How long a run may take from its admission.
    package var timeout: DurationValue?
    /// Only workers of this pool run its tasks. Default: the pool `default`.
    package var pool: String?
    package var params: [String: Parameter]?
    package var tasks: [TaskDefinition]

    package init(name: JobName, tasks: [TaskDefinition]) {
        self.name = name
        self.tasks = tasks
    }

    package static let defaultPriority = 50
    package static let defaultPool = "default"

    package var effectivePriority: Int { priority ?? Self.defaultPriority }
    package var effectiveOverlap: Overlap { overlap ?? .skip }
    package var effectiveMisfire: Misfire { misfire ?? Misfire() }
    package var effectivePool: String { pool ?? Self.defaultPool }
}

/// What happens to a due run while an earlier run of the same job is not over. Default `skip`.
package enum Overlap: String, Hashable, Sendable, Codable, CaseIterable {
    /// The due run becomes a record in state `skipped`. Manual runs are not suppressed.
    case skip
    case allowAll = "allow_all"
}

/// What happens to fire times that were missed: the owner did not live through them without a break, or is late by 60 s.
package struct Misfire: Hashable, Sendable, Codable {
    package enum Policy: String, Hashable, Sendable, Codable, CaseIterable {
        /// None of them runs.
        case skip
        /// The latest one runs.
        case runOnce = "run_once"
        /// Each of them runs, oldest first.
        case runAll = "run_all"
    }

    package var policy = Policy.runOnce
    /// How far back a missed fire time may lie. Default 1 h.
    package var window: DurationValue?

    package init(policy: Policy = .runOnce, window: DurationValue? = nil) {
        self.policy = policy
        self.window = window
    }

    package var effectiveWindow: DurationValue { window ?? DurationValue(milliseconds: 3_600_000) }
}

/// One trigger of a job. Exactly one of `cron`, `every` and `at` is set.
package struct TriggerDefinition: Hashable, Sendable, Codable {
    package var cron: String?
    /// An IANA zone; required with `cron`.
    package var zone: String?
    /// Whether `cron` has six fields, the first of them seconds.
    package var seconds: Bool?
    package var dst: DaylightSaving?
    package var every: DurationValue?
    /// The anchor of `every`. Default: the creation of this version of the job.
    package var from: String?
    /// RFC 3339.
    package var at: String?

    package struct DaylightSaving: Hashable, Sendable, Codable {
        /// `next_valid` (default) or `skip`.
        package var gap: String?
        /// `first` (default), `second` or `both`.
        package var overlap: String?

        package init(gap: String? = nil, overlap: String? = nil) {
            self.gap = gap
            self.overlap = overlap
        }
    }

    package init(
        cron: String? = nil,
        zone: String? = nil,
        seconds: Bool? = nil,
        dst: DaylightSaving? = nil,
        every: DurationValue? = nil,
        from: String? = nil,
        at: String? = nil
    ) {
        self.cron = cron
        self.zone = zone
        self.seconds = seconds
        self.dst = dst
        self.every = every
        self.from = from
        self.at = at
    }
}

/// Another job that must have succeeded for the same logical time.
package struct Upstream: Hashable, Sendable, Codable {
    package var job: JobName

    package init(job: JobName) {
        self.job = job
    }
}

/// A parameter of a job's runs.
package struct Parameter: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case string, integer, number, boolean, date
    }

    package var type: Kind?
    /// A template (`${logical.date - 1d}`); without it the parameter must be given with each run.
    package var `default`: String?
    package var `enum`: [String]?
    package var description: [String: String]?

    package init(
        type: Kind? = nil,
        default: String? = nil,
        enum: [String]? = nil,
        description: [String: String]? = nil
    ) {
        self.type = type
        self.default = `default`
        self.enum = `enum`
        self.description = description
    }
}

/// A span of time as job files write it (`90s`, `1h30m`), held in milliseconds.
package struct DurationValue: Hashable, Sendable, Comparable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: DurationValue, right: DurationValue) -> Bool {
        left.milliseconds < right.milliseconds
    }
}
