import Synchronization

/// The output of one live attempt, as its writer has it: whoever reads uses the files.
///
/// Each stream is addressed by the offsets of what the process wrote. The first and last bytes are kept
/// (``LogLimits``); what lay between is replaced by a marker when read (``AttemptLogReader``).
package final class AttemptLog: Sendable {
    private struct Writers {
        var stdout: LogStreamWriter
        var stderr: LogStreamWriter
        var hasEnded = false
    }

    /// Where the files are.
    package let directory: String
    private let writers: Mutex<Writers>

    /// Makes a log. No file is made before a stream's first byte.
    package init(directory: String, limits: LogLimits = LogLimits()) {
        self.directory = directory
        self.writers = Mutex(
            Writers(
                stdout: LogStreamWriter(directory: directory, stream: .stdout, limits: limits),
                stderr: LogStreamWriter(directory: directory, stream: .stderr, limits: limits)
            )
        )
    }

    /// Takes the next bytes of a stream. Disk errors are not errors of the attempt: they are in the summary.
    package func append(_ bytes: UnsafeRawBufferPointer, to stream: LogStream) {
        writers.withLock { writers in
            precondition(!writers.hasEnded, "output after the end of the log in \(directory)")
            switch stream {
            case .stdout: writers.stdout.append(bytes)
            case .stderr: writers.stderr.append(bytes)
            }
        }
    }

    /// Ends both streams; returns what became of each. Ending again changes nothing.
    @discardableResult
    package func end() -> (stdout: LogStreamSummary, stderr: LogStreamSummary) {
        let summaries = writers.withLock { writers in
            writers.hasEnded = true
            writers.stdout.seal()
            writers.stderr.seal()
            return (writers.stdout.summary, writers.stderr.summary)
        }
        return summaries
    }
}
