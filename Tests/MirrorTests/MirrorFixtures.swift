import Cron
import Scheduling

/// 2026-01-01T00:00:00Z.
let newYear: Int64 = 1_767_225_600

func version(_ term: Int, _ commit: Int) -> MirrorVersion { MirrorVersion(term: term, commit: commit) }

func batch(_ term: Int, _ commit: Int, _ records: MirrorRecord...) -> MirrorBatch {
    MirrorBatch(version: version(term, commit), records: records)
}

/// A run's id; `minute` counts from the new year.
func runID(_ job: String = "hello", minute: Int = 0, suffix: String = "") throws -> RunID {
    RunID(
        job: try JobName(job),
        logicalTime: UnixTime(seconds: newYear + Int64(minute) * 60),
        suffix: suffix
    )
}

func runView(_ id: RunID, state: RunState = .running, priority: Int = 50) -> RunView {
    RunView(
        id: id,
        jobVersion: 3,
        cause: .schedule,
        state: state,
        reason: "it's \"said\" 天火",
        priority: priority,
        params: ["day": "2026-01-01"],
        queuedAt: WallTime(milliseconds: newYear * 1000 + 7),
        startedAt: WallTime(milliseconds: newYear * 1000 + 1234),
        endedAt: nil,
        tasks: RunView.TaskCounts(total: 2, byState: ["running": 1, "waiting": 1]),
        traceID: "00ff"
    )
}

func run(_ id: RunID, state: RunState = .running, priority: Int = 50) -> MirrorRecord {
    .run(runView(id, state: state, priority: priority), tasks: [])
}

func attemptView(
    task: String = "main",
    partition: Int = 0,
    n: Int = 1,
    state: String = "running",
    exitCode: Int? = nil
) throws -> AttemptView {
    AttemptView(
        task: try TaskID(task),
        n: n,
        partition: partition,
        worker: WorkerID(number: 4),
        state: state,
        exitCode: exitCode,
        reason: "a b-c",
        fencingToken: "4294967299",
        assignedAt: WallTime(milliseconds: newYear * 1000)
    )
}

func jobView(_ name: String, version: Int = 1) throws -> JobView {
    JobView(
        name: try JobName(name),
        version: version,
        worker: WorkerID(number: 1),
        createdAt: WallTime(milliseconds: newYear * 1000),
        definition: JobDefinition(
            name: try JobName(name),
            tasks: [TaskDefinition(id: try TaskID("main"), run: .shell("true"))]
        )
    )
}

/// A small generator whose whole sequence follows from its seed (SplitMix64, Steele et al. 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension MirrorStore {
    /// All runs of a query, page by page.
    func allRuns(_ query: RunQuery) async throws -> [RunView] {
        var query = query
        var runs: [RunView] = []
        repeat {
            let page = try await self.runs(query)
            runs += page.items
            query.cursor = page.nextCursor
        } while query.cursor != nil
        return runs
    }

    /// The states whose lists hold a run, by the lists of all jobs and of its own.
    func listedStates(of id: RunID) async throws -> [RunState] {
        var states: [RunState] = []
        for state in RunState.allCases {
            for job in [nil, id.job] {
                let runs = try await allRuns(RunQuery(job: job, states: [state]))
                if runs.contains(where: { $0.id == id }) { states.append(state) }
            }
        }
        return states
    }
}
