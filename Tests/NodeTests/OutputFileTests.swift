import Glibc
import Node
import Testing

struct OutputFileTests {
    private func values(_ path: String) -> [String: String]? {
        switch OutputFile.read(path, allowed: nil) {
        case .success(let values): values
        case .failure: nil
        }
    }

    private func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(text.withCString { Glibc.write(descriptor, $0, strlen($0)) } == text.utf8.count)
    }

    /// A value behind what is read would be missing from a success.
    @Test func largerFilesAreRefusedAndNotCutOff() throws {
        let scratch = try ScratchDirectory()
        let path = "\(scratch.path)/out"
        try write(String(repeating: "\n", count: 64 * 1024 - 4) + "n=5\n", to: path)
        #expect(values(path) == ["n": "5"])
        try write(String(repeating: "\n", count: 64 * 1024 - 3) + "n=5\n", to: path)
        #expect(values(path) == nil)
    }

    /// By bytes: a character may be more than the LF or the `=` in it.
    @Test func linesEndWhereTheirBytesSay() throws {
        let scratch = try ScratchDirectory()
        let path = "\(scratch.path)/out"
        try write("a=1\r\nb=2\r\n", to: path)
        #expect(values(path) == ["a": "1", "b": "2"])
        try write("a=\u{301}ok\n", to: path)
        #expect(values(path) == ["a": "\u{301}ok"])
    }

    /// What was written before does not count against the bound of 8 KiB.
    @Test func theLastValueOfANameCounts() throws {
        let scratch = try ScratchDirectory()
        let path = "\(scratch.path)/out"
        try write(String(repeating: "n=1234\n", count: 2_000) + "n=5\n", to: path)
        #expect(values(path) == ["n": "5"])
        try write("n=" + String(repeating: "x", count: 8 * 1024) + "\n", to: path)
        #expect(values(path) == nil)
    }

    @Test func whatIsNoFileIsRefused() throws {
        let scratch = try ScratchDirectory()
        #expect(values("\(scratch.path)/none") == [:])
        #expect(values(scratch.path) == nil)
        try #require(mkfifo("\(scratch.path)/pipe", 0o600) == 0)
        #expect(values("\(scratch.path)/pipe") == nil)
        try #require(symlink("loop", "\(scratch.path)/loop") == 0)
        #expect(values("\(scratch.path)/loop") == nil)
    }
}
