import Cron
import Scheduling

/// A mirror in memory with the guard of the real one: a record yields to none that is older, and among equals one
/// that is not final yields to one that is.
///
/// `@unchecked`: see `VirtualLoop`.
final class SimulatedMirror: @unchecked Sendable {
    /// What is held of one run, attempt or job.
    struct Held<Content> {
        var version: MirrorVersion
        var isFinal: Bool
        var content: Content
    }

    private(set) var runs: [RunID: Held<MirroredRun>] = [:]
    private(set) var attempts: [AttemptID: Held<AttemptView>] = [:]
    /// `nil` content: the job was deleted.
    private(set) var jobs: [JobName: Held<JobView?>] = [:]
    /// Another one after each emptying.
    private(set) var incarnation = 1
    var isDown = false
    private let bug: Bug
    private let trace: Trace
    /// Told of each run's record that was taken.
    var onRun: ((RunView, MirrorVersion) -> Void)?

    init(bug: Bug, trace: Trace) {
        self.bug = bug
        self.trace = trace
    }

    func empty() {
        runs = [:]
        attempts = [:]
        jobs = [:]
        incarnation += 1
        trace.note("mirror emptied")
    }

    func apply(_ batch: MirrorBatch) {
        for record in batch.records {
            switch record {
            case .run(let view, let tasks):
                let isFinal = view.state.isOver
                guard yields(runs[view.id], batch.version, isFinal) else { continue }
                trace.note("mirror", view.id.description, details: "\(view.state.rawValue) \(batch.version)")
                runs[view.id] = Held(
                    version: batch.version,
                    isFinal: isFinal,
                    content: MirroredRun(run: view, tasks: tasks)
                )
                onRun?(view, batch.version)
            case .attempt(let run, let view):
                let key = view.id(in: run)
                let isFinal = view.endedAt != nil
                guard bug.areAttemptsUnguarded || yields(attempts[key], batch.version, isFinal) else {
                    continue
                }
                attempts[key] = Held(version: batch.version, isFinal: isFinal, content: view)
            case .job(let view):
                guard yields(jobs[view.name], batch.version, false) else { continue }
                jobs[view.name] = Held(version: batch.version, isFinal: false, content: view)
            case .jobDeleted(let name):
                guard yields(jobs[name], batch.version, false) else { continue }
                jobs[name] = Held(version: batch.version, isFinal: false, content: nil)
            }
        }
    }

    private func yields<Content>(_ held: Held<Content>?, _ version: MirrorVersion, _ isFinal: Bool) -> Bool {
        guard let held, !bug.isMirrorUnguarded else { return true }
        if version != held.version { return version > held.version }
        return isFinal || !held.isFinal
    }
}

extension AttemptView {
    /// Which attempt of a run this is.
    func id(in run: RunID) -> AttemptID { AttemptID(run: run, task: task, partition: partition, number: n) }
}

/// One life's way to the mirror: slow, broken, or broken after the write was taken.
///
/// `@unchecked`: see `VirtualLoop`.
final class MirrorLink: MirrorStore, @unchecked Sendable {
    private let mirror: SimulatedMirror
    private let life: Life

    init(mirror: SimulatedMirror, life: Life) {
        self.mirror = mirror
        self.life = life
    }

    /// Waits for the way there. Cancelling does not call a message back.
    private func travel(_ factor: Int64 = 1) async throws(MirrorError) {
        let delay = life.random.between(200_000, 2_000_000) * factor
        let (life, mirror) = (life, mirror)
        await withCheckedContinuation { continuation in
            life.loop.after(delay, in: life.lane) { continuation.resume() }
        }
        guard !life.isDead, !life.machine.isCutFromMirror, !mirror.isDown else {
            throw MirrorError("the mirror does not answer")
        }
    }

    func write(_ batches: [MirrorBatch]) async throws(MirrorError) {
        let (life, mirror) = (life, mirror)
        if life.machine.mirrorTrouble > 0, life.random.chance(life.machine.mirrorTrouble) {
            // The answer is lost or very late: the write arrives some time later, after others perhaps.
            let late = life.random.between(1_000_000, 3_000_000_000)
            let incarnation = mirror.incarnation
            life.loop.after(late) {
                guard !mirror.isDown, mirror.incarnation == incarnation else { return }
                for batch in batches { mirror.apply(batch) }
            }
            try await travel()
            throw MirrorError("the connection to the mirror broke")
        }
        try await travel()
        for batch in batches { mirror.apply(batch) }
        try await travel()
    }

    func run(_ id: RunID) async throws(MirrorError) -> MirroredRun? {
        try await travel()
        return mirror.runs[id]?.content
    }

    func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView] {
        try await travel()
        return mirror.attempts.filter { $0.key.run == run }.map(\.value.content).sorted {
            ($0.task, $0.partition, $0.n) < ($1.task, $1.partition, $1.n)
        }
    }

    func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView> {
        try await travel()
        let found = mirror.runs.values.map(\.content.run)
            .filter { view in
                (query.job == nil || view.job == query.job)
                    && (query.states.isEmpty || query.states.contains(view.state))
            }
            .sorted { ($0.logicalTime, $0.id) > ($1.logicalTime, $1.id) }
        return Page(items: Array(found.prefix(query.limit)), nextCursor: nil)
    }

    func job(_ name: JobName) async throws(MirrorError) -> JobView? {
        try await travel()
        return mirror.jobs[name]?.content
    }

    func jobs(prefix: String?, cursor: String?, limit: Int) async throws(MirrorError) -> Page<JobView> {
        try await travel()
        let found = mirror.jobs.values.compactMap(\.content)
            .filter { $0.name.description.hasPrefix(prefix ?? "") && $0.name.description > cursor ?? "" }
            .sorted { $0.name < $1.name }
        let page = Array(found.prefix(limit))
        return Page(items: page, nextCursor: found.count > limit ? page.last?.name.description : nil)
    }

    func events(after id: String?) -> AsyncStream<MirrorEvent> { AsyncStream { $0.finish() } }

    func health() async -> String? { mirror.isDown ? "down" : nil }

    func incarnation() async throws(MirrorError) -> String {
        try await travel()
        return String(mirror.incarnation)
    }

    func close() async {}
}
