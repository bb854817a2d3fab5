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

    /// With `kibibytesPerFile` no file may be longer: writing more than that is an error.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        kibibytesPerFile: Int? = nil
    ) throws -> Outcome {
        let output = Pipe()
        let process = try start(arguments, output: output, environment: environment, kibibytesPerFile)
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
        environment: [String: String],
        _ kibibytesPerFile: Int? = nil
    ) throws -> Process {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = "\((own as NSString).deletingLastPathComponent)/skyfire-sim"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: kibibytesPerFile == nil ? program : "/bin/bash")
        process.arguments =
            kibibytesPerFile.map { limit in
                ["-c", #"trap "" XFSZ; ulimit -f \#(limit); exec "$0" "$@""#, program] + arguments
            } ?? arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = output
        try process.run()
        return process
    }
}
