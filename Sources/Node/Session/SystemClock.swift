internal import Glibc
package import Scheduling

/// The wall clock of this machine.
package enum SystemClock {
    package static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// A random hexadecimal text of 32 digits.
    package static func randomID() -> String {
        (0..<4).map { _ in
            let word = String(UInt32.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 8 - word.utf8.count) + word
        }.joined()
    }
}
