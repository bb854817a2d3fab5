/// When a trigger fires: by cron expression, at an interval, or once.
///
/// Under 100 bytes and without storage of its own on the heap: the zone is shared by all schedules of it.
package enum Schedule: Hashable, Sendable {
    /// The expression, read on the clocks of the zone.
    case cron(CronExpression, TimeZoneRules, DaylightSavingPolicy)
    /// The interval, anchored at an instant.
    case every(IntervalSchedule)
    /// Once, at the instant.
    case at(UnixTime)

    /// The first firing strictly after an instant; nil when there is none.
    package func next(after time: UnixTime) -> UnixTime? {
        switch self {
        case .cron(let expression, let zone, let policy):
            expression.next(after: time, zone: zone, policy: policy)
        case .every(let interval):
            interval.next(after: time)
        case .at(let instant):
            instant > time ? instant : nil
        }
    }

    /// The last firing strictly before an instant; nil when there is none.
    package func previous(before time: UnixTime) -> UnixTime? {
        switch self {
        case .cron(let expression, let zone, let policy):
            expression.previous(before: time, zone: zone, policy: policy)
        case .every(let interval):
            interval.previous(before: time)
        case .at(let instant):
            instant < time ? instant : nil
        }
    }

    /// The firings after `start` up to and including `end`, in order, at most `limit` of them.
    package func occurrences(after start: UnixTime, through end: UnixTime, limit: Int) -> [UnixTime] {
        var found: [UnixTime] = []
        var time = start
        while found.count < limit, let next = next(after: time), next <= end {
            found.append(next)
            time = next
        }
        return found
    }
}
