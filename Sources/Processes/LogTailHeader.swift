import Glibc

/// The first bytes of a `.tail` file: where its bytes belong in the stream.
///
/// The file is 4096 bytes for the header and then a ring: the byte at offset `o` of the stream, `o` from
/// `ringStart` up, lies at `(o - ringStart) % ringBytes`. The ring is larger than what is promised
/// (`tailBytes`) by one write, so a reader beside the writer never sees the newest write in place of the
/// oldest promised byte. Bytes are written before the header that counts them: whoever kills the writer
/// loses at most the last write.
struct LogTailHeader: Equatable {
    static let magic: UInt64 = 0x736b_7966_6c6f_6731
    static let dataStart: Int64 = 4096
    /// No write to the ring is longer, and the ring is longer than `tailBytes` by this.
    static let slack: Int64 = 65_536
    private static let words = 8

    /// Up to here the stream is in the head file.
    var headEnd: Int64
    /// The offset of the first byte that ever went to the ring.
    var ringStart: Int64
    /// The offset after the last byte in the ring.
    var ringEnd: Int64
    /// The length of the stream; larger than `ringEnd` only when the disk refused the rest.
    var total: Int64
    var tailBytes: Int64
    var ringBytes: Int64

    /// The offset of the first byte of the ring that may be read.
    var tailStart: Int64 { max(ringStart, ringEnd - tailBytes) }

    /// How many bytes cannot be read, between the two parts and after them.
    var droppedBytes: Int64 { tailStart - headEnd + total - ringEnd }

    /// Writes the header; returns the error number or 0.
    func write(to descriptor: Int32) -> Int32 {
        var values: [UInt64] = [
            Self.magic, UInt64(headEnd), UInt64(ringStart), UInt64(ringEnd), UInt64(total), UInt64(tailBytes),
            UInt64(ringBytes),
        ]
        values.append(Self.check(values))
        // The values outlive the call, which keeps no pointer.
        return values.withUnsafeBytes { writeFully(descriptor, $0, at: 0).errno }
    }

    /// Reads the header; `nil` when there is none or the writer is in the midst of it.
    static func read(from descriptor: Int32) -> LogTailHeader? {
        var values = [UInt64](repeating: 0, count: words)
        let count = values.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count == words * 8, values[0] == magic, values[7] == check(values.dropLast()) else {
            return nil
        }
        let numbers = values[1...6].map { Int64(truncatingIfNeeded: $0) }
        guard numbers.allSatisfy({ $0 >= 0 }), numbers[5] > 0 else { return nil }
        return LogTailHeader(
            headEnd: numbers[0],
            ringStart: numbers[1],
            ringEnd: numbers[2],
            total: numbers[3],
            tailBytes: numbers[4],
            ringBytes: numbers[5]
        )
    }

    private static func check(_ values: some Sequence<UInt64>) -> UInt64 {
        values.reduce(0x9e37_79b9_7f4a_7c15) { ($0 ^ $1) &* 0x0100_0000_01b3 }
    }
}

/// Writes all bytes at an offset; returns how many were written and the error that stopped it, or 0.
func writeFully(
    _ descriptor: Int32,
    _ bytes: UnsafeRawBufferPointer,
    at offset: Int64
) -> (
    written: Int, errno: Int32
) {
    var written = 0
    while written < bytes.count {
        // Not empty, so there is a base; `written` is less than the count, so the rest lies within.
        let count = pwrite(
            descriptor,
            bytes.baseAddress! + written,
            bytes.count - written,
            off_t(offset) + off_t(written)
        )
        if count < 0 {
            if errno == EINTR { continue }
            return (written, errno)
        }
        written += count
    }
    return (written, 0)
}
