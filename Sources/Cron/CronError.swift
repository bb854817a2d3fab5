/// Says what is wrong with a cron expression, a zone, a duration or an instant that a user wrote.
///
/// It is always the user's mistake or the machine's zone data, never a condition that passes by itself: nothing
/// here is worth a retry.
package struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stable machine code of an error, as it appears in API answers.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String

        /// The cron expression does not parse.
        package static let invalidExpression = Code(rawValue: "invalid_cron")
        /// The cron expression parses, but no calendar day ever matches it.
        package static let neverFires = Code(rawValue: "cron_never_fires")
        /// The text is not the shape of an IANA zone name.
        package static let invalidZoneName = Code(rawValue: "invalid_zone_name")
        /// The zone database of this machine has no such zone.
        package static let unknownZone = Code(rawValue: "unknown_zone")
        /// A zone file exists but is not a TZif file that can be used.
        package static let damagedZoneFile = Code(rawValue: "damaged_zone_file")
        /// The duration does not parse, or is out of bounds.
        package static let invalidDuration = Code(rawValue: "invalid_duration")
        /// The instant does not parse.
        package static let invalidInstant = Code(rawValue: "invalid_instant")

        package var description: String { rawValue }
    }

    /// The stable machine code.
    package let code: Code
    /// A sentence without a full stop: what is wrong.
    package let message: String
    /// What to write instead, when that can be said.
    package let hint: String?
    /// The text that was examined.
    package let text: String
    /// Where in `text` the mistake begins, counted in characters from 0; nil when it is the text as a whole.
    package let offset: Int?

    package init(_ code: Code, _ message: String, in text: String, at offset: Int? = nil, hint: String? = nil)
    {
        self.code = code
        self.message = message
        self.hint = hint
        self.text = text
        self.offset = offset
    }

    /// One line: message, column (from 1) and hint.
    package var description: String {
        var line = message
        if let offset { line += " (column \(offset + 1) of \"\(text)\")" }
        if let hint { line += "; \(hint)" }
        return line
    }
}
