import Glibc

/// The system's words for an error number.
func errorText(_ number: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let start = buffer.baseAddress, strerror_r(number, start, buffer.count) == 0 else {
            return "error \(number)"
        }
        return String(cString: start)
    }
}

/// The time now on the wall clock, milliseconds since 1970.
func wallClockMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

/// The time since boot in nanoseconds, counting suspended time; the clock of every deadline here.
func bootNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

extension Duration {
    /// The duration in whole nanoseconds, at most a century and at least nothing, so that sums cannot
    /// overflow.
    var boundedNanoseconds: Int64 {
        if self <= .zero { return 0 }
        let parts = min(self, .seconds(3_155_760_000)).components
        return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
    }
}

/// The whole content of a small file, or `nil` when it cannot be read.
func readSmallFile(_ path: String, limit: Int = 65_536) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var content: [UInt8] = []
    while content.count < limit {
        let size = min(4096, limit - content.count)
        let before = content.count
        content.append(contentsOf: repeatElement(0, count: size))
        // `size` bytes were appended above: `read` stays within them.
        let count = content.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + before, size) }
        content.removeLast(size - max(count, 0))
        if count < 0 { return nil }
        if count == 0 { break }
    }
    return content
}
