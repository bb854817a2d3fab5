import Glibc

/// Writes one stream: its first bytes to a plain file, the rest to a ring beside it.
///
/// On disk `<directory>/<stream>` is the beginning of the stream, byte for byte, and `<stream>.tail`
/// (``LogTailHeader``) exists once the stream is longer than `headBytes`. Neither exists before the first
/// byte. A stream that has ended is sealed: its plain file is made read-only, which another process can see.
struct LogStreamWriter {
    private let path: String
    private let limits: LogLimits
    private var head: Int32 = -1
    private var tail: Int32 = -1
    private var tailHeader: LogTailHeader?
    private(set) var total: Int64 = 0
    private var headEnd: Int64 = 0
    private(set) var diskError: Int32?

    init(directory: String, stream: LogStream, limits: LogLimits) {
        self.path = directory + "/" + stream.rawValue
        self.limits = limits
    }

    var summary: LogStreamSummary {
        LogStreamSummary(
            totalBytes: total,
            droppedBytes: tailHeader?.droppedBytes ?? total - headEnd,
            diskError: diskError
        )
    }

    /// Takes the next bytes of the stream. After a disk error the rest of the stream is only counted.
    ///
    /// The bytes are the caller's and valid for the call: parts of them are written in it, and nothing keeps them.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        if diskError == nil, total < limits.headBytes {
            let room = Int(min(limits.headBytes - total, Int64(rest.count)))
            appendToHead(UnsafeRawBufferPointer(rebasing: rest.prefix(room)))
            rest = rest.dropFirst(room)
        }
        while diskError == nil, !rest.isEmpty {
            let room = min(rest.count, Int(LogTailHeader.slack))
            appendToTail(UnsafeRawBufferPointer(rebasing: rest.prefix(room)))
            rest = rest.dropFirst(room)
        }
        total += Int64(rest.count)
    }

    private mutating func appendToHead(_ bytes: UnsafeRawBufferPointer) {
        if head < 0 { openHead() }
        if diskError == nil {
            let result = writeFully(head, bytes, at: total)
            headEnd += Int64(result.written)
            if result.errno != 0 { diskError = result.errno }
        }
        total += Int64(bytes.count)
    }

    private mutating func appendToTail(_ bytes: UnsafeRawBufferPointer) {
        if head < 0 { openHead() }
        if tail < 0 { openTail() }
        total += Int64(bytes.count)
        guard diskError == nil, var header = tailHeader else { return }
        let position = (header.ringEnd - header.ringStart) % header.ringBytes
        let first = Int(min(header.ringBytes - position, Int64(bytes.count)))
        var result = writeFully(
            tail,
            UnsafeRawBufferPointer(rebasing: bytes.prefix(first)),
            at: LogTailHeader.dataStart + position
        )
        if result.errno == 0, first < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(first))
            let second = writeFully(tail, rest, at: LogTailHeader.dataStart)
            result = (first + second.written, second.errno)
        }
        header.ringEnd += Int64(result.written)
        header.total = total
        tailHeader = header
        diskError = result.errno == 0 ? nil : result.errno
        let failure = header.write(to: tail)
        if diskError == nil, failure != 0 { diskError = failure }
    }

    private mutating func openHead() {
        var descriptor = create(path)
        if descriptor == -ENOENT {
            makeDirectories(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)))
            descriptor = create(path)
        }
        if descriptor < 0 { diskError = -descriptor } else { head = descriptor }
    }

    private mutating func openTail() {
        guard diskError == nil else { return }
        let descriptor = create(path + ".tail")
        guard descriptor >= 0 else {
            diskError = -descriptor
            return
        }
        tail = descriptor
        tailHeader = LogTailHeader(
            headEnd: headEnd,
            ringStart: total,
            ringEnd: total,
            total: total,
            tailBytes: limits.tailBytes,
            ringBytes: limits.tailBytes + LogTailHeader.slack
        )
    }

    /// Creates a file anew, also in place of a sealed one; returns the descriptor or -errno.
    private func create(_ path: String) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        var descriptor = open(path, flags, 0o600)
        if descriptor < 0, errno == EEXIST {
            unlink(path)
            descriptor = open(path, flags, 0o600)
        }
        return descriptor < 0 ? -errno : descriptor
    }

    /// Ends the stream: what is on disk is final.
    mutating func seal() {
        if diskError != nil, head >= 0 {
            // The total must be known to readers. If the disk refuses even this, they see a shorter stream;
            // the summary in the exit report has the truth.
            if tail < 0 {
                let descriptor = create(path + ".tail")
                tail = max(descriptor, -1)
                tailHeader = LogTailHeader(
                    headEnd: headEnd,
                    ringStart: total,
                    ringEnd: total,
                    total: total,
                    tailBytes: limits.tailBytes,
                    ringBytes: limits.tailBytes + LogTailHeader.slack
                )
            }
            tailHeader?.total = total
            if tail >= 0, let failure = tailHeader?.write(to: tail), failure != 0 { diskError = failure }
        }
        if head >= 0 {
            fchmod(head, 0o400)
            close(head)
        }
        if tail >= 0 { close(tail) }
        head = -1
        tail = -1
    }
}

/// Makes a directory and its parents; failures show when a file is opened in it.
func makeDirectories(_ path: String) {
    var end = path.startIndex
    while end < path.endIndex {
        end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
        mkdir(String(path[..<end]), 0o700)
    }
}
