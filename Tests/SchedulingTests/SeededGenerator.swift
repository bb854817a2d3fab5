import Foundation

/// A small generator whose whole course follows from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The seeds of a property: `SKYFIRE_SEED` alone where it is set (`7`, or all of `7-300`), else some fixed ones
    /// and a new one.
    static func seeds(_ count: Int) -> [UInt64] {
        if let text = ProcessInfo.processInfo.environment["SKYFIRE_SEED"] {
            let bounds = text.split(separator: "-").compactMap { UInt64($0) }
            if let first = bounds.first, let last = bounds.last, first <= last { return Array(first...last) }
        }
        return (1...UInt64(count)).map { $0 } + [UInt64.random(in: 1_000...999_999_999)]
    }
}
