import Glibc

/// The control groups (version 2) of a supervisor's attempts, where this process may make some.
///
/// One directory for the supervisor, below the group that the process is in, and one in it for each attempt. No
/// controller is switched on: a group is only a boundary that nothing leaves by `setsid` or by a changed
/// environment, and that one write kills.
struct ControlGroups: Sendable {
    let directory: String

    /// Finds the mounted hierarchy and tries it; `nil` where there is none or it cannot be written.
    init?() {
        guard let mount = Self.mountPoint(), let own = Self.ownGroup() else { return nil }
        let parent = own == "/" ? mount : mount + own
        Self.removeDead(in: parent)
        directory = "\(parent)/skyfire-runner-\(getpid())-\(bootNanoseconds())"
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else { return nil }
        // `cgroup.kill` came with Linux 5.14; without it a group would have to be emptied by hand.
        guard access("\(directory)/cgroup.kill", W_OK) == 0 else {
            rmdir(directory)
            return nil
        }
    }

    /// Removes the empty groups of supervisors that are dead: `skyfire-runner-<pid>-<start>`.
    private static func removeDead(in parent: String) {
        for name in ControlGroup.subgroups(of: parent) where name.hasPrefix("skyfire-runner-") {
            let parts = name.split(separator: "-")
            guard parts.count == 4, let pid = pid_t(parts[2]), kill(pid, 0) != 0, errno == ESRCH else {
                continue
            }
            ControlGroup.remove("\(parent)/\(name)")
        }
    }

    /// Makes the group of an attempt; `nil` when that fails, and then the attempt goes without.
    func make(_ serial: UInt64) -> ControlGroup? {
        let path = "\(directory)/\(serial)"
        guard mkdir(path, 0o755) == 0 else { return nil }
        let descriptor = open("\(path)/cgroup.procs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            rmdir(path)
            return nil
        }
        return ControlGroup(path: path, entry: descriptor)
    }

    /// Whether a process is, or was until it died, in a group of one of these attempts.
    func contain(_ pid: pid_t) -> Bool {
        let name = directory.split(separator: "/").last ?? ""
        let text = String(decoding: readSmallFile("/proc/\(pid)/cgroup") ?? [], as: UTF8.self)
        return text.split(separator: "\n").contains { $0.hasPrefix("0::") && $0.contains("/\(name)/") }
    }

    /// Removes the supervisor's own directory, when no attempt has one any more.
    func remove() { rmdir(directory) }

    /// Where `cgroup2` is mounted, the unified hierarchy or the one beside version 1.
    private static func mountPoint() -> String? {
        let text = String(
            decoding: readSmallFile("/proc/self/mountinfo", limit: 1 << 20) ?? [],
            as: UTF8.self
        )
        for line in text.split(separator: "\n") {
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2, halves[1].hasPrefix("cgroup2 ") else { continue }
            let fields = halves[0].split(separator: " ")
            if fields.count > 4 { return String(fields[4]) }
        }
        return nil
    }

    private static func ownGroup() -> String? {
        let text = String(decoding: readSmallFile("/proc/self/cgroup") ?? [], as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
    }
}

/// The control group of one attempt.
struct ControlGroup: Sendable {
    let path: String
    /// `cgroup.procs`, open for writing until the process has entered.
    let entry: Int32

    /// Kills all that is in a group. Returns false where there is no such group.
    @discardableResult
    static func kill(_ path: String) -> Bool {
        let descriptor = open("\(path)/cgroup.kill", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, "1", 1) == 1
    }

    /// The processes in a group and in the groups that were made in it, those that are dead and not reaped among them.
    static func members(_ path: String) -> [pid_t] {
        let own = String(decoding: readSmallFile("\(path)/cgroup.procs", limit: 1 << 20) ?? [], as: UTF8.self)
            .split(separator: "\n").compactMap { pid_t($0) }
        return subgroups(of: path).reduce(own) { $0 + members("\(path)/\($1)") }
    }

    /// Whether anything lives in a group or in those made in it; not where there is no such group.
    static func isPopulated(_ path: String) -> Bool {
        String(decoding: readSmallFile("\(path)/cgroup.events") ?? [], as: UTF8.self).contains("populated 1")
    }

    /// Removes an empty group, with the empty groups that its processes made in it.
    static func remove(_ path: String) {
        guard rmdir(path) != 0, errno == EBUSY || errno == ENOTEMPTY else { return }
        for name in subgroups(of: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }

    static func subgroups(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
            // The entry is valid until the next `readdir`; the text is a copy.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if isDirectory, name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
