import Synchronization

/// The output of one live attempt: written by the supervisor's thread, followed by anyone in the process.
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
    private let signal = LogSignal()

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
        signal.notify()
    }

    /// Ends both streams and their followers; returns what became of each. Ending again changes nothing.
    @discardableResult
    package func end() -> (stdout: LogStreamSummary, stderr: LogStreamSummary) {
        let summaries = writers.withLock { writers in
            writers.hasEnded = true
            writers.stdout.seal()
            writers.stderr.seal()
            return (writers.stdout.summary, writers.stderr.summary)
        }
        signal.end()
        return summaries
    }

    /// The bytes of a stream from an offset on as they come, until the attempt ends.
    ///
    /// Nothing is buffered: each element is read from disk when asked for, `limit` bytes at most. A follower
    /// slower than the process misses what the limits drop, and sees the marker there.
    package func follow(
        _ stream: LogStream,
        from offset: Int64 = 0,
        limit: Int = 65_536
    ) -> AttemptLogFollower {
        AttemptLogFollower(
            reader: AttemptLogReader(directory: directory),
            stream: stream,
            offset: offset,
            limit: limit,
            signal: signal
        )
    }
}
