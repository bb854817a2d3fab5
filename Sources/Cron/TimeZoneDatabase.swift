internal import Glibc
internal import Synchronization

/// The time zones that this machine's tzdata knows.
///
/// Reads the system's compiled zone files rather than those inside Foundation's ICU, which age with the toolchain.
/// A zone is read once and then kept for the life of the database, so that all schedules of a process agree, and the
/// version that a node publishes is that of the rules it uses; new tzdata takes effect at a restart. Thread-safe;
/// reading a file blocks for well under a millisecond.
package final class TimeZoneDatabase: Sendable {
    private struct State {
        var zones: [String: TimeZoneRules] = [:]
        var names: [String]?
    }

    /// The directory that the zones are read from.
    package let directory: String
    /// The tzdata release, such as `2025b`, as found when the database was made; nil when it is not recorded.
    package let version: String?

    private let state = Mutex(State())

    private static let largestFile = 1 << 20

    /// Makes a database over `$TZDIR`, or `/usr/share/zoneinfo` when that is not set.
    package convenience init() {
        let configured = getenv("TZDIR").map { String(cString: $0) } ?? ""
        self.init(directory: configured.isEmpty ? "/usr/share/zoneinfo" : configured)
    }

    /// Makes a database over a directory of TZif files. The directory need not exist: then only UTC is known.
    package init(directory: String) {
        self.directory = directory
        version = TimeZoneDatabase.readVersion(directory)
    }

    /// The rules of a zone.
    ///
    /// `UTC` and `Etc/UTC` are known even without zone files. Names that mean another zone on another machine
    /// (`localtime`, `posixrules`) are refused, as are the trees `posix/` and `right/`.
    package func zone(named name: String) throws(CronError) -> TimeZoneRules {
        try ZoneName.check(name)
        if let known = state.withLock({ $0.zones[name] }) { return known }
        let rules: TimeZoneRules
        if name == "UTC" {
            rules = .utc
        } else if let bytes = try read(name) {
            do {
                rules = TimeZoneRules(name: name, file: try TimeZoneFile(bytes: bytes))
            } catch {
                throw CronError(
                    .damagedZoneFile,
                    "the zone file \(directory)/\(name) cannot be used: \(error.reason)",
                    in: name
                )
            }
        } else if name == "Etc/UTC" {
            rules = TimeZoneRules(name: name, file: TimeZoneFile(fixedOffset: 0))
        } else {
            let suggestion = ZoneName.suggestion(for: name, among: names())
            throw CronError(
                .unknownZone,
                "there is no time zone \"\(name)\"",
                in: name,
                hint: suggestion ?? "zones have IANA names like Asia/Shanghai"
            )
        }
        // Two threads may have read the same file; the first to come here is kept.
        return state.withLock { state in
            if let known = state.zones[name] { return known }
            state.zones[name] = rules
            return rules
        }
    }

    /// All zone names in the directory, sorted; `["UTC"]` when there are none.
    package func names() -> [String] {
        if let names = state.withLock({ $0.names }) { return names }
        var found: [String] = []
        listZones(below: "", depth: 0, into: &found)
        let names = found.isEmpty ? ["UTC"] : found.sorted()
        state.withLock { $0.names = names }
        return names
    }

    private func listZones(below prefix: String, depth: Int, into found: inout [String]) {
        guard depth < 4, let stream = opendir(prefix.isEmpty ? directory : "\(directory)/\(prefix)") else {
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            // The entry is valid until the next `readdir`; what is read of it is copied.
            let file = withUnsafePointer(to: &entry.pointee.d_name) { field in
                // The C library ends the name with a zero within the field.
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let name = prefix.isEmpty ? file : "\(prefix)/\(file)"
            guard ZoneName.isZone(name) else { continue }
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: listZones(below: name, depth: depth + 1, into: &found)
            case S_IFREG: found.append(name)
            default: continue
            }
        }
    }

    /// A zone file's bytes, nil when there is no such file.
    private func read(_ name: String) throws(CronError) -> [UInt8]? {
        let path = "\(directory)/\(name)"
        switch TimeZoneDatabase.readFile(path, atMost: Self.largestFile) {
        case .success(let bytes): return bytes
        case .failure(let problem):
            if problem.number == ENOENT || problem.number == ENOTDIR || problem.number == EISDIR {
                return nil
            }
            throw CronError(
                .damagedZoneFile,
                "the zone file \(path) cannot be read: \(String(cString: strerror(problem.number)))",
                in: name
            )
        }
    }

    private struct SystemError: Error {
        let number: Int32
    }

    private static func readFile(_ path: String, atMost limit: Int) -> Result<[UInt8], SystemError> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(SystemError(number: errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(SystemError(number: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(SystemError(number: EISDIR)) }
        let size = min(Int(status.st_size), limit)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < size {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, size - bytes.count))
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(SystemError(number: errno))
            }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return .success(bytes)
    }

    /// `# version 2025b` begins tzdata.zi; some systems have the bare version in `+VERSION`.
    private static func readVersion(_ directory: String) -> String? {
        for (file, prefix) in [("tzdata.zi", "# version "), ("+VERSION", "")] {
            guard case .success(let bytes) = readFile("\(directory)/\(file)", atMost: 100) else { continue }
            let line = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
            let version = line.dropFirst(prefix.count)
            if line.hasPrefix(prefix), !version.isEmpty, version.count <= 16 { return String(version) }
        }
        return nil
    }
}
