import Glibc

/// By what the processes of an attempt are known.
struct Boundary {
    /// The main process, whose number its session has; 0 when that may be the number of another session by now.
    let session: pid_t
    /// When the main process started: nothing of the boundary is older.
    let startTicks: UInt64
    /// `NAME=value` in the environment of what left the session.
    let mark: String?
    let controlGroup: String?
}

/// Finds in a list of all processes what belongs to any of some boundaries.
///
/// Whatever their number, each process is looked at once, its environment is read at most once, and nothing
/// here waits: hundreds of attempts that have to end by one moment cost little more than one.
struct BoundarySearch {
    /// What was found of one boundary.
    struct Found {
        /// Its living processes, without its main process where that is among the `mains`.
        var members: [ProcessStatus] = []
        /// Whether a process may be one of them that had no environment to read yet.
        var isUncertain = false
    }

    /// How long a process is taken to be in the midst of an exec, where it has no environment to read; after
    /// that it was given none.
    private static let execNanoseconds: Int64 = 20_000_000

    /// Whose descendants all processes of the boundaries are, whatever became of their parents; `nil` where
    /// that is not known.
    private let subreaper: pid_t?
    private let environment: (pid_t) -> [UInt8]?
    /// Since when processes were seen without an environment, by pid.
    private var bare: [pid_t: (startTicks: UInt64, sinceNanoseconds: Int64)] = [:]

    init(
        subreaper: pid_t?,
        environment: @escaping (pid_t) -> [UInt8]? = { ProcessTable.environment(of: $0) }
    ) {
        self.subreaper = subreaper
        self.environment = environment
    }

    /// Finds the living processes of each boundary, in the order of the boundaries.
    ///
    /// `mains` are main processes of attempts, these ones or others: they are never found, and what is in
    /// their sessions is theirs.
    mutating func find(
        _ boundaries: [Boundary],
        in table: [ProcessStatus],
        mains: Set<pid_t>,
        now: Int64 = bootNanoseconds()
    ) -> [Found] {
        var found = [Found](repeating: Found(), count: boundaries.count)
        var sessions: [pid_t: Int] = [:]
        var grouped: [pid_t: Int] = [:]
        var marks: [ArraySlice<UInt8>: Int] = [:]
        for (index, boundary) in boundaries.enumerated() {
            if boundary.session != 0 { sessions[boundary.session] = index }
            if let mark = boundary.mark { marks[Array(mark.utf8)[...]] = index }
            for pid in boundary.controlGroup.map({ ControlGroup.members($0) }) ?? [] { grouped[pid] = index }
        }
        let marked = boundaries.indices.filter { boundaries[$0].mark != nil }
        let oldest = marked.map { boundaries[$0].startTicks }.min()
        var processes: [pid_t: ProcessStatus] = [:]
        for process in table { processes[process.pid] = process }
        let own = getpid()
        let before = bare
        bare = [:]
        for process in table where !process.isDead && process.pid != own && !mains.contains(process.pid) {
            // A group never leaves its session.
            if let index = sessions[process.session] ?? grouped[process.pid] {
                if process.startTicks >= boundaries[index].startTicks { found[index].members.append(process) }
                continue
            }
            guard let oldest, process.startTicks >= oldest, !mains.contains(process.session),
                mayDescend(process, processes), let content = environment(process.pid)
            else { continue }
            if content.isEmpty {
                let known = before[process.pid].flatMap { $0.startTicks == process.startTicks ? $0 : nil }
                let since = known?.sinceNanoseconds ?? now
                bare[process.pid] = (process.startTicks, since)
                if now - since >= Self.execNanoseconds { continue }
                for index in marked where process.startTicks >= boundaries[index].startTicks {
                    found[index].isUncertain = true
                }
                continue
            }
            let owner = content.split(separator: 0).lazy.compactMap { marks[$0] }.first
            if let owner, process.startTicks >= boundaries[owner].startTicks {
                found[owner].members.append(process)
            }
        }
        return found
    }

    /// Whether a process may be a descendant of the subreaper: not, when its line of parents leads past it.
    private func mayDescend(_ process: ProcessStatus, _ processes: [pid_t: ProcessStatus]) -> Bool {
        guard let subreaper else { return true }
        var child = process
        for _ in processes {
            if child.parent == subreaper { return true }
            if child.parent == 0 { return false }
            // The list is not of one moment: a parent may have ended meanwhile, its number be another's.
            guard let parent = processes[child.parent], parent.startTicks <= child.startTicks else {
                return true
            }
            child = parent
        }
        return true
    }
}
