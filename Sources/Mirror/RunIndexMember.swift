import Cron
import Scheduling

/// A run as a member of an index: its logical time, its job, an `@`, its suffix: `20260101T000000Zhello@m1`.
///
/// Members sort, byte by byte, as (logical time, run id) do, and hold no more than the id itself.
struct RunIndexMember: Hashable, Comparable {
    private static let timeLength = 16

    let text: String

    init(_ id: RunID) {
        text = "\(id.logicalTime.compact)\(id.job)@\(id.suffix)"
    }

    init(text: String) {
        self.text = text
    }

    /// The run's id in its printed form.
    var runID: String {
        let time = text.prefix(Self.timeLength)
        let rest = text.dropFirst(Self.timeLength)
        return rest.hasSuffix("@")
            ? "\(rest)\(time)" : rest.replacingSeparator(with: time)
    }

    static func < (left: RunIndexMember, right: RunIndexMember) -> Bool { left.text < right.text }
}

extension Substring {
    /// `job@m1` with a time: `job@<time>.m1`.
    fileprivate func replacingSeparator(with time: Substring) -> String {
        guard let at = lastIndex(of: "@") else { return String(self) }
        return "\(self[...at])\(time).\(self[index(after: at)...])"
    }
}

/// One page's worth of a keyset list that is read from several sources, each of them in descending order.
///
/// Each source gives up to `limit + 1` of its first members after the cursor.
struct KeysetPage<Key: Comparable> {
    /// The page's keys, in descending order.
    let keys: [Key]
    /// Whether the list goes on.
    let hasMore: Bool

    init(merging sources: [[Key]], limit: Int) {
        let sorted = sources.count == 1 ? sources[0] : sources.joined().sorted(by: >)
        keys = Array(sorted.prefix(limit))
        hasMore = sorted.count > limit
    }
}

extension RunQuery {
    /// The limit within 1...1000.
    var boundedLimit: Int { min(max(limit, 1), 1000) }

    /// `since` in whole seconds, as logical times are: rounded up.
    var sinceSecond: UnixTime? {
        since.map { WallTime($0.second) == $0 ? $0.second : $0.second.adding(seconds: 1) }
    }

    /// The run that the page before ended with.
    var lastRun: RunID? {
        get throws(MirrorError) {
            guard let cursor else { return nil }
            guard let id = RunID(cursor) else { throw .invalidCursor(cursor) }
            return id
        }
    }
}
