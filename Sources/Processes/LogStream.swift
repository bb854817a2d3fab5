/// One of the two output streams of an attempt, kept apart from the other.
package enum LogStream: String, Sendable, CaseIterable {
    case stdout
    case stderr
}

/// How much of each stream is kept: the first bytes and the last ones.
package struct LogLimits: Sendable, Equatable {
    /// How many bytes from the beginning are kept.
    package var headBytes: Int64
    /// How many bytes up to the end are kept, beyond those.
    package var tailBytes: Int64

    /// Makes limits; the defaults are 40 MiB and 10 MiB.
    package init(headBytes: Int64 = 40 << 20, tailBytes: Int64 = 10 << 20) {
        self.headBytes = max(headBytes, 0)
        self.tailBytes = max(tailBytes, 0)
    }
}

/// What became of one stream.
package struct LogStreamSummary: Sendable, Equatable {
    /// How many bytes the process wrote.
    package var totalBytes: Int64 = 0
    /// How many of those cannot be read any more, because of the limits or of `diskError`.
    package var droppedBytes: Int64 = 0
    /// The error that stopped the writing of this stream to disk, a full disk for example; the process itself
    /// is never held up by it.
    package var diskError: Int32?
}
