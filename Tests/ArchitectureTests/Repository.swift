import FoundationEssentials

/// The files of this package.
enum Repository {
    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    static func text(of path: String) throws -> String {
        try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
    }

    /// Paths of all Swift files below a directory, sorted.
    static func swiftFiles(below directory: String) throws -> [String] {
        var files: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(directory)").sorted() {
            let path = "\(directory)/\(name)"
            var isDirectory = false
            _ = FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory)
            if isDirectory {
                files += try swiftFiles(below: path)
            } else if name.hasSuffix(".swift") {
                files.append(path)
            }
        }
        return files
    }

    /// Lines with their numbers.
    static func lines(of text: String) -> [(number: Int, line: Substring)] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
            ($0.offset + 1, $0.element)
        }
    }

    /// Lines with their numbers, without those that are comments.
    static func codeLines(of text: String) -> [(number: Int, line: Substring)] {
        lines(of: text).filter { !$0.line.drop { $0 == " " }.hasPrefix("//") }
    }
}
