import Cron

/// Why the mirror did not answer.
package struct MirrorError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    /// Whether the same call may succeed later.
    package var isRetriable: Bool
    /// Whether the question itself was wrong: a cursor that no page ended with.
    package var isInvalidRequest: Bool

    package init(_ description: String, isRetriable: Bool = true, isInvalidRequest: Bool = false) {
        self.description = description
        self.isRetriable = isRetriable
        self.isInvalidRequest = isInvalidRequest
    }
}

/// Which runs to list, newest logical time first (then by id, descending).
package struct RunQuery: Hashable, Sendable {
    package var job: JobName?
    /// Empty means any.
    package var states: Set<RunState>
    /// Runs whose logical time is at or after this.
    package var since: WallTime?
    /// The `nextCursor` of the page before.
    package var cursor: String?
    /// 1...1000.
    package var limit: Int

    package init(
        job: JobName? = nil,
        states: Set<RunState> = [],
        since: WallTime? = nil,
        cursor: String? = nil,
        limit: Int = 100
    ) {
        self.job = job
        self.states = states
        self.since = since
        self.cursor = cursor
        self.limit = limit
    }
}

/// One page of a list. `nextCursor` is `nil` on the last one.
package struct Page<Item: Sendable>: Sendable {
    package var items: [Item]
    package var nextCursor: String?

    package init(items: [Item], nextCursor: String?) {
        self.items = items
        self.nextCursor = nextCursor
    }
}

/// A run as the mirror holds it.
package struct MirroredRun: Hashable, Sendable {
    package var run: RunView
    package var tasks: [TaskSummary]

    package init(run: RunView, tasks: [TaskSummary]) {
        self.run = run
        self.tasks = tasks
    }
}

/// One entry of the mirror's event stream. `data` is a JSON object.
package struct MirrorEvent: Hashable, Sendable {
    /// Opaque, growing; resumes a stream after this event.
    package var id: String
    /// `run`, `attempt` or `job`.
    package var topic: String
    package var data: String

    package init(id: String, topic: String, data: String) {
        self.id = id
        self.topic = topic
        self.data = data
    }
}

/// What a mirror's client has accepted and not done, and how much that may be.
package struct MirrorBacklog: Hashable, Sendable {
    package var commands: Int
    package var commandLimit: Int
    package var bytes: Int
    package var byteLimit: Int
    /// Calls that were refused for want of room.
    package var refused: Int

    package init(commands: Int, commandLimit: Int, bytes: Int, byteLimit: Int, refused: Int) {
        self.commands = commands
        self.commandLimit = commandLimit
        self.bytes = bytes
        self.byteLimit = byteLimit
        self.refused = refused
    }
}

/// The copy of status that the API reads: Redis in a cluster, SQLite in solo mode. No decision reads it.
package protocol MirrorStore: Sendable {
    /// Writes batches in order. A record that is older than what is there for the same run, attempt or job is dropped.
    func write(_ batches: [MirrorBatch]) async throws(MirrorError)
    func run(_ id: RunID) async throws(MirrorError) -> MirroredRun?
    /// The attempts of a run, by task in no particular order, then partition, then n.
    func attempts(of run: RunID) async throws(MirrorError) -> [AttemptView]
    func runs(_ query: RunQuery) async throws(MirrorError) -> Page<RunView>
    func job(_ name: JobName) async throws(MirrorError) -> JobView?
    /// Jobs by name; `prefix` filters names.
    func jobs(prefix: String?, cursor: String?, limit: Int) async throws(MirrorError) -> Page<JobView>
    /// Events after an id, or from now on. Ends when the mirror is closed or the stream is dropped.
    func events(after id: String?) -> AsyncStream<MirrorEvent>
    /// Whether the mirror takes writes at this moment, in words where it does not.
    func health() async -> String?
    /// A text that stays the same until the mirror is emptied.
    func incarnation() async throws(MirrorError) -> String
    /// What waits to be sent; nil for a mirror in this process, which is called one after the other.
    var backlog: MirrorBacklog? { get }
    func close() async
}

extension MirrorStore {
    package var backlog: MirrorBacklog? { nil }
}
