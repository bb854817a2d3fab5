package import Cron
internal import Glibc
package import Scheduling

/// What verbs read of the process they run in.
package enum Environment {
    /// A variable's value; nil where it is not set or empty.
    package static func value(_ name: String) -> String? {
        guard let text = getenv(name) else { return nil }
        let value = String(cString: text)
        return value.isEmpty ? nil : value
    }

    /// The wall clock, in milliseconds.
    package static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The zone that times are shown in: `$TZ`, else the machine's, else UTC.
    package static func zone(in database: TimeZoneDatabase) -> TimeZoneRules {
        let names = [value("TZ").map { $0.hasPrefix(":") ? String($0.dropFirst()) : $0 } ?? machineZone()]
        for name in names.compactMap({ $0 }) {
            do {
                return try database.zone(named: name)
            } catch {
                continue  // A zone that cannot be read is no reason not to answer; times carry their offset.
            }
        }
        return .utc
    }

    /// What /etc/localtime is a link to, or what /etc/timezone says.
    private static func machineZone() -> String? {
        guard let resolved = realpath("/etc/localtime", nil) else { return nil }
        defer { free(resolved) }
        let path = String(cString: resolved)
        let marker = "/zoneinfo/"
        var start = path.startIndex
        while start < path.endIndex {
            if path[start...].hasPrefix(marker) { return String(path[start...].dropFirst(marker.count)) }
            start = path.index(after: start)
        }
        return nil
    }
}
