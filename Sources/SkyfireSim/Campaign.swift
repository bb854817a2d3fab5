internal import ArgumentParser
internal import Foundation
internal import Synchronization

/// All that one call of the program lives through: it deals out batches, keeps what came of them, and sums up.
final class Campaign: Sendable {
    private struct State {
        /// What is still to be dealt out, in order.
        var open: [Range<UInt64>]
        var record: SeedRecord?
        var done: UInt64 = 0
        var broken: [UInt64] = []
        /// Why it did not go on, and what to exit with.
        var failure: (reason: String, code: Int32)?
    }

    private let state: Mutex<State>
    private let batch: UInt64
    private let first: UInt64
    private let deadline: ContinuousClock.Instant?
    private let options: WorldOptions
    private let began = ContinuousClock.now

    /// Where it `isResumed`, seeds that this build has recorded under the same options are left out.
    init(
        seeds: Range<UInt64>,
        batch: UInt64,
        deadline: ContinuousClock.Instant?,
        options: WorldOptions,
        record: sending SeedRecord?,
        isResumed: Bool
    ) {
        var open = [seeds]
        if isResumed, let record {
            for known in record.own(options) {
                open = open.flatMap { range in
                    [
                        range
                            .lowerBound..<max(range.lowerBound, min(known.seeds.lowerBound, range.upperBound)),
                        min(
                            range.upperBound,
                            max(known.seeds.upperBound, range.lowerBound)
                        )..<range.upperBound,
                    ].filter { !$0.isEmpty }
                }
            }
        }
        first = seeds.lowerBound
        self.batch = batch
        self.deadline = deadline
        self.options = options
        state = Mutex(State(open: open, record: record))
    }

    /// Deals out all batches to so many threads, each of which has them lived through by `live`.
    func goOn(jobs: Int, _ live: @Sendable (Range<UInt64>) throws -> Batch) {
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while let seeds = next() {
                do {
                    try take(try live(seeds))
                } catch {
                    fail("the seeds \(seeds.lowerBound) to \(seeds.upperBound - 1): \(error)", 70)
                }
                if SimulationProcess.signal != 0 { fail("interrupted", 128 + SimulationProcess.signal) }
            }
        }
    }

    private func next() -> Range<UInt64>? {
        guard deadline.map({ ContinuousClock.now < $0 }) ?? true else { return nil }
        return state.withLock { state in
            // A planted bug is found once.
            guard state.failure == nil, options.bug == nil || !isBroken(state), let range = state.open.first
            else { return nil }
            let seeds = range.lowerBound..<range.lowerBound + min(batch, range.upperBound - range.lowerBound)
            state.open[0] = seeds.upperBound..<range.upperBound
            if state.open[0].isEmpty { state.open.removeFirst() }
            return seeds
        }
    }

    private func take(_ batch: Batch) throws {
        guard batch.count > 0 else { return }
        try state.withLock { state in
            state.done += batch.count
            state.broken += batch.broken
            try state.record?.append(batch)
        }
    }

    private func fail(_ reason: String, _ code: Int32) {
        state.withLock { state in
            guard state.failure == nil else { return }
            state.failure = (reason, code)
        }
    }

    /// Whether any seed was broken, now or, as the record says, before: without a bug in any build; with one in this build and
    /// with these options, since that another build has found it says nothing of this one.
    private func isBroken(_ state: State) -> Bool {
        guard state.broken.isEmpty, let record = state.record else { return !state.broken.isEmpty }
        let batches =
            options.bug == nil ? record.batches.filter { $0.options.bug == nil } : record.own(options)
        return batches.contains { !$0.broken.isEmpty }
    }

    /// Says what came of it, and throws the code to exit with.
    func conclude() throws {
        let elapsed = began.duration(to: .now) / .seconds(1)
        try state.withLock { state in
            print(
                "\(state.done) seeds from \(first), \(state.broken.count) broken, in \(Int(elapsed)) s: "
                    + "\(Int(Double(state.done) / max(elapsed, 0.001) * 60)) seeds a minute"
            )
            if let record = state.record { sumUp(record) }
            if let failure = state.failure {
                print(failure.reason)
                throw ExitCode(failure.code)
            }
            if isBroken(state) == (options.bug == nil) { throw ExitCode.failure }
        }
    }

    private func sumUp(_ record: SeedRecord) {
        let batches = record.batches.filter { $0.options.bug == options.bug }
        for batch in batches {
            for seed in batch.broken {
                let place = batch.commit.map { " at \($0)" } ?? ""
                print("recorded: seed \(seed) is broken\(place); again: \(batch.options.command(seed))")
            }
        }
        let own = record.own(options)
        print("recorded of this build: \(Self.count(own))")
        if own.count < batches.count {
            let others = batches.filter { $0.build != record.build || $0.options != options }
            print("recorded of other builds or options: \(Self.count(others))")
        }
    }

    /// How many seeds there are in batches. One that was lived through again by the same build, with the same options, is none.
    private static func count(_ batches: [Batch]) -> String {
        var (seeds, broken): (UInt64, Int) = (0, 0)
        for same in Dictionary(grouping: batches, by: { [$0.build, $0.options] as [AnyHashable] }).values {
            var end: UInt64 = 0
            for range in same.map(\.seeds).sorted(by: { $0.lowerBound < $1.lowerBound })
            where range.upperBound > end {
                seeds += range.upperBound - max(end, range.lowerBound)
                end = range.upperBound
            }
            broken += Set(same.flatMap(\.broken)).count
        }
        return "\(seeds) seeds, \(broken) broken"
    }
}
