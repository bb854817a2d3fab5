import Glibc

/// A part of a stream.
package struct LogSlice: Sendable, Equatable {
    /// What was read; it begins with the marker when bytes before it were dropped.
    package var bytes: [UInt8]
    /// Where to read on. The marker has no length in offsets.
    package var nextOffset: Int64
    /// The length of the stream so far.
    package var size: Int64
    /// Whether the stream has ended and nothing follows `nextOffset`.
    package var isComplete: Bool
}

/// Reads the output of an attempt, live or ended, in this process or another; holds nothing open.
package struct AttemptLogReader: Sendable {
    private let directory: String
    private let attemptHasEnded: Bool

    /// Makes a reader of a log directory.
    ///
    /// `attemptHasEnded` is what the caller knows from the attempt's state. A stream without a byte has no file, and a
    /// killed writer seals nothing: only this makes their slices complete.
    package init(directory: String, attemptHasEnded: Bool = false) {
        self.directory = directory
        self.attemptHasEnded = attemptHasEnded
    }

    /// Where the bytes of a stream are at one moment.
    private struct Layout {
        var headEnd: Int64
        var tail: LogTailHeader?
        var total: Int64
    }

    /// The line that stands for bytes that were not kept.
    package static func marker(droppedBytes: Int64) -> [UInt8] {
        Array("\n[skyfire: \(droppedBytes) bytes dropped]\n".utf8)
    }

    /// Reads at most `limit` bytes, and the marker, from an offset of the stream.
    ///
    /// An offset beyond the end gives no bytes. A missing file is an empty stream. Throws on other failures
    /// of the disk.
    package func read(_ stream: LogStream, offset: Int64, limit: Int) throws(ProcessError) -> LogSlice {
        let path = directory + "/" + stream.rawValue
        let head = try openToRead(path)
        defer { if head >= 0 { close(head) } }
        // The seal is looked at before the tail is opened: a sealed stream that has a tail has it by then.
        var status = stat()
        if head >= 0, fstat(head, &status) != 0 { throw ProcessError(errno: errno, "reading \(path)") }
        let isSealed = head >= 0 && status.st_mode & 0o200 == 0
        let tail = head >= 0 ? try openToRead(path + ".tail") : -1
        defer { if tail >= 0 { close(tail) } }
        let limit = max(limit, 0)
        let offset = max(offset, 0)
        // The writer may overtake the reading of the ring; then the read bytes are void and what is there
        // now is read. Each turn means that it wrote a whole slack since, so a few turns suffice.
        for _ in 0..<64 {
            let header = tail >= 0 ? LogTailHeader.read(from: tail) : nil
            let headEnd = header?.headEnd ?? Int64(status.st_size)
            let layout = Layout(headEnd: headEnd, tail: header, total: header?.total ?? headEnd)
            var slice = LogSlice(bytes: [], nextOffset: offset, size: layout.total, isComplete: false)
            let isSound = try fill(&slice, limit: limit, layout: layout, head: head, tail: tail)
            guard isSound else { continue }
            slice.isComplete = (isSealed || attemptHasEnded) && slice.nextOffset >= layout.total
            return slice
        }
        throw ProcessError(errno: EAGAIN, "reading \(path).tail")
    }

    /// The last `lines` lines, at most `limit` bytes of them.
    ///
    /// The slice's `nextOffset` is where to follow on. An unfinished last line counts as one. A marker
    /// stands in front when the lines reach back to dropped bytes.
    package func tail(
        _ stream: LogStream,
        lines: Int,
        limit: Int = 1 << 20
    ) throws(ProcessError) -> LogSlice {
        let size = try read(stream, offset: 0, limit: 0).size
        var slice = LogSlice(
            bytes: [],
            nextOffset: max(size - Int64(max(limit, 0)), 0),
            size: size,
            isComplete: false
        )
        while slice.bytes.count < limit, slice.nextOffset < size {
            let next = try read(stream, offset: slice.nextOffset, limit: limit - slice.bytes.count)
            if next.nextOffset == slice.nextOffset { break }
            slice.bytes += next.bytes
            (slice.nextOffset, slice.size, slice.isComplete) = (next.nextOffset, next.size, next.isComplete)
        }
        if size == 0 { slice.isComplete = try read(stream, offset: 0, limit: 0).isComplete }
        var start = slice.bytes.endIndex
        var remaining = max(lines, 0)
        var index = slice.bytes.endIndex
        if slice.bytes.last == UInt8(ascii: "\n") { index -= 1 }
        while remaining > 0, index > 0 {
            index -= 1
            if slice.bytes[index] == UInt8(ascii: "\n") { remaining -= 1 }
            start = remaining == 0 ? index + 1 : index
        }
        slice.bytes.removeFirst(start)
        return slice
    }

    /// Opens a file; -1 when there is none.
    private func openToRead(_ path: String) throws(ProcessError) -> Int32 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno != ENOENT, errno != ENOTDIR {
            throw ProcessError(errno: errno, "opening \(path)")
        }
        return descriptor
    }

    /// Reads what a layout says; returns `false` when the writer overtook the reading.
    private func fill(
        _ slice: inout LogSlice,
        limit: Int,
        layout: Layout,
        head: Int32,
        tail: Int32
    ) throws(ProcessError) -> Bool {
        guard limit > 0 else { return true }
        if slice.nextOffset < layout.headEnd {
            let size = min(Int64(limit), layout.headEnd - slice.nextOffset)
            slice.bytes = try bytes(head, at: slice.nextOffset, count: Int(size))
            slice.nextOffset += Int64(slice.bytes.count)
        }
        guard slice.nextOffset >= layout.headEnd, slice.bytes.count < limit, let header = layout.tail else {
            return true
        }
        skipHole(&slice, to: header.tailStart)
        if slice.nextOffset < header.ringEnd {
            let start = slice.nextOffset
            let size = min(Int64(max(limit - slice.bytes.count, 0)), header.ringEnd - start)
            let position = (start - header.ringStart) % header.ringBytes
            let first = min(header.ringBytes - position, size)
            slice.bytes += try bytes(tail, at: LogTailHeader.dataStart + position, count: Int(first))
            slice.bytes += try bytes(tail, at: LogTailHeader.dataStart, count: Int(size - first))
            slice.nextOffset += size
            guard let after = LogTailHeader.read(from: tail), after.tailStart <= start || after == header
            else {
                return false
            }
        }
        if slice.nextOffset >= header.ringEnd { skipHole(&slice, to: header.total) }
        return true
    }

    private func skipHole(_ slice: inout LogSlice, to offset: Int64) {
        guard slice.nextOffset < offset else { return }
        slice.bytes += Self.marker(droppedBytes: offset - slice.nextOffset)
        slice.nextOffset = offset
    }

    private func bytes(_ descriptor: Int32, at offset: Int64, count: Int) throws(ProcessError) -> [UInt8] {
        guard count > 0 else { return [] }
        var failure: Int32 = 0
        // `filled` counts what `pread` has written, and never passes `count`.
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = pread(
                    descriptor,
                    buffer.baseAddress! + filled,
                    count - filled,
                    off_t(offset) + off_t(filled)
                )
                if result < 0, errno == EINTR { continue }
                if result < 0 { failure = errno }
                if result <= 0 { break }
                filled += result
            }
        }
        if failure != 0 { throw ProcessError(errno: failure, "reading \(directory)") }
        return bytes
    }
}
