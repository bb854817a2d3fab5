/// What one seed's world is like: how large, how slow, and which kinds of faults happen in it.
///
/// Each kind is on or off (a swarm), so that some worlds know one fault and others many.
struct Scenario {
    enum Fault: String, CaseIterable {
        case crash, machineLoss, runnerDeath, stop, pause, partition, swizzle, expiry, mishaps, slowness
        case quorumLoss, serverStop, lag, clockStep, clockDrift, mirrorOutage, mirrorEmptied, mirrorTrouble
        case misbehaviour
    }

    let machines: Int
    let slots: Int
    /// Nanoseconds, as all here.
    let sessionTimeout: Int64
    let meanDelay: Int64
    let meanLag: Int64
    let faults: [Fault]
    /// How long faults happen.
    let faultTime: Int64
    /// The mean time between two faults.
    let faultInterval: Int64
    /// The mean time between two requests of people.
    let requestInterval: Int64
    let jobs: Int

    init(_ random: inout SeededRandom, hasFaults: Bool) {
        machines = random.pick([1, 3, 3, 3, 4, 5])
        slots = random.pick([2, 4, 8])
        sessionTimeout = random.pick([4, 6, 10]) * .second
        meanDelay = random.pick([500_000, 1_000_000, 4_000_000])
        meanLag = random.pick([0, 1_000_000, 20_000_000])
        let share = random.pick([0.15, 0.3, 0.5])
        faults = hasFaults ? Fault.allCases.filter { _ in random.chance(share) } : []
        faultTime = random.between(20, 60) * .second
        faultInterval = random.between(2, 10) * .second
        requestInterval = random.between(500, 4000) * .millisecond
        jobs = Int(random.between(2, 6))
    }
}

extension Int64 {
    static let second: Int64 = 1_000_000_000
    static let millisecond: Int64 = 1_000_000
}
