/// Chance that a seed decides: SplitMix64.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &+ 0x9e37_79b9_7f4a_7c15
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A generator of its own for one part of the world, so that what one part draws does not shift the others.
    mutating func fork() -> SeededRandom { SeededRandom(seed: next()) }

    /// A number in `0..<bound`.
    mutating func below(_ bound: Int) -> Int {
        // The upper bits of a product: no division, and a bias that no simulation can see.
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// True with this probability.
    mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) * 0x1p-53 < probability
    }

    /// A number within bounds, both included.
    mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(below(Int(max(0, high - low)) + 1))
    }

    /// One of several, which are not empty.
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
