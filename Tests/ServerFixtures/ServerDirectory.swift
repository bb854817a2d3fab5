import Glibc

/// A directory below the system's temporary one, with what a server needs in it.
package struct ServerDirectory: Sendable {
    package let path: String

    package init(name: String) throws(FixtureError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(name).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FixtureError("mkdtemp failed: errno \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package func write(_ text: String, to name: String) throws(FixtureError) {
        guard let file = fopen("\(path)/\(name)", "we") else {
            throw FixtureError("cannot write \(path)/\(name): errno \(errno)")
        }
        fputs(text, file)
        fclose(file)
    }

    package func makeDirectory(_ name: String) throws(FixtureError) {
        guard mkdir("\(path)/\(name)", 0o700) == 0 else {
            throw FixtureError("cannot make \(path)/\(name): errno \(errno)")
        }
    }

    /// The last bytes of a file, for a message about what went wrong.
    package func tail(of name: String) -> String {
        guard let file = fopen("\(path)/\(name)", "re") else { return "(no \(name))" }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        let length = ftell(file)
        fseek(file, max(0, length - 2000), SEEK_SET)
        var buffer = [UInt8](repeating: 0, count: 2000)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    package func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        // Follows no link: `unlink` removes the link itself, and fails on a directory.
        guard unlink(path) != 0 else { return }
        for name in names(in: path) where name != "." && name != ".." { remove("\(path)/\(name)") }
        rmdir(path)
    }

    /// What a directory holds; nothing where there is none.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                // The C library ends the name with a zero within the field; the text is a copy.
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names
    }
}
