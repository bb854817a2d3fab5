// # Recorded histories
//
// `skyfire-history` judges a cluster by recordings that the cluster cannot have changed:
//
// 1. **Transaction logs** of the ensemble's servers (`--txn DIR …`, a `dataDir` each): the total order of
// all that was ever
//    written. Its own reader (`Log/`), its own replay (`Model/`). The log must begin with the ensemble (or
// standalone server):
//    keep all `log.*` files (no purge). The log of an ensemble is merged, see `TransactionLog.merge`.
// 2. **Probes** (`--probes FILE …`): tasks of the test that write one synced line for each start, beat, TERM
// and end; the program is
//    `scripts/fault-programs/probe.c`. All machines of a test are network namespaces of one kernel, so
// CLOCK_MONOTONIC is one clock.
// 3. **The client's log** (`--client FILE …`), **the log of faults and marks** (`--faults FILE`), **a dump
// of the mirror**
//    (`--mirror FILE`), **samples** (`--samples FILE`).
//
// All but the first are NDJSON in UTF-8: one object a line, ended by a line feed. A last line without one
// was cut off and is
// left out. Unknown keys are ignored, but in the settings; an unknown event, type or setting is an error. Clocks are real ones, never faked: `monotonic_ns` and `realtime_ns`,
// nanoseconds.
//
// ## Probe
//
//     {"event":"start|beat|term|end","run":R,"task":T,"partition":0,"attempt":1,"token":"4294967324","worker":"worker-1","node":"",
//      "role":"main|child","monotonic_ns":…,"boottime_ns":…,"realtime_ns":…,"pid":…,"ppid":…,"sid":…[,"exit":0]}
//
// ## Client
//
//     {"type":"invoke","process":3,"op":"submit","node":"node-2","args":{"job":"daily"},"monotonic_ns":…,"realtime_ns":…}
//     {"type":"ok","process":3,"op":"submit","node":"node-2","args":{"job":"daily"},"result":{…},"status":201,…}
//
// As in Jepsen: `invoke` when the request is sent, then one of `ok` (2xx), `fail` (certainly not done) and
// `info` (unknown). A
// process has one request under way at most, and none after `info`. What is read:
//
//   op                           args      result
//   submit, edit, delete         job
//   run                          job       id, the run's
//   retry, rerun                 run       id
//   cancel, kill, pause, resume  run
//
// Others are allowed. `code` is the product's error code on `fail`.
//
// ## Faults and marks
//
//     {"fault":"cut","phase":"start|stop|once","target":"node-2","monotonic_ns":…,"realtime_ns":…}
//
// Marks are faults with these names: `observe-from` and `observe-to` (the window of I2), `healed` (all
// faults are over), `quiet`
// (everything should be done: what I7, I9 and I14 are judged at). A fault `redis…` with `flush` or `empty` in its name,
// other than its `stop`, says that the mirror was empty at that moment (I14).
//
// ## Mirror
//
//     {"key":"skyfire:{<cluster id>}:run:…","type":"hash","value":{…}}
//     {"key":"…:runs","type":"zset","value":["member",…]}
//
// `scripts/fault-programs/mirror-dump` writes it. Take it at `quiet`.
//
// ## Samples
//
//     {"source":"node-1","role":"node","pid":1,"monotonic_ns":…,"realtime_ns":…,"rss_bytes":…,"fds":…,"threads":…}
//
// Each number is a series, `pid` and clocks excepted. A value that could not be had is `null`: it counts as missing.
//
// ## Settings (`--settings FILE`, one JSON object, all optional)
//
//     {"tolerance_ms":200, "settle_ms":18000, "session_timeout_ms":4000, "live_workers":["worker-1"], "slots":8 or {"worker-1":8},
//      "bounds":{"queue_length":…,"znodes":…,"znode_bytes":…,"outbox_bytes":…,"attempts_per_unit":…,"rss_bytes":…,"fds":…,"threads":…},
//      "bounds_by_role":{"runner":{"rss_bytes":…}}, "slopes":{"rss_bytes":…}, "slopes_by_role":{"node":{…}}}
//
// `tolerance_ms` is how far clocks that should agree may be apart, and how long a signal may take.
// `settle_ms` is how long the
// system may take until nothing is left to do (default: two session timeouts and 10 s): what is younger at `quiet`, or when
// its job is deleted, is excused. Give a small one where the test waited until nothing was left. Neither may be so long that it
// excuses everything: 10 s and 10 min at most. Slopes are per hour.
//
// ## Invariants
//
// Each is defined in a file of its own below `Invariants/`, in terms of these records: what is a violation,
// what is allowed.
// What was not given makes an invariant "not judged", and one about things that do not occur as well.
