internal import Glibc
package import JobFile
package import Scheduling
package import Cron

/// A job file of the command line: its name for messages, and its text.
package struct JobFileSource: Sendable {
    /// As it was given; `-` is stdin.
    package let name: String
    package let bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// Reads what paths name: files, directories (their `*.yaml`, `*.yml` and `*.json`, by name), `-` for stdin.
    package static func read(_ paths: [String]) throws(ClientError) -> [JobFileSource] {
        var sources: [JobFileSource] = []
        for path in paths {
            if path == "-" {
                sources.append(
                    JobFileSource(name: "stdin", bytes: try FileText.read(descriptor: STDIN_FILENO, "stdin"))
                )
            } else if FileText.isDirectory(path) {
                let files = try FileText.names(in: path).filter { name in
                    !name.hasPrefix(".")
                        && [".yaml", ".yml", ".json"].contains { name.lowercased().hasSuffix($0) }
                }
                guard !files.isEmpty else {
                    throw ClientError(.failure, "\(path) holds no *.yaml, *.yml or *.json")
                }
                let base = path.hasSuffix("/") ? path : path + "/"
                for file in files {
                    sources.append(JobFileSource(name: base + file, bytes: try FileText.read(base + file)))
                }
            } else {
                sources.append(JobFileSource(name: path, bytes: try FileText.read(path)))
            }
        }
        return sources
    }

    /// The jobs of the file, or what is wrong with it.
    package func jobs(zones: TimeZoneDatabase) -> Result<[JobDefinition], JobFileError> {
        do throws(JobFileError) {
            return .success(try JobFileParser(zones: zones).parse(bytes, fileName: name))
        } catch {
            return .failure(error)
        }
    }

    /// The mistakes as people read them: each with its line and a caret.
    package func text(of error: JobFileError) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        return error.diagnostics.map { Console.printable($0.render(source: text)) }.joined()
    }
}

/// Reading and writing small files, with the system's own words for what goes wrong.
package enum FileText {
    /// More than any job file may have.
    private static let largest = 64 << 20

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func names(in directory: String) throws(ClientError) -> [String] {
        guard let stream = opendir(directory) else { throw failure(directory, "cannot be read") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // The C library ends the name with a zero within the field.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names.sorted()
    }

    /// Reads a whole file, 64 MiB at most.
    package static func read(_ path: String) throws(ClientError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "cannot be read") }
        defer { close(descriptor) }
        return try read(descriptor: descriptor, path)
    }

    static func read(descriptor: Int32, _ name: String) throws(ClientError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(name, "cannot be read")
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= largest else {
                throw ClientError(.failure, "\(name) is larger than \(largest) bytes")
            }
        }
    }

    /// Writes a file that must not exist yet.
    static func create(_ path: String, _ text: String) throws(ClientError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            if errno == EEXIST {
                throw ClientError(
                    .conflict,
                    "\(path) exists already",
                    hint: "nothing was written; name another directory"
                )
            }
            throw failure(path, "cannot be written")
        }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // The bytes outlive the call, which keeps no pointer.
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(path, "cannot be written")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Makes a directory unless it is there; its parent must be.
    static func makeDirectory(_ path: String) throws(ClientError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure(path, "cannot be made") }
    }

    private static func failure(_ path: String, _ what: String) -> ClientError {
        let reason = String(cString: strerror(errno))
        return ClientError(errno == ENOENT ? .notFound : .failure, "\(path) \(what): \(reason)")
    }
}
