/// What the clocks of one zone show at every instant, and which instants a wall time names.
///
/// Immutable and shared: `TimeZoneDatabase` makes one per zone, schedules hold a reference. A lookup is a binary
/// search; instants after the year 2100 are computed from the zone's POSIX rule, which costs a little more.
package final class TimeZoneRules: Sendable {
    /// The instants that a wall time names.
    package enum Resolution: Hashable, Sendable {
        /// None: the clocks were put forward over it, and showed a later time from this instant on.
        case gap(end: UnixTime)
        /// One, as nearly always.
        case one(UnixTime)
        /// Two: the clocks were put back over it.
        case two(first: UnixTime, second: UnixTime)
    }

    /// A time during which the offset is the same, `start` included, `end` not.
    struct Span {
        var start: Int
        var end: Int
        var offset: Int
        /// The offset just before `start`; equal to `offset` when there is nothing before.
        var previousOffset: Int
        /// The offset from `end` on; equal to `offset` when nothing follows.
        var nextOffset: Int
    }

    /// The IANA name, `Asia/Shanghai`.
    package let name: String

    private let times: [Int]
    private let offsets: [Int32]
    private let initialOffset: Int
    /// The rule after the last of `times`; nil when the offset no longer changes.
    private let rule: PosixTimeZone?

    /// Far outside all supported instants, and far enough inside the integers to add to.
    static let distantPast = -(1 << 50)
    static let distantFuture = 1 << 50
    /// No two offsets of a zone differ by more.
    static let largestShift = 52 * 3600
    private static let lastTabledYear = 2100

    /// UTC, which needs no file.
    package static let utc = TimeZoneRules(name: "UTC", file: TimeZoneFile(fixedOffset: 0))

    /// Makes the rules of a zone file, and tables the changes of its POSIX rule up to the year 2100.
    init(name: String, file: TimeZoneFile) {
        self.name = name
        var changes: [PosixTimeZone.Transition] = []
        for (time, offset) in zip(file.times, file.offsets) {
            changes.append(
                .init(time: min(max(Int(time), Self.distantPast), Self.distantFuture), offset: offset)
            )
        }
        rule = file.footer?.daylight == nil ? nil : file.footer
        if let rule {
            let last = changes.last?.time ?? Self.distantPast
            let firstYear =
                changes.isEmpty ? 1800 : CivilDate(daysSince1970: floorDivide(last, 86_400)).year - 1
            for year in firstYear...max(firstYear, Self.lastTabledYear) {
                changes += rule.transitions(in: year).filter { $0.time > last }
            }
        }
        changes = Self.normalized(changes, from: file.initialOffset)
        times = changes.map(\.time)
        offsets = changes.map { Int32($0.offset) }
        initialOffset = file.initialOffset
    }

    /// Seconds east of Greenwich at an instant.
    package func offset(at time: UnixTime) -> Int { span(at: Self.clamped(time)).offset }

    /// What the clocks show at an instant.
    package func localTime(at time: UnixTime) -> LocalTime {
        LocalTime(secondsSince1970: Self.clamped(time) + offset(at: time))
    }

    /// The instants at which the clocks show a wall time.
    ///
    /// Where a zone changed its clocks twice within days, so that a wall time came three times, the first and the
    /// last are meant.
    package func instants(of local: LocalTime) -> Resolution {
        let wall = min(max(local.secondsSince1970, Self.distantPast / 2), Self.distantFuture / 2)
        var found: (first: Int, last: Int)?
        var gapEnd: Int?
        var span = span(at: wall - Self.largestShift)
        while true {
            let instant = wall - span.offset
            if instant >= span.start, instant < span.end { found = (found?.first ?? instant, instant) }
            guard span.end <= wall + Self.largestShift else { break }
            if gapEnd == nil, wall >= span.end + span.offset, wall < span.end + span.nextOffset {
                gapEnd = span.end
            }
            span = self.span(at: span.end)
        }
        if let found {
            let first = UnixTime(seconds: Int64(found.first))
            return found.first == found.last
                ? .one(first) : .two(first: first, second: UnixTime(seconds: Int64(found.last)))
        }
        // Spans follow each other without a hole, so a wall time that is in none of them was jumped over.
        guard let gapEnd else { preconditionFailure("\(name): \(local) is in no span and in no gap") }
        return .gap(end: UnixTime(seconds: Int64(gapEnd)))
    }

    /// The first change of offset strictly after an instant; nil when there is none up to the year 9999.
    package func nextTransition(after time: UnixTime) -> UnixTime? {
        let end = UnixTime(seconds: Int64(span(at: Self.clamped(time)).end))
        return end <= .latest ? end : nil
    }

    /// The time around an instant during which the offset is the same.
    func span(at time: Int) -> Span {
        let index = indexOfLastChange(through: time)
        if index == times.count - 1, index >= 0, let rule { return ruledSpan(at: time, rule) }
        let offset = offset(index)
        return Span(
            start: index < 0 ? Self.distantPast : times[index],
            end: index + 1 < times.count ? times[index + 1] : Self.distantFuture,
            offset: offset,
            previousOffset: index < 0 ? offset : self.offset(index - 1),
            nextOffset: index + 1 < times.count ? self.offset(index + 1) : offset
        )
    }

    /// The span of an instant after the last tabled change.
    private func ruledSpan(at time: Int, _ rule: PosixTimeZone) -> Span {
        let last = times.count - 1
        var span = Span(
            start: times[last],
            end: Self.distantFuture,
            offset: offset(last),
            previousOffset: offset(last - 1),
            nextOffset: offset(last)
        )
        let year = CivilDate(daysSince1970: floorDivide(time, 86_400)).year
        // Rules may reach a week into the neighbouring years; one more year says what holds before those.
        let changes = (year - 3...year + 2).flatMap(rule.transitions)
        guard let first = changes.first else { return span }
        var running = first.offset
        for change in Self.normalized(Array(changes.dropFirst()), from: running) {
            if change.time > time {
                span.end = change.time
                span.nextOffset = change.offset
                break
            }
            if change.time > times[last] {
                span.start = change.time
                span.previousOffset = running
            }
            running = change.offset
        }
        span.offset = running
        return span
    }

    /// Drops changes that last no time or change nothing, as a rule for permanent daylight saving has.
    private static func normalized(
        _ changes: [PosixTimeZone.Transition],
        from initialOffset: Int
    ) -> [PosixTimeZone.Transition] {
        var kept: [PosixTimeZone.Transition] = []
        for change in changes {
            if let last = kept.last, last.time >= change.time { kept.removeLast() }
            if change.offset != kept.last?.offset ?? initialOffset { kept.append(change) }
        }
        return kept
    }

    private func offset(_ index: Int) -> Int { index < 0 ? initialOffset : Int(offsets[index]) }

    /// The index of the last change at or before an instant, -1 when there is none.
    private func indexOfLastChange(through time: Int) -> Int {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    private static func clamped(_ time: UnixTime) -> Int {
        Int(min(max(time.seconds, Int64(distantPast / 2)), Int64(distantFuture / 2)))
    }
}

extension TimeZoneRules: Hashable {
    /// Equal when the name and every rule are the same, so that reloaded data of one version compare equal.
    package static func == (left: TimeZoneRules, right: TimeZoneRules) -> Bool {
        left === right
            || left.name == right.name && left.times == right.times && left.offsets == right.offsets
                && left.initialOffset == right.initialOffset && left.rule == right.rule
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
