/// An instant in whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Logical times, fire times and zone transitions are of this type. As JSON it is its RFC 3339 text in UTC.
/// Reading a clock is the caller's business: this module has none.
package struct UnixTime: Hashable, Comparable, Sendable {
    /// Seconds since 1970 in UTC, negative before.
    package let seconds: Int64

    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can write.
    package static let earliest = UnixTime(seconds: -62_167_219_200)
    /// 9999-12-31T23:59:59Z, the last instant that RFC 3339 can write. No schedule fires later.
    package static let latest = UnixTime(seconds: 253_402_300_799)

    package static func < (left: UnixTime, right: UnixTime) -> Bool { left.seconds < right.seconds }

    /// The instant `seconds` later (earlier when negative). Sums beyond the integer's range stay at its end.
    package func adding(seconds delta: Int64) -> UnixTime {
        let (sum, overflow) = seconds.addingReportingOverflow(delta)
        return UnixTime(seconds: overflow ? (delta > 0 ? .max : .min) : sum)
    }
}

extension UnixTime: Codable {
    /// Reads an RFC 3339 text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(CronError) {
            try self.init(rfc3339: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Writes the RFC 3339 text; an instant outside the years 0 to 9999 is refused.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        guard (UnixTime.earliest...UnixTime.latest).contains(self) else {
            throw EncodingError.invalidValue(
                self,
                .init(codingPath: container.codingPath, debugDescription: "outside the years 0000 to 9999")
            )
        }
        try container.encode(rfc3339)
    }
}
