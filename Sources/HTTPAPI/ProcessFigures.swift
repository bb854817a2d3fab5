import Glibc

/// What `/proc/self` tells of this process.
struct ProcessFigures {
    var cpuSeconds: Double?
    var residentBytes: Int64?
    var virtualBytes: Int64?
    var threads: Int?
    var openFiles: Int?
    var openFilesLimit: Int?

    /// Reads the figures; those that cannot be read are nil.
    static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        if let text = text(of: "/proc/self/stat"), let end = text.lastIndex(of: ")") {
            // The fields from the third on; the second, the program's name, may hold anything.
            let fields = text[text.index(after: end)...].split(separator: " ")
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            if fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]) {
                figures.cpuSeconds = (user + system) / ticks
                figures.threads = Int(fields[17])
                figures.virtualBytes = Int64(fields[20])
                figures.residentBytes = Int64(fields[21]).map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
            }
        }
        if let directory = opendir("/proc/self/fd") {
            var count = 0
            while readdir(directory) != nil { count += 1 }
            closedir(directory)
            figures.openFiles = max(count - 3, 0)  // `.`, `..` and the directory itself.
        }
        var descriptors = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0 {
            figures.openFilesLimit = Int(clamping: descriptors.rlim_cur)
        }
        return figures
    }

    private static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // `count` is what the kernel has filled, at most the capacity.
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(Glibc.read(descriptor, buffer.baseAddress, buffer.count), 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
