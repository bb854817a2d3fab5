import Foundation
import Testing

/// Asks the Python oracle; a machine without Python 3 fails the test rather than skip it.
enum Oracle {
    struct Failure: Error {
        let status: Int32
        let text: String
    }

    /// One answer for each question, in order.
    static func answers(to questions: [String]) throws -> [String] {
        let template = FileManager.default.temporaryDirectory.appendingPathComponent("cron-oracle-XXXXXX")
            .path
        var path = Array(template.utf8CString)
        guard mkdtemp(&path) != nil else { throw Failure(status: errno, text: "mkdtemp") }
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let directory = URL(fileURLWithPath: name)
        defer {
            do { try FileManager.default.removeItem(at: directory) } catch { Issue.record(error) }
        }
        let input = directory.appendingPathComponent("questions")
        let output = directory.appendingPathComponent("answers")
        let errors = directory.appendingPathComponent("errors")
        try (questions.joined(separator: "\n") + "\n").write(to: input, atomically: false, encoding: .utf8)
        try Data().write(to: errors)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Oracle/cron_oracle.py")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, input.path, output.path]
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(
                status: process.terminationStatus,
                text: try String(contentsOf: errors, encoding: .utf8)
            )
        }
        var lines = try String(contentsOf: output, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        lines.removeLast()
        try #require(lines.count == questions.count)
        return lines.map(String.init)
    }
}
