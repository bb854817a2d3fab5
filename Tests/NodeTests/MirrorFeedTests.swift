import Coordination
import Node
import Scheduling
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct MirrorFeedTests {
    /// A mirror that takes nothing until it is told to.
    private final class ClosedMirror: MirrorStore {
        private let isOpen = Mutex(false)
        let written = Mutex<[MirrorBatch]>([])

        func open() { isOpen.withLock { $0 = true } }

        func write(_ batches: [MirrorBatch]) async throws(MirrorError) {
            guard isOpen.withLock({ $0 }) else { throw MirrorError("closed") }
            written.withLock { $0 += batches }
        }

        func run(_ id: RunID) async throws(MirrorError) -> MirroredRun? { nil }
        func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView] { [] }
        func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView> {
            Page(items: [], nextCursor: nil)
        }
        func job(_ name: JobName) async throws(MirrorError) -> JobView? { nil }
        func jobs(prefix: String?, cursor: String?, limit: Int) async throws(MirrorError) -> Page<JobView> {
            Page(items: [], nextCursor: nil)
        }
        func events(after id: String?) -> AsyncStream<MirrorEvent> { AsyncStream { $0.finish() } }
        func health() async -> String? { nil }
        func incarnation() async throws(MirrorError) -> String { "one" }
        func close() async {}
    }

    private static func job(_ number: Int) throws -> MirrorRecord {
        let name = try JobName("job\(number)")
        return .job(
            JobView(
                name: name,
                version: 1,
                worker: WorkerID(number: 1),
                createdAt: WallTime(milliseconds: 0),
                definition: JobDefinition(name: name, tasks: [])
            )
        )
    }

    private static func final(_ commit: Int, bytes: Int) throws -> MirrorFeed.Final {
        let version = MirrorVersion(term: 1, commit: commit)
        return .init(
            batch: MirrorBatch(version: version, records: [.jobDeleted(try JobName("gone\(commit)"))]),
            bytes: bytes
        )
    }

    @Test func outboxFillsToItsBoundAndEmptiesAgain() async throws {
        let bench = try await Bench()
        let mirror = ClosedMirror()
        let feed = MirrorFeed(
            mirror: mirror,
            time: bench.clock.time,
            logger: bench.logger,
            outboxLimit: 1_000
        )
        try await bench.with({ await feed.run(onRecovered: {}) }) {
            feed.add(final: try Self.final(1, bytes: 600))
            #expect(!feed.isOutboxFull)
            feed.add(final: try Self.final(2, bytes: 400))
            #expect(feed.isOutboxFull)
            #expect(feed.figures.outboxBytes == 1_000 && feed.figures.outboxLimit == 1_000)
            try await bench.eventually("it is said why") { feed.error != nil }
            mirror.open()
            try await bench.eventually("both are written") { feed.hasSettled && feed.error == nil }
            // What the mirror has just taken may be lost with its machine: it counts for a while.
            #expect(feed.isOutboxFull && feed.takeSettled().isEmpty)
            bench.clock.forward(milliseconds: 4_000)
            let settled = feed.takeSettled()
            #expect(settled.map(\.version.commit) == [1, 2])
            #expect(!feed.isOutboxFull && feed.figures.outboxBytes == 0)
            // A commit that was to delete them and was rejected leaves all as it was.
            feed.putBack(settled)
            #expect(feed.isOutboxFull)
            #expect(feed.takeSettled().map(\.version.commit) == [1, 2])
            #expect(feed.figures.outboxBytes == 0 && !feed.hasSettled)
        }
    }

    /// A leader that stood still knows what was final, and no more what lives.
    @Test func nothingLiveIsShownWithoutContact() async throws {
        let bench = try await Bench()
        let mirror = ClosedMirror()
        mirror.open()
        let hasContact = Atomic(false)
        let feed = MirrorFeed(mirror: mirror, time: bench.clock.time, logger: bench.logger) {
            hasContact.load(ordering: .relaxed)
        }
        let written = { mirror.written.withLock { $0.flatMap(\.records).count } }
        try await bench.with({ await feed.run(onRecovered: {}) }) {
            feed.add(live: [try Self.job(0)], version: MirrorVersion(term: 1, commit: 1))
            feed.add(final: try Self.final(2, bytes: 1))
            try await bench.eventually("the final one is written") { feed.hasSettled }
            #expect(written() == 1 && feed.figures.liveRecords == 1)
            hasContact.store(true, ordering: .relaxed)
            try await bench.eventually("the other is written when there is contact") { written() == 2 }
        }
    }

    /// A write that was not answered may be taken late, in place of what was seen of the job since.
    @Test func jobOfAnUnansweredWriteIsShownOnceMore() async throws {
        let bench = try await Bench()
        let mirror = ClosedMirror()
        let feed = MirrorFeed(mirror: mirror, time: bench.clock.time, logger: bench.logger)
        let version = MirrorVersion(term: 1, commit: 1)
        let written = { mirror.written.withLock { $0.flatMap(\.records).count } }
        try await bench.with({ await feed.run(onRecovered: {}) }) {
            feed.add(live: [try Self.job(0)], version: version)
            try await bench.eventually("the write fails") { feed.error != nil }
            mirror.open()
            try await bench.eventually("it is written") { written() == 1 }
            bench.clock.forward(milliseconds: 6_000)
            try await bench.eventually("it is written again") { written() == 2 }
            feed.add(live: [try Self.job(1)], version: version)
            try await bench.eventually("the next is written") { written() == 3 }
        }
        #expect(written() == 3, "not for ever")
    }

    /// The deletion may be taken late too, in place of the job that has the name since.
    @Test func jobSeenAfterAnUnansweredDeletionIsShownOnceMore() async throws {
        let bench = try await Bench()
        let mirror = ClosedMirror()
        let feed = MirrorFeed(mirror: mirror, time: bench.clock.time, logger: bench.logger)
        let version = MirrorVersion(term: 1, commit: 1)
        let job = try Self.job(0)
        guard case .job(let view) = job else { return #expect(Bool(false), "not a job") }
        let written = { mirror.written.withLock { $0.flatMap(\.records) } }
        try await bench.with({ await feed.run(onRecovered: {}) }) {
            let deletion = MirrorBatch(version: version, records: [.jobDeleted(view.name)])
            feed.add(final: MirrorFeed.Final(batch: deletion, bytes: 1))
            try await bench.eventually("the write fails") { feed.error != nil }
            mirror.open()
            try await bench.eventually("it is written") { written().count == 1 }
            feed.add(live: [job], version: version)
            try await bench.eventually("the job is written") { written().count == 2 }
            bench.clock.forward(milliseconds: 6_000)
            try await bench.eventually("the job is written again") { written().count == 3 }
        }
        #expect(written() == [.jobDeleted(view.name), job, job])
    }

    @Test func jobsBeyondTheBoundAreLeftOutUntilThereIsRoom() async throws {
        let bench = try await Bench()
        let mirror = ClosedMirror()
        let feed = MirrorFeed(mirror: mirror, time: bench.clock.time, logger: bench.logger, jobLimit: 4)
        let version = MirrorVersion(term: 1, commit: 1)
        try await bench.with({ await feed.run(onRecovered: {}) }) {
            for number in 0..<6 { feed.add(live: [try Self.job(number)], version: version) }
            #expect(feed.figures.waitingJobs == 4 && feed.figures.refusedJobs == 2)
            // What waits already is replaced by what is newer, and what says that a job is gone is never left out.
            feed.add(live: [try Self.job(0), .jobDeleted(try JobName("job9"))], version: version)
            #expect(feed.figures.waitingJobs == 5 && feed.figures.refusedJobs == 2)
            #expect(!feed.hasRoomForJobs && !feed.takeLeftOutJobs())
            mirror.open()
            try await bench.eventually("all are written") {
                feed.figures.liveRecords == 0 && feed.error == nil
            }
            #expect(feed.hasRoomForJobs)
            #expect(feed.takeLeftOutJobs())
            #expect(!feed.takeLeftOutJobs(), "said once")
            #expect(mirror.written.withLock { $0.flatMap(\.records).count } == 5)
        }
    }
}
