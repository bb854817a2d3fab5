/// The network between a machine and the servers, one direction each: cut, slow, or as it should be.
///
/// `@unchecked`: see `VirtualLoop`.
final class Link: @unchecked Sendable {
    private(set) var isCutUp = false
    private(set) var isCutDown = false
    /// The mean time that a message is under way, in nanoseconds.
    var meanDelay: Int64
    private var pipes: [ObjectIdentifier: WeakPipe] = [:]

    private struct WeakPipe {
        weak var pipe: Pipe?
    }

    init(meanDelay: Int64) {
        self.meanDelay = meanDelay
    }

    var isWhole: Bool { !isCutUp && !isCutDown }

    func cut(up: Bool, down: Bool) {
        isCutUp = isCutUp || up
        isCutDown = isCutDown || down
    }

    func heal() {
        isCutUp = false
        isCutDown = false
        for pipe in pipes.values.compactMap(\.pipe).sorted(by: { $0.number < $1.number }) { pipe.resume() }
    }

    fileprivate func add(_ pipe: Pipe) {
        pipes = pipes.filter { $0.value.pipe != nil }
        pipes[ObjectIdentifier(pipe)] = WeakPipe(pipe: pipe)
    }
}

/// One direction of one connection: what is sent arrives in order, or late, or never.
///
/// As with TCP, what is sent into a cut link waits and arrives after the healing, unless one side has given up.
///
/// `@unchecked`: see `VirtualLoop`.
final class Pipe: @unchecked Sendable {
    let number: Int
    private let loop: VirtualLoop
    private let link: Link
    private let isUp: Bool
    private var random: SeededRandom
    private var waiting: [() -> Void] = []
    private var lastArrival: Int64 = 0
    private var isStalled = false
    private var isClosed = false
    /// Arrivals that were planned before the link was cut do not count.
    private var generation = 0

    init(number: Int, loop: VirtualLoop, link: Link, isUp: Bool, random: SeededRandom) {
        self.number = number
        self.loop = loop
        self.link = link
        self.isUp = isUp
        self.random = random
        link.add(self)
    }

    private var isCut: Bool { isUp ? link.isCutUp : link.isCutDown }

    func send(_ deliver: @escaping () -> Void) {
        guard !isClosed else { return }
        waiting.append(deliver)
        if !isStalled { plan() }
    }

    /// Nothing arrives any more.
    func close() {
        isClosed = true
        waiting = []
    }

    /// The link is whole again: what waits goes on.
    func resume() {
        guard isStalled, !isClosed else { return }
        isStalled = false
        generation += 1
        for _ in waiting { plan() }
    }

    private func plan() {
        let mean = link.meanDelay
        var delay = random.between(mean / 2, mean * 3 / 2)
        // Now and then one takes much longer than the others.
        if random.chance(0.01) { delay *= 20 }
        lastArrival = max(lastArrival, loop.now + delay)
        let planned = generation
        loop.at(lastArrival) { [self] in
            guard planned == generation, !isClosed, !waiting.isEmpty else { return }
            guard !isCut else {
                isStalled = true
                return
            }
            waiting.removeFirst()()
        }
    }
}
