package import Cron

/// A moment by the wall clock, in milliseconds since 1970. In JSON: RFC 3339, UTC, with milliseconds.
package struct WallTime: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The start of a second.
    package init(_ time: UnixTime) {
        milliseconds = time.seconds * 1000
    }

    /// The second that this moment lies in.
    package var second: UnixTime {
        UnixTime(seconds: milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000)
    }

    package var description: String {
        let fraction = String(milliseconds - second.seconds * 1000)
        let padded = String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
        return second.description.dropLast() + "." + padded + "Z"
    }

    package static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (time: WallTime, milliseconds: Int64) -> WallTime {
        WallTime(milliseconds: time.milliseconds + milliseconds)
    }

    package static func - (left: WallTime, right: WallTime) -> Int64 {
        left.milliseconds - right.milliseconds
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = WallTime(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "not an RFC 3339 time: \(text)"
            )
        }
        self = time
    }

    /// Reads RFC 3339 with an optional fraction, cut to milliseconds.
    package init?(rfc3339 text: String) {
        let second: UnixTime
        do throws(CronError) {
            second = try UnixTime(rfc3339: text)
        } catch {
            return nil
        }
        var milliseconds: Int64 = 0
        if let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) {
            var unit: Int64 = 100
            for byte in text.utf8[text.utf8.index(after: dot)...] {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), unit > 0 else { break }
                milliseconds += Int64(byte - UInt8(ascii: "0")) * unit
                unit /= 10
            }
        }
        self.milliseconds = second.seconds * 1000 + milliseconds
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
