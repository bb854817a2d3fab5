import Foundation

/// A time of the API's answers.
struct Instant: Hashable, Comparable, Sendable {
    let date: Date

    /// - Throws: where the value is no time as the API writes it.
    init(_ value: JSON) throws {
        date = try Date(value.string, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func < (first: Instant, second: Instant) -> Bool { first.date < second.date }

    /// Seconds from another time to this one.
    func since(_ other: Instant) -> Double { date.timeIntervalSince(other.date) }

    /// Whole seconds since 1970.
    var second: Int { Int(date.timeIntervalSince1970.rounded(.down)) }
}
