import Foundation

/// The built `skyfire-sim`, run as a program: only so is the order of hashing the same each time.
enum Simulator {
    struct Outcome {
        let output: String
        /// The number that it exited with, or of the signal that ended it.
        let status: Int32

        var isContent: Bool { status == 0 }
    }

    static func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
        try run(arguments, environment: environment)
    }

    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let output = Pipe()
        let process = try start(arguments, output: output, environment: environment)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Outcome(output: text, status: process.terminationStatus)
    }

    /// Starts it, and lets what it says go.
    static func start(_ arguments: String...) throws -> Process {
        try start(arguments, output: FileHandle.nullDevice, environment: [:])
    }

    private static func start(
        _ arguments: [String],
        output: Any,
        environment: [String: String]
    ) throws -> Process {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: "\((own as NSString).deletingLastPathComponent)/skyfire-sim"
        )
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = output
        try process.run()
        return process
    }
}
