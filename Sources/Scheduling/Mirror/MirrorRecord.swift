/// The leader commit that a mirror record stems from. A record never overwrites one of a later commit.
package struct MirrorVersion: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package var term: Int
    package var commit: Int

    package init(term: Int, commit: Int) {
        self.term = term
        self.commit = commit
    }

    package static func < (left: MirrorVersion, right: MirrorVersion) -> Bool {
        (left.term, left.commit) < (right.term, right.commit)
    }

    package var description: String { "\(term)-\(commit)" }
}

/// One fact for the mirror. Writing it twice, or late, changes nothing.
package enum MirrorRecord: Hashable, Sendable, Codable {
    /// A run's header with its tasks. `isFinal` once the run is over.
    case run(RunView, tasks: [TaskSummary])
    case attempt(run: RunID, AttemptView)
    case job(JobView)
    case jobDeleted(JobName)
}

/// The records of one commit.
package struct MirrorBatch: Hashable, Sendable, Codable {
    package var version: MirrorVersion
    package var records: [MirrorRecord]

    package init(version: MirrorVersion, records: [MirrorRecord]) {
        self.version = version
        self.records = records
    }
}
