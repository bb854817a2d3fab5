extension CronExpression {
    /// The longest wait between two days that match: 29 February on one weekday skips at most 40 years.
    private static let horizonYears = 44
    /// The last day that is searched, 9999-12-31.
    private static let lastDay = CivilDate(year: 9999, month: 12, day: 31).daysSince1970
    private static let firstDay = CivilDate(year: 0, month: 1, day: 1).daysSince1970

    /// The first firing strictly after an instant.
    ///
    /// - Returns: nil when there is none within 44 years or before the year 10,000. This happens only when daylight
    ///   saving skips all days that match, or at the end of time. Takes microseconds, whatever the distance.
    package func next(
        after time: UnixTime,
        zone: TimeZoneRules,
        policy: DaylightSavingPolicy = DaylightSavingPolicy()
    ) -> UnixTime? {
        guard time < .latest else { return nil }
        var from = Int(max(time.seconds + 1, UnixTime.earliest.seconds))
        let limit = from + Self.horizonYears * 366 * 86_400
        var span = zone.span(at: from)
        while from < limit {
            if from == span.start, firesAtStart(of: span, zone, policy) { return fireTime(span.start) }
            var wall = from + span.offset
            var found = nextMatch(from: wall)
            while let match = found, match < span.end + span.offset {
                if isSelected(match, in: span, zone, policy) { return fireTime(match - span.offset) }
                wall = match + 1
                found = nextMatch(from: wall)
            }
            guard let match = found, span.end < TimeZoneRules.distantFuture else { return nil }
            // No wall time before the match matters, so neither do changes well before it; except that a change
            // soon after the start of the search may bring back wall times from before the start.
            let isNearChange = span.end - from <= TimeZoneRules.largestShift
            from =
                isNearChange ? span.end : max(span.end, match - span.offset - 2 * TimeZoneRules.largestShift)
            span = zone.span(at: from)
        }
        return nil
    }

    /// The last firing strictly before an instant; nil when there is none within 44 years.
    package func previous(
        before time: UnixTime,
        zone: TimeZoneRules,
        policy: DaylightSavingPolicy = DaylightSavingPolicy()
    ) -> UnixTime? {
        guard time > .earliest else { return nil }
        var through = Int(min(time.seconds - 1, UnixTime.latest.seconds))
        let limit = through - Self.horizonYears * 366 * 86_400
        var span = zone.span(at: through)
        while through > limit {
            var found = previousMatch(through: through + span.offset)
            while let match = found, match >= span.start + span.offset {
                if isSelected(match, in: span, zone, policy) { return fireTime(match - span.offset) }
                found = previousMatch(through: match - 1)
            }
            if firesAtStart(of: span, zone, policy) { return fireTime(span.start) }
            guard let match = found, span.start > TimeZoneRules.distantPast else { return nil }
            let isNearChange = through - span.start <= TimeZoneRules.largestShift
            through =
                isNearChange
                ? span.start - 1 : min(span.start - 1, match - span.offset + 2 * TimeZoneRules.largestShift)
            span = zone.span(at: through)
        }
        return nil
    }

    private func fireTime(_ instant: Int) -> UnixTime? {
        let time = UnixTime(seconds: Int64(instant))
        return (UnixTime.earliest...UnixTime.latest).contains(time) ? time : nil
    }

    /// Whether a fixed wall time was jumped over at the start of a span and fires there.
    private func firesAtStart(
        of span: TimeZoneRules.Span,
        _ zone: TimeZoneRules,
        _ policy: DaylightSavingPolicy
    ) -> Bool {
        guard span.offset > span.previousOffset, !runsOnElapsedTime, policy.gap == .nextValid else {
            return false
        }
        return firstMissingMatch(at: span, zone) != nil
    }

    /// The first matching wall time that the clocks jumped over at the start of a span.
    func firstMissingMatch(at span: TimeZoneRules.Span, _ zone: TimeZoneRules) -> Int? {
        var wall = span.start + span.previousOffset
        while let match = nextMatch(from: wall), match < span.start + span.offset {
            // Where clocks changed twice in a short time, the wall time may exist after all.
            if case .gap = zone.instants(of: LocalTime(secondsSince1970: match)) { return match }
            wall = match + 1
        }
        return nil
    }

    /// Whether a matching wall time fires in a span: always, unless it comes twice and the policy wants the other.
    private func isSelected(
        _ match: Int,
        in span: TimeZoneRules.Span,
        _ zone: TimeZoneRules,
        _ policy: DaylightSavingPolicy
    ) -> Bool {
        // Within two days of a change a wall time may come twice; elsewhere it cannot.
        let instant = match - span.offset
        guard !runsOnElapsedTime, policy.overlap != .both,
            instant - span.start < TimeZoneRules.largestShift
                || span.end - instant <= TimeZoneRules.largestShift,
            case .two(let first, let second) = zone.instants(of: LocalTime(secondsSince1970: match))
        else { return true }
        return Int64(instant) == (policy.overlap == .first ? first : second).seconds
    }

    /// The first matching wall time from `wall` on.
    private func nextMatch(from wall: Int) -> Int? {
        let day = floorDivide(wall, 86_400)
        guard let match = nextDay(from: day) else { return nil }
        guard match == day else { return match * 86_400 + firstTimeOfDay }
        if let time = nextTimeOfDay(from: wall - day * 86_400) { return day * 86_400 + time }
        return nextDay(from: day + 1).map { $0 * 86_400 + firstTimeOfDay }
    }

    /// The last matching wall time up to and including `wall`.
    private func previousMatch(through wall: Int) -> Int? {
        let day = floorDivide(wall, 86_400)
        guard let match = previousDay(through: day) else { return nil }
        guard match == day else { return match * 86_400 + lastTimeOfDay }
        if let time = previousTimeOfDay(through: wall - day * 86_400) { return day * 86_400 + time }
        return previousDay(through: day - 1).map { $0 * 86_400 + lastTimeOfDay }
    }

    private func nextDay(from start: Int) -> Int? {
        let date = CivilDate(daysSince1970: max(start, Self.firstDay))
        guard start <= Self.lastDay + 1 else { return nil }
        var (year, month) = (date.year, date.month)
        var mask = UInt32.max << UInt32(date.day)
        while year <= date.year + Self.horizonYears {
            let days = days(ofMonth: month, in: year) & mask
            if days != 0 {
                return CivilDate(year: year, month: month, day: days.trailingZeroBitCount).daysSince1970
            }
            mask = .max
            month += 1
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        return nil
    }

    private func previousDay(through end: Int) -> Int? {
        let date = CivilDate(daysSince1970: min(end, Self.lastDay + 1))
        guard end >= Self.firstDay - 1 else { return nil }
        var (year, month) = (date.year, date.month)
        var mask = UInt32.max >> UInt32(31 - date.day)
        while year >= date.year - Self.horizonYears {
            let days = days(ofMonth: month, in: year) & mask
            if days != 0 {
                return CivilDate(year: year, month: month, day: 31 - days.leadingZeroBitCount).daysSince1970
            }
            mask = .max
            month -= 1
            if month < 1 { (year, month) = (year - 1, 12) }
        }
        return nil
    }

    private var firstTimeOfDay: Int {
        hours.trailingZeroBitCount * 3600 + minutes.trailingZeroBitCount * 60 + seconds.trailingZeroBitCount
    }

    private var lastTimeOfDay: Int {
        (31 - hours.leadingZeroBitCount) * 3600 + (63 - minutes.leadingZeroBitCount) * 60
            + (63 - seconds.leadingZeroBitCount)
    }

    /// The first matching second of a day from `start` (0 to 86,399) on; fields are tried from the hour down.
    private func nextTimeOfDay(from start: Int) -> Int? {
        let (hour, minute, second) = (start / 3600, start / 60 % 60, start % 60)
        if hours >> UInt32(hour) & 1 == 1 {
            if minutes >> UInt64(minute) & 1 == 1 {
                let left = seconds >> UInt64(second)
                if left != 0 { return start + left.trailingZeroBitCount }
            }
            let left = minutes & .max << UInt64(minute + 1)
            if left != 0 {
                return hour * 3600 + left.trailingZeroBitCount * 60 + seconds.trailingZeroBitCount
            }
        }
        let left = hours & .max << UInt32(hour + 1)
        guard left != 0 else { return nil }
        return left.trailingZeroBitCount * 3600 + firstTimeOfDay % 3600
    }

    /// The last matching second of a day up to and including `end` (0 to 86,399).
    private func previousTimeOfDay(through end: Int) -> Int? {
        let (hour, minute, second) = (end / 3600, end / 60 % 60, end % 60)
        if hours >> UInt32(hour) & 1 == 1 {
            if minutes >> UInt64(minute) & 1 == 1 {
                let left = seconds & .max >> UInt64(63 - second)
                if left != 0 { return end - second + 63 - left.leadingZeroBitCount }
            }
            let left = minutes & ((1 << UInt64(minute)) - 1)
            if left != 0 {
                return hour * 3600 + (63 - left.leadingZeroBitCount) * 60 + 63 - seconds.leadingZeroBitCount
            }
        }
        let left = hours & ((1 << UInt32(hour)) - 1)
        guard left != 0 else { return nil }
        return (31 - left.leadingZeroBitCount) * 3600 + lastTimeOfDay % 3600
    }
}
