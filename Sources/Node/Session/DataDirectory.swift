internal import Glibc
package import Scheduling

/// Why a data directory cannot be used.
package struct DataDirectoryError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// A node's directory on disk: its identity, its logs, the files of its runs. Locked by one process at a time.
///
/// `lock` · `worker-id` · `cluster-id` · `logs-removed-through` · `live/` the journal of processes · `runs/<run>/` working files ·
/// `logs/<run>/<task>~<partition>~<n>/` output
package final class DataDirectory: Sendable {
    package let path: String
    private let lockDescriptor: Int32

    /// Makes the directory if need be and locks it.
    package init(path: String) throws(DataDirectoryError) {
        guard DataDirectory.makeDirectories(path) else {
            throw DataDirectoryError(description: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        // Absolute, because it is told to processes with directories of their own.
        guard let absolute = realpath(path, nil) else {
            throw DataDirectoryError(description: "cannot find \(path): \(String(cString: strerror(errno)))")
        }
        defer { free(absolute) }
        self.path = String(cString: absolute)
        let lockPath = "\(self.path)/lock"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw DataDirectoryError(
                description: "cannot open \(lockPath): \(String(cString: strerror(errno)))"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let owner = DataDirectory.read(lockPath)?.trimmed ?? ""
            close(descriptor)
            throw DataDirectoryError(
                description:
                    "\(path) is in use by pid \(owner.isEmpty ? "?" : owner); give another one with --data"
            )
        }
        ftruncate(descriptor, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        lockDescriptor = descriptor
    }

    deinit { close(lockDescriptor) }

    package var workerID: WorkerID? {
        DataDirectory.read("\(path)/worker-id").flatMap { WorkerID($0.trimmed) }
    }

    package func rememberWorkerID(_ id: WorkerID) throws(DataDirectoryError) {
        try write("worker-id", "\(id)\n")
    }

    package var clusterID: String? { DataDirectory.read("\(path)/cluster-id").map(\.trimmed) }

    package func rememberClusterID(_ id: String) throws(DataDirectoryError) {
        try write("cluster-id", "\(id)\n")
    }

    package func runDirectory(_ run: RunID) -> String { "\(path)/runs/\(run)" }

    package func logDirectory(_ attempt: AttemptID) -> String {
        "\(logDirectory(attempt.run))/\(attempt.task)~\(attempt.partition)~\(attempt.number)"
    }

    package func logDirectory(_ run: RunID) -> String { "\(path)/logs/\(run)" }

    /// Whether the log of an attempt that ended then was removed to make room, if it had one.
    package func isLogRemoved(_ attempt: AttemptID, endedAt: WallTime) -> Bool {
        guard let mark = logsRemovedThrough else { return false }
        // Times of files are those of the last tick of the kernel's clock, and the store's clock may differ a little.
        return endedAt.milliseconds <= mark + 2_000 && access(logDirectory(attempt), F_OK) != 0
    }

    private var logsRemovedThrough: Int64? {
        DataDirectory.read("\(path)/logs-removed-through").flatMap { Int64($0.trimmed) }
    }

    /// Logs that were last written to up to this moment may be gone.
    package func rememberLogsRemoved(through time: WallTime) throws(DataDirectoryError) {
        guard time.milliseconds > logsRemovedThrough ?? .min else { return }
        try write("logs-removed-through", "\(time.milliseconds)\n")
    }

    package var holdsLogs: Bool { access("\(path)/logs", F_OK) == 0 }

    /// The runs that have something in one of the directories here: `runs` or `logs`.
    package func runs(in name: String) -> [RunID] {
        DataDirectory.names(in: "\(path)/\(name)").compactMap { RunID($0) }
    }

    /// What is in a directory; nothing where there is none.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // The C library ends the name with a zero within the field; the text is a copy.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package static func makeDirectories(_ path: String) -> Bool {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: true) {
            made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/\(part)"
            if mkdir(made, 0o755) != 0, errno != EEXIST { return false }
        }
        return access(path, W_OK | X_OK) == 0
    }

    /// Removes a directory and all below it; what does not exist is fine. Links are removed, never followed.
    package static func removeTree(_ path: String) {
        var own = stat()
        guard lstat(path, &own) == 0, own.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        for name in names(in: path) {
            var status = stat()
            let child = "\(path)/\(name)"
            guard lstat(child, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { removeTree(child) } else { unlink(child) }
        }
        rmdir(path)
    }

    /// The first `limit` bytes of a file.
    package static func read(_ path: String, limit: Int = 1 << 20) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = Glibc.read(descriptor, &bytes, limit)
        guard count >= 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Replaces a file as a whole: never half written.
    private func write(_ name: String, _ text: String) throws(DataDirectoryError) {
        let temporary = "\(path)/\(name).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw DataDirectoryError(
                description: "cannot write \(temporary): \(String(cString: strerror(errno)))"
            )
        }
        let written = text.withCString { Glibc.write(descriptor, $0, strlen($0)) }
        let isSynced = fsync(descriptor) == 0
        close(descriptor)
        guard written == text.utf8.count, isSynced, rename(temporary, "\(path)/\(name)") == 0 else {
            throw DataDirectoryError(
                description: "cannot write \(path)/\(name): \(String(cString: strerror(errno)))"
            )
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
