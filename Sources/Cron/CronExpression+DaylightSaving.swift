/// Why a firing is where it is, on a day on which the clocks of its zone change.
package enum DaylightSavingNote: Hashable, Sendable {
    /// The wall time that was meant does not exist; the firing was moved to the end of the gap.
    case movedOutOfGap(wall: LocalTime)
    /// The wall time comes twice, this is the first.
    case firstOfTwo
    /// The wall time comes twice, this is the second.
    case secondOfTwo
}

extension CronExpression {
    /// What daylight saving did to a firing, for previews; nil on nearly all days.
    ///
    /// The instant must be one that `next` or `previous` has returned for the same zone.
    package func daylightSavingNote(at time: UnixTime, zone: TimeZoneRules) -> DaylightSavingNote? {
        let wall = zone.localTime(at: time)
        if case .two(let first, let second) = zone.instants(of: wall), matches(wall) {
            if time == first { return .firstOfTwo }
            if time == second { return .secondOfTwo }
        }
        guard !runsOnElapsedTime, !matches(wall) else { return nil }
        let span = zone.span(at: Int(time.seconds))
        guard span.start == Int(time.seconds), let missing = firstMissingMatch(at: span, zone) else {
            return nil
        }
        return .movedOutOfGap(wall: LocalTime(secondsSince1970: missing))
    }
}
