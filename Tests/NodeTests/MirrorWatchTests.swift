import Logging
import Mirror
import Node
import Scheduling
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct MirrorWatchTests {
    /// A mirror that takes writes, and does not say which one it is until it was emptied.
    private final class SilentMirror: MirrorStore {
        private let inner: Mutex<any MirrorStore>
        private let isSilent = Mutex(true)
        private let logger: Logger

        init(_ logger: Logger) throws {
            self.logger = logger
            inner = Mutex(try SQLiteMirror(path: nil, logger: logger))
        }

        private var mirror: any MirrorStore { inner.withLock { $0 } }

        func empty() throws {
            let empty = try SQLiteMirror(path: nil, logger: logger)
            inner.withLock { $0 = empty }
            isSilent.withLock { $0 = false }
        }

        func write(_ batches: [MirrorBatch]) async throws(MirrorError) { try await mirror.write(batches) }
        func run(_ id: RunID) async throws(MirrorError) -> MirroredRun? { try await mirror.run(id) }
        func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView] {
            try await mirror.attempts(of: run)
        }
        func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView> {
            try await mirror.runs(query)
        }
        func job(_ name: JobName) async throws(MirrorError) -> JobView? { try await mirror.job(name) }
        func jobs(prefix: String?, cursor: String?, limit: Int) async throws(MirrorError) -> Page<JobView> {
            try await mirror.jobs(prefix: prefix, cursor: cursor, limit: limit)
        }
        func events(after id: String?) -> AsyncStream<MirrorEvent> { mirror.events(after: id) }
        func health() async -> String? { await mirror.health() }
        func incarnation() async throws(MirrorError) -> String {
            if isSilent.withLock({ $0 }) { throw MirrorError("it does not answer") }
            return try await mirror.incarnation()
        }
        func close() async { await mirror.close() }
    }

    /// Nobody knows then which one it was that was written to.
    @Test func mirrorThatIsEmptiedBeforeItCouldBeAskedIsFilledAgain() async throws {
        let bench = try await Bench()
        let mirror = try SilentMirror(bench.logger)
        let leader = try bench.leader(bench.session, mirror: mirror)
        let worker = WorkerID(number: 2)
        try await bench.register(worker)
        let name = try JobName("shown")
        let tasks = [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
        let definition = JobDefinition(name: name, tasks: tasks)
        try await bench.submit(definition, owner: worker, at: bench.clock.time.now())
        try await bench.with({ try await leader.run() }) {
            try await bench.eventually("the job is shown") { try await mirror.job(name) != nil }
            try mirror.empty()
            try await bench.eventually("the job is shown again") { try await mirror.job(name) != nil }
        }
    }
}
