import Scheduling

/// The keys of the mirror in Redis. They are a documented contract; other programs may read them and never write.
///
/// All begin with `<prefix>:{<cluster id>}:` (prefix `skyfire` by default), so that one cluster's keys lie in one
/// slot of a Redis cluster and clusters can share a server. A *version* is the (term, commit) of the leader's
/// commit that a record stems from; a record never replaces one of a later version. JSON is that of the API.
///
/// | key | type | content | life |
/// |---|---|---|---|
/// | `run:<run>` | hash | ``run(_:)`` | from admission on; kept as history |
/// | `attempts:<run>` | hash | ``attempts(of:)`` | as its run |
/// | `runs` | sorted set | ``runs`` | as its runs |
/// | `runs:state:<state>` | sorted set | ``runs(in:job:)`` | while a run is in that state |
/// | `runs:job:<job>:<state>` | sorted set | ``runs(in:job:)`` | while a run of the job is in that state |
/// | `job:<job>` | hash | ``job(_:)`` | until 7 days after the job's deletion |
/// | `jobs` | sorted set | ``jobs`` | a name: until its job is deleted |
/// | `events` | stream | ``events`` | the last 10,000 or somewhat more |
/// | `incarnation` | string | ``incarnation`` | until Redis is emptied |
/// | `probe` | string | ``probe`` | 60 s |
///
/// Nothing here is set to expire but a deleted job's hash and the probe: history is as durable as the server's
/// append-only file, and `maxmemory-policy` must be `noeviction`.
struct RedisKeys: Sendable {
    /// What every key begins with.
    let prefix: String

    init(prefix: String, clusterID: String) {
        self.prefix = "\(prefix):{\(clusterID)}:"
    }

    /// Hash of one run: `run` (JSON of the run), `tasks` (JSON list of `{id, needs, partitions, states}`, where
    /// `states` has one letter for each partition), `state`, `final` (`1` once the run is over, else `0`), and the
    /// version as `term` and `commit`.
    func run(_ id: String) -> String { "\(prefix)run:\(id)" }

    /// Hash of a run's attempts: field `<task>~<partition>~<n>`, value `<term>-<commit>-<final> <JSON>`, where
    /// final is `1` once the attempt has ended, else `0`.
    func attempts(of run: RunID) -> String { "\(prefix)attempts:\(run)" }

    /// Sorted set of all runs, all scores 0: members `<logical time><job>@<suffix>`
    /// (`20260101T000000Zhello@`), which sort as (logical time, run id) do.
    var runs: String { "\(prefix)runs" }

    /// Sorted set of the runs in a state, of all jobs or of one; members as in ``runs``. A run is in exactly one set
    /// of each kind; it moves in the same script that writes its hash.
    func runs(in state: RunState, job: JobName?) -> String {
        job.map { "\(prefix)runs:job:\($0):\(state.rawValue)" } ?? "\(prefix)runs:state:\(state.rawValue)"
    }

    /// Hash of one job: `job` (JSON of the job with its definition; missing once deleted), `deleted` (`0` or `1`), and
    /// the version as `term` and `commit`.
    func job(_ name: String) -> String { "\(prefix)job:\(name)" }

    /// Sorted set of the names of all jobs, all scores 0.
    var jobs: String { "\(prefix)jobs" }

    /// Stream of changes, capped at about 10,000 entries: `topic` (`run`, `attempt`, `job`) and `data` (JSON: the
    /// run; the attempt with its run's id under `run`; `{name, version, worker, deleted}` of the job).
    var events: String { "\(prefix)events" }

    /// Random text made by the first that asks. Another one than before means that Redis was emptied meanwhile.
    var incarnation: String { "\(prefix)incarnation" }

    /// Written to see whether the server takes writes.
    var probe: String { "\(prefix)probe" }
}
