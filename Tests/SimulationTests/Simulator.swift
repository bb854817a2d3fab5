import Foundation

/// The built `skyfire-sim`, run as a program: only so is the order of hashing the same each time.
enum Simulator {
    struct Outcome {
        let output: String
        let isContent: Bool
    }

    static func run(_ arguments: String...) throws -> Outcome {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: "\((own as NSString).deletingLastPathComponent)/skyfire-sim"
        )
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Outcome(output: text, isContent: process.terminationStatus == 0)
    }
}
