/// Fires at an anchor and every period after it: `{every: 30s, from: T}`.
///
/// The grid is of real, elapsed seconds; zones and daylight saving do not touch it. It does not reach back before
/// the anchor.
package struct IntervalSchedule: Hashable, Sendable {
    /// The distance between two firings, at least 1.
    package let periodSeconds: Int64
    /// The first firing.
    package let anchor: UnixTime

    /// Makes a schedule. The period is whole seconds, from 1 second to 100 years; anything else is refused.
    package init(everyMilliseconds period: Int64, anchor: UnixTime) throws(CronError) {
        let text = DurationText.text(milliseconds: period)
        guard period >= 1000 else {
            throw CronError(
                .invalidDuration,
                "the interval \(text) is too short",
                in: text,
                hint: "the least is 1s"
            )
        }
        guard period % 1000 == 0 else {
            throw CronError(
                .invalidDuration,
                "the interval \(text) is not a whole number of seconds",
                in: text,
                hint: "fire times are whole seconds"
            )
        }
        guard period <= 36_525 * 86_400_000 else {
            throw CronError(
                .invalidDuration,
                "the interval \(text) is too long",
                in: text,
                hint: "the most is 36525d"
            )
        }
        periodSeconds = period / 1000
        self.anchor = anchor
    }

    /// Makes a schedule of a duration as users write it.
    package init(every text: String, anchor: UnixTime) throws(CronError) {
        try self.init(everyMilliseconds: DurationText.milliseconds(parsing: text), anchor: anchor)
    }

    /// The first firing strictly after an instant; nil beyond the year 9999.
    package func next(after time: UnixTime) -> UnixTime? {
        guard time >= anchor else { return anchor <= .latest ? anchor : nil }
        guard time < .latest else { return nil }
        let elapsed = time.seconds - max(anchor.seconds, UnixTime.earliest.seconds)
        let base = max(anchor.seconds, UnixTime.earliest.seconds)
        let next = UnixTime(seconds: base + (elapsed / periodSeconds + 1) * periodSeconds)
        return next <= .latest ? next : nil
    }

    /// The last firing strictly before an instant; nil at or before the anchor.
    package func previous(before time: UnixTime) -> UnixTime? {
        guard time > anchor, anchor <= .latest else { return nil }
        let base = max(anchor.seconds, UnixTime.earliest.seconds)
        let end = min(time.seconds, UnixTime.latest.seconds + 1)
        guard end > base else { return nil }
        return UnixTime(seconds: base + (end - 1 - base) / periodSeconds * periodSeconds)
    }
}
