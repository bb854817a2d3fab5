import CProcess
import Glibc

/// Which processes are alive, on disk, so that a successor can end them after a crash.
///
/// One file per live attempt, `<directory>/live/<attempt>`: first the boundary's mark and control group, written when
/// the process is prepared, then pid, start time and boot id, written when it runs. So a crash between the two
/// leaves at worst a process known by its mark. Nothing is synced: a crash of the machine ends the processes
/// too.
package struct ProcessJournal: Sendable {
    /// What a sweep ended.
    package struct Swept: Sendable, Equatable {
        /// The attempt.
        package let id: String
        /// The processes that were killed; empty when none was alive any more.
        package let killedPIDs: [Int32]
        /// Processes still alive after KILL when the sweep gave up, 5 seconds after it began.
        package let survivingPIDs: [Int32]
    }

    private let liveDirectory: String
    private let bootID = ProcessTable.bootID()

    /// Makes a journal in a directory, which is made if need be.
    package init(directory: String) throws(ProcessError) {
        self.liveDirectory = directory + "/live"
        makeDirectories(liveDirectory)
        guard access(liveDirectory, W_OK | X_OK) == 0 else {
            throw ProcessError(errno: errno, "making \(liveDirectory)")
        }
    }

    /// The journal that is in a directory; `nil` where there is none.
    init?(existing directory: String) {
        self.liveDirectory = directory + "/live"
        guard access(liveDirectory, W_OK | X_OK) == 0 else { return nil }
    }

    /// Notes that an attempt is about to start; returns an open file for `noteStart`.
    func noteIntent(_ request: ProcessRequest, controlGroup: String?) throws(ProcessError) -> Int32 {
        let path = path(of: request.id)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ProcessError(errno: errno, "writing \(path)") }
        var lines = ""
        if let mark = request.boundaryMark { lines += "mark \(mark.replacing("\n", with: "\u{0}"))\n" }
        if let controlGroup { lines += "group \(controlGroup)\n" }
        if !lines.isEmpty {
            let line = Array(lines.utf8)
            // The line outlives the call, which keeps no pointer.
            let failure = line.withUnsafeBytes { writeFully(descriptor, $0, at: 0).errno }
            if failure != 0 {
                close(descriptor)
                unlink(path)
                throw ProcessError(errno: failure, "writing \(path)")
            }
        }
        return descriptor
    }

    /// Notes the process of an attempt and closes the file; returns the error number or 0.
    func noteStart(_ descriptor: Int32, pid: pid_t, startTicks: UInt64) -> Int32 {
        defer { close(descriptor) }
        let line = Array("process \(pid) \(startTicks) \(bootID)\n".utf8)
        let end = lseek(descriptor, 0, SEEK_END)
        // The line outlives the call, which keeps no pointer.
        return line.withUnsafeBytes { writeFully(descriptor, $0, at: Int64(max(end, 0))).errno }
    }

    func forget(_ id: String) {
        unlink(path(of: id))
    }

    private func path(of id: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var name: [UInt8] = []
        for byte in id.utf8 {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "/"), byte != UInt8(ascii: "%"),
                byte != UInt8(ascii: ".") || !name.isEmpty
            {
                name.append(byte)
            } else {
                name += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return liveDirectory + "/" + String(decoding: name, as: UTF8.self)
    }

    /// Whether the file name of an id is short enough for the file system.
    static func accepts(id: String) -> Bool {
        !id.isEmpty
            && id.utf8.reduce(0) { $0 + ($1 > 0x20 && $1 < 0x7f && $1 != 0x2f && $1 != 0x25 ? 1 : 3) } <= 250
    }
}

extension ProcessJournal {
    private struct Record {
        let id: String
        let path: String
        var mark: String?
        var controlGroup: String?
        var pid: pid_t = 0
        var startTicks: UInt64 = 0

        /// The attempt's boundary.
        ///
        /// Once another process has the leader's number the session is another one, and then only the mark
        /// and the control group count.
        func boundary(sessionIsKnown: Bool) -> Boundary {
            Boundary(
                session: sessionIsKnown ? pid : 0,
                startTicks: startTicks,
                mark: mark,
                controlGroup: controlGroup
            )
        }
    }

    /// Kills what a crashed predecessor left running and empties the journal.
    ///
    /// Called once before a supervisor uses the journal, by whoever holds the data directory's lock. Blocks
    /// until the processes are gone, 5 seconds at most. What has left the session of an attempt without a
    /// boundary mark cannot be told from strangers and is let be.
    package func sweep() -> [Swept] {
        let records = records()
        guard !records.isEmpty else { return [] }
        var killed: [String: Set<pid_t>] = [:]
        var surviving: [String: [pid_t]] = [:]
        let deadline = bootNanoseconds() + 5_000_000_000
        var search = BoundarySearch(subreaper: nil)
        var isUncertain = false
        repeat {
            surviving = [:]
            var waiting: [pollfd] = []
            let processes = ProcessTable.all()
            let starts = Dictionary(processes.map { ($0.pid, $0.startTicks) }) { first, _ in first }
            let boundaries = records.map { record in
                // A number stays taken while one of its session lives, so a session without a leader is the
                // recorded one; only another process with the leader's number says that it is over.
                record.boundary(sessionIsKnown: starts[record.pid].map { $0 == record.startTicks } ?? true)
            }
            let found = search.find(boundaries, in: processes, mains: [])
            isUncertain = found.contains { $0.isUncertain }
            for (record, found) in zip(records, found) {
                if let group = record.controlGroup { ControlGroup.kill(group) }
                for process in found.members {
                    surviving[record.id, default: []].append(process.pid)
                    let descriptor = skyfire_pidfd_open(process.pid)
                    if descriptor >= 0 {
                        waiting.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
                    }
                    if ProcessTable.send(SIGKILL, to: process) {
                        killed[record.id, default: []].insert(process.pid)
                    }
                }
            }
            // One ended process is enough to look again; what is stuck ends the wait after 50 ms, and the doubt
            // whether a process is in the midst of an exec after 5.
            if !waiting.isEmpty || isUncertain { poll(&waiting, nfds_t(waiting.count), isUncertain ? 5 : 50) }
            for entry in waiting { close(entry.fd) }
        } while (!surviving.isEmpty || isUncertain) && bootNanoseconds() < deadline
        for record in records where surviving[record.id] == nil {
            if let group = record.controlGroup {
                ControlGroup.remove(group)
                // The predecessor's own directory, once the last of its attempts is gone.
                if let slash = group.lastIndex(of: "/") { rmdir(String(group[..<slash])) }
            }
            unlink(record.path)
        }
        return records.map {
            Swept(
                id: $0.id,
                killedPIDs: killed[$0.id, default: []].sorted(),
                survivingPIDs: surviving[$0.id] ?? []
            )
        }
    }

    private func records() -> [Record] {
        guard let directory = opendir(liveDirectory) else { return [] }
        defer { closedir(directory) }
        var records: [Record] = []
        while let entry = readdir(directory) {
            // The entry is valid until the next `readdir`; the text is a copy.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            let path = liveDirectory + "/" + name
            var record = Record(id: Self.id(fromFileName: name), path: path)
            var isOfThisBoot = true
            for line in String(decoding: readSmallFile(path) ?? [], as: UTF8.self).split(separator: "\n") {
                let fields = line.split(separator: " ")
                if line.hasPrefix("mark ") {
                    record.mark = String(line.dropFirst(5).replacing("\u{0}", with: "\n"))
                } else if line.hasPrefix("group ") {
                    record.controlGroup = String(line.dropFirst(6))
                } else if fields.count == 4, fields[0] == "process", let pid = pid_t(fields[1]),
                    let ticks = UInt64(fields[2])
                {
                    (record.pid, record.startTicks) = (pid, ticks)
                    isOfThisBoot = fields[3] == bootID
                }
            }
            if !isOfThisBoot { record = Record(id: record.id, path: path) }
            records.append(record)
        }
        return records.sorted { $0.id < $1.id }
    }

    private static func id(fromFileName name: String) -> String {
        var bytes: [UInt8] = []
        var rest = name.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
