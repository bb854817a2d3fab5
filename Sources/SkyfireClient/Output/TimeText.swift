package import Cron
package import Scheduling

/// Times for people: with the offset of a zone, and how far away they are.
package struct TimeText: Sendable {
    package let zone: TimeZoneRules
    package let now: WallTime

    package init(zone: TimeZoneRules, now: WallTime) {
        self.zone = zone
        self.now = now
    }

    /// `2026-11-20T21:00:00+08:00 (3m ago)`
    package func full(_ time: WallTime) -> String { "\(absolute(time)) (\(relative(time)))" }

    /// `2026-11-20T21:00:00+08:00`
    package func absolute(_ time: WallTime) -> String { time.second.rfc3339(in: zone) }

    /// `3m ago`, `in 2h`, `now`
    package func relative(_ time: WallTime) -> String {
        let distance = time - now
        if distance.magnitude < 1000 { return "now" }
        let text = Self.span(Int64(clamping: distance.magnitude))
        return distance < 0 ? "\(text) ago" : "in \(text)"
    }

    /// A span in its two largest units where the first is small: `850ms`, `12s`, `3m`, `2h5m`, `4d`.
    package static func span(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<1: return "\(milliseconds)ms"
        case ..<10 where milliseconds % 1000 >= 100: return "\(seconds).\(milliseconds % 1000 / 100)s"
        case ..<60: return "\(seconds)s"
        case ..<600 where seconds % 60 > 0: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<3600: return "\(seconds / 60)m"
        case ..<86_400:
            return seconds % 3600 < 60 ? "\(seconds / 3600)h" : "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default:
            let hours = seconds % 86_400 / 3600
            return hours == 0 || seconds >= 864_000 ? "\(seconds / 86_400)d" : "\(seconds / 86_400)d\(hours)h"
        }
    }
}
