internal import Glibc
import Scheduling
import Cron

/// What an attempt's process sees in its environment.
enum AttemptEnvironment {
    static func variables(
        _ attempt: AttemptID,
        _ assignment: Assignment,
        token: Int64,
        worker: WorkerID,
        outputFile: String,
        workingDirectory: String
    ) -> [String: String] {
        var variables = inherited
        variables.merge(assignment.environment) { _, own in own }
        variables["SKYFIRE_JOB"] = attempt.run.job.description
        variables["SKYFIRE_RUN"] = attempt.run.description
        variables["SKYFIRE_TASK"] = attempt.task.description
        variables["SKYFIRE_PARTITION_INDEX"] = String(attempt.partition)
        variables["SKYFIRE_PARTITION_COUNT"] = String(assignment.partitionCount)
        variables["SKYFIRE_PARTITION_VALUE"] = assignment.partitionValue
        variables["SKYFIRE_ATTEMPT"] = String(attempt.number)
        variables["SKYFIRE_ATTEMPT_ID"] = attempt.description(partitioned: assignment.isPartitioned)
        variables["SKYFIRE_LOGICAL_TIME"] = attempt.run.logicalTime.rfc3339
        variables["SKYFIRE_FENCING_TOKEN"] = String(token)
        variables["SKYFIRE_WORKER"] = worker.description
        variables["SKYFIRE_OUTPUT"] = outputFile
        variables["SKYFIRE_WORKDIR"] = workingDirectory
        variables["TRACEPARENT"] = "00-\(assignment.traceID)-\(spanID(attempt))-01"
        return variables
    }

    /// What a task gets of the node's own environment: enough to find programs and speak the user's language, and
    /// nothing that could hold a secret.
    private static let inherited: [String: String] = {
        var variables = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        for name in ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"] {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        return variables
    }()

    /// A span id that is the same for the same attempt.
    private static func spanID(_ attempt: AttemptID) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in attempt.znodeName.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let text = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

/// Reads what a task wrote to its output file: lines of `name=value`.
package enum OutputFile {
    /// What is read of a file at most, with lines that later ones replace.
    private static let maximumBytes = 64 * 1024

    /// Returns the values in a file, or the reason why they cannot be taken. None were written where there is no file.
    package static func read(_ path: String, allowed: [String]?) -> Result<[String: String], OutputError> {
        // A task may have put anything in the place of its output file: what is no file is not waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return errno == ENOENT ? .success([:]) : .failure(.unreadable(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(.unreadable(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(OutputError("the output file is not a regular file"))
        }
        // One more than may be there, so that nothing is cut off unseen.
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
        var length = 0
        while length < bytes.count {
            // The place behind what was read, and the room that is left there.
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + length, $0.count - length)
            }
            if count == 0 { break }
            if count < 0, errno != EINTR { return .failure(.unreadable(errno)) }
            length += max(count, 0)
        }
        guard length <= maximumBytes else {
            return .failure(
                OutputError("the output file is larger than \(maximumBytes) bytes", isTooLarge: true)
            )
        }
        return parse(bytes[..<length], allowed: allowed)
    }

    /// Returns the values, or the reason why they cannot be taken. Lines end with LF or CR LF.
    private static func parse(
        _ bytes: ArraySlice<UInt8>,
        allowed: [String]?
    ) -> Result<[String: String], OutputError> {
        var outputs: [String: String] = [:]
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (number, var line) in lines.enumerated() {
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty { continue }
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), equals != line.startIndex else {
                return .failure(OutputError("line \(number + 1) of the output file is not NAME=VALUE"))
            }
            let name = String(decoding: line[..<equals], as: UTF8.self)
            guard NameGrammar.isIdentifier(name.utf8, maximumLength: 64) else {
                return .failure(OutputError("\"\(name.prefix(70))\" is not a name for an output"))
            }
            if let allowed, !allowed.contains(name) {
                return .failure(OutputError("output \"\(name)\" is not among the task's `outputs`"))
            }
            outputs[name] = String(decoding: line[(equals + 1)...], as: UTF8.self)
        }
        // Of what was written more than once the last value counts, also here.
        guard size(of: outputs) <= AssignmentBuilder.maximumOutputBytes else {
            return .failure(
                OutputError(
                    "the outputs are larger than \(AssignmentBuilder.maximumOutputBytes) bytes",
                    isTooLarge: true
                )
            )
        }
        return .success(outputs)
    }

    package static func size(of outputs: [String: String]) -> Int {
        outputs.reduce(0) { $0 + $1.key.utf8.count + 1 + $1.value.utf8.count }
    }

    package struct OutputError: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
        /// Whether a bound kept them out.
        package let isTooLarge: Bool

        init(_ description: String, isTooLarge: Bool = false) {
            self.description = "E3006 \(description)"
            self.isTooLarge = isTooLarge
        }

        fileprivate static func unreadable(_ number: Int32) -> OutputError {
            OutputError("the output file cannot be read: \(String(cString: strerror(number)))")
        }
    }
}
