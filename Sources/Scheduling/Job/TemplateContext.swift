package import Cron

/// What a run knows when its templates are filled in.
package struct TemplateContext: Sendable {
    package struct Partition: Hashable, Sendable {
        package var index: Int
        package var count: Int
        package var value: String

        package init(index: Int = 0, count: Int = 1, value: String = "") {
            self.index = index
            self.count = count
            self.value = value
        }
    }

    package var logicalTime: UnixTime
    /// What `logical.date` and `logical.hour` are read with: the job's zone at the logical time, 0 for UTC.
    package var zoneOffsetSeconds: Int
    package var params: [String: String]
    package var outputs: [TaskID: [String: String]]
    package var partition: Partition
    /// The run's id.
    package var run: String
    /// From 1.
    package var attempt: Int
    /// The job's name.
    package var job: String

    package init(
        logicalTime: UnixTime,
        zoneOffsetSeconds: Int = 0,
        params: [String: String] = [:],
        outputs: [TaskID: [String: String]] = [:],
        partition: Partition = Partition(),
        run: String,
        attempt: Int = 1,
        job: String
    ) {
        self.logicalTime = logicalTime
        self.zoneOffsetSeconds = zoneOffsetSeconds
        self.params = params
        self.outputs = outputs
        self.partition = partition
        self.run = run
        self.attempt = attempt
        self.job = job
    }

    func logicalText(_ form: TemplateExpression.Logical, offsetMilliseconds: Int64) -> String {
        // Fractions of a second go down, so that "- 1ms" is the second before.
        let shift =
            offsetMilliseconds >= 0 ? offsetMilliseconds / 1000 : (offsetMilliseconds - 999) / 1000
        let time = logicalTime.adding(seconds: shift)
        let local = LocalTime(secondsSince1970: Int(time.seconds) + zoneOffsetSeconds)
        switch form {
        case .time: return time.rfc3339
        case .date: return local.date.description
        case .hour: return local.hour < 10 ? "0\(local.hour)" : String(local.hour)
        case .timestamp: return String(time.seconds)
        }
    }
}

/// Says why a template does not parse, or cannot be filled in.
package struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The text between the braces is not an expression.
        case malformed
        /// It is one, of a name or field that does not exist.
        case unknownName
        /// It stands in a shell line where its value could not be passed as a value.
        case unsafePlace
        case unsupported
        /// The run does not have the value.
        case unresolved
    }

    package let kind: Kind
    /// A sentence without a full stop.
    package let message: String
    /// Where in the template the mistake begins, in UTF-8 bytes.
    package let offset: Int
    package let hint: String?

    package init(_ kind: Kind, _ message: String, offset: Int, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.offset = offset
        self.hint = hint
    }

    package var description: String { hint.map { "\(message); \($0)" } ?? message }
}
