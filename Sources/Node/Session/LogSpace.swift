internal import Glibc
package import Scheduling
import Synchronization

/// Keeps what attempts have written on one node below a bound: the logs of the runs that were written to longest ago go
/// first.
package final class LogSpace: Sendable {
    /// What the logs of one run take.
    package struct Use: Hashable, Sendable {
        package var run: RunID
        /// On disk, with the directories.
        package var bytes: Int64
        /// When something of it was last written, or sealed.
        package var writtenAt: WallTime

        package init(run: RunID, bytes: Int64, writtenAt: WallTime) {
            self.run = run
            self.bytes = bytes
            self.writtenAt = writtenAt
        }
    }

    /// What the last look found, and how many runs' logs were removed since the process began.
    package struct Figures: Hashable, Sendable {
        package var bytes: Int64 = 0
        package var limit: Int64
        package var removedRuns = 0
    }

    private let directory: DataDirectory
    private let state: Mutex<Figures>

    package init(_ directory: DataDirectory, limit: Int64) {
        self.directory = directory
        state = Mutex(Figures(limit: limit))
    }

    package var figures: Figures { state.withLock { $0 } }

    /// What goes: the oldest first, until nine tenths of the limit are left. Nothing while the limit is not exceeded.
    package static func excess(of uses: [Use], limit: Int64) -> [Use] {
        var total = uses.reduce(0) { $0 + $1.bytes }
        guard total > limit else { return [] }
        var excess: [Use] = []
        for use in uses.sorted(by: { ($0.writtenAt, $0.run) < ($1.writtenAt, $1.run) })
        where total > limit / 10 * 9 {
            excess.append(use)
            total -= use.bytes
        }
        return excess
    }

    /// Looks at all logs and removes what is too much, but nothing of runs of which something lives here, which is asked
    /// right before. Blocks as long as the disk takes.
    package func sweep(isLive: (RunID) -> Bool) throws(DataDirectoryError) {
        let uses = directory.runs(in: "logs").map { use(of: $0) }
        var left = uses.reduce(0) { $0 + $1.bytes }
        var removedRuns = 0
        let excess = Self.excess(of: uses, limit: figures.limit)
        // First, so that nothing is missing that nobody tells of.
        if let last = excess.last { try directory.rememberLogsRemoved(through: last.writtenAt) }
        for use in excess where !isLive(use.run) {
            DataDirectory.removeTree(directory.logDirectory(use.run))
            left -= use.bytes
            removedRuns += 1
        }
        let (bytes, removed) = (left, removedRuns)
        state.withLock { figures in
            figures.bytes = bytes
            figures.removedRuns += removed
        }
    }

    private func use(of run: RunID) -> Use {
        var use = Use(run: run, bytes: 0, writtenAt: WallTime(milliseconds: 0))
        add(directory.logDirectory(run), to: &use)
        return use
    }

    private func add(_ path: String, to use: inout Use) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        use.bytes += Int64(status.st_blocks) * 512
        // Sealing changes the mode of a file, and with it this time.
        let changedAt = Int64(status.st_ctim.tv_sec) * 1000 + Int64(status.st_ctim.tv_nsec) / 1_000_000
        use.writtenAt = max(use.writtenAt, WallTime(milliseconds: changedAt))
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        for name in DataDirectory.names(in: path) { add("\(path)/\(name)", to: &use) }
    }
}
