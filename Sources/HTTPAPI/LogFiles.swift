import NIOPosix
import Processes

/// Reads the log of an attempt on threads that may block.
struct LogFiles: Sendable {
    let reader: AttemptLogReader

    init(directory: String, attemptHasEnded: Bool = false) {
        reader = AttemptLogReader(directory: directory, attemptHasEnded: attemptHasEnded)
    }

    /// Up to `limit` bytes from an offset; fewer only at the end of what is there.
    func read(_ stream: LogStream, offset: Int64, limit: Int) async throws -> LogSlice {
        try await NIOThreadPool.singleton.runIfActive { [reader] in
            var slice = try reader.read(stream, offset: offset, limit: limit)
            while slice.bytes.count < limit, !slice.isComplete {
                let more = try reader.read(stream, offset: slice.nextOffset, limit: limit - slice.bytes.count)
                (slice.size, slice.isComplete) = (more.size, more.isComplete)
                guard more.nextOffset > slice.nextOffset else { break }
                slice.bytes += more.bytes
                slice.nextOffset = more.nextOffset
            }
            return slice
        }
    }

    /// The last lines.
    func tail(_ stream: LogStream, lines: Int, limit: Int = 1 << 20) async throws -> LogSlice {
        try await NIOThreadPool.singleton.runIfActive { [reader] in
            try reader.tail(stream, lines: lines, limit: limit)
        }
    }

    /// The lines that a pattern finds, from an offset on: up to `limit` bytes of them.
    ///
    /// The slice's `nextOffset` is where to search on. A line longer than 1 MiB is looked at in pieces.
    func search(_ stream: LogStream, offset: Int64, limit: Int, pattern: LinePattern) async throws -> LogSlice
    {
        try await NIOThreadPool.singleton.runIfActive { [reader] in
            var found: [UInt8] = []
            var next = offset
            while true {
                var slice = try reader.read(stream, offset: next, limit: 1 << 20)
                if slice.bytes.isEmpty {
                    slice.bytes = found
                    return slice
                }
                // An unfinished line is looked at with its rest, unless nothing follows yet.
                if slice.nextOffset < slice.size, let end = slice.bytes.lastIndex(of: UInt8(ascii: "\n")) {
                    let rest = slice.bytes.count - end - 1
                    slice.bytes.removeLast(rest)
                    slice.nextOffset -= Int64(rest)
                }
                next = slice.nextOffset
                for line in slice.bytes.split(separator: UInt8(ascii: "\n")) where pattern.finds(line) {
                    found += line
                    found.append(UInt8(ascii: "\n"))
                }
                if found.count >= limit {
                    slice.bytes = found
                    return slice
                }
            }
        }
    }
}
