package import Cron

extension DurationValue: Codable, CustomStringConvertible {
    /// Reads `90s` or `1h30m`. Never negative; `0s` is a duration.
    package init(parsing text: String) throws(CronError) {
        self.init(milliseconds: try DurationText.milliseconds(parsing: text))
    }

    /// The text in the fewest units: 5,400,000 ms is `1h30m`.
    package var description: String { DurationText.text(milliseconds: milliseconds) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(CronError) {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
