import HistoryChecking

extension Golden {
    private static func probe(_ milliseconds: Int) -> [String] {
        ["/opt/probe", "--for", String(milliseconds)]
    }

    private static func task(_ id: String, _ milliseconds: Int, _ more: [String: JSON] = [:]) -> JSON {
        .object(
            ["id": .string(id), "run": .array(probe(milliseconds).map { .string($0) })].merging(more) { $1 }
        )
    }

    static let tick = "tick@20261124T10"

    /// Eight minutes of three workers: schedules with an overlap and missed times, a flow with partitions
    /// and a job after it, retries, a cancel, an edit, the loss of a worker with an exclusive and a shared task
    /// on it, another run that waits for the exclusive one, and the loss of the leader, with a task on it that
    /// is to fail then and one that is to wait for a person.
    static func history() -> Golden {
        var w = GoldenWriter()
        w.at("10:00:00")
        w.mark("observe-from")
        for (worker, session) in [("worker-1", Int64(0x11)), ("worker-2", 0x22), ("worker-3", 0x33)] {
            w.open(worker, session: session)
        }
        w.found("worker-1")
        for worker in ["worker-1", "worker-2", "worker-3"] { w.register(worker) }
        w.elect("worker-1")

        w.submit(
            "tick",
            owner: "worker-3",
            [
                "schedule": .array([.object(["cron": "* * * * *", "zone": "UTC"])]),
                "tasks": .array([task("t", 500)]),
            ]
        )
        w.submit(
            "late",
            owner: "worker-2",
            [
                "schedule": .array([.object(["cron": "*/5 * * * *", "zone": "Asia/Shanghai"])]),
                "misfire": .object(["policy": "skip"]), "tasks": .array([task("t", 10)]),
            ]
        )
        w.submit(
            "missed",
            owner: "worker-3",
            [
                "schedule": .array([.object(["cron": "1,2 10 * * *", "zone": "UTC"])]),
                "misfire": .object(["policy": "run_all", "window": "30m"]),
                "tasks": .array([task("t", 500)]),
            ]
        )
        w.submit(
            "flow",
            owner: "worker-3",
            [
                "tasks": .array([
                    task("a", 100),
                    task(
                        "b",
                        100,
                        [
                            "needs": .array(["a"]),
                            "partitions": .object(["count": .int(2), "max_parallel": .int(2)]),
                        ]
                    ),
                    task("c", 100, ["needs": .array(["b"])]),
                ])
            ]
        )
        w.submit(
            "down",
            owner: "worker-3",
            ["after": .array([.object(["job": "flow"])]), "tasks": .array([task("z", 10)])]
        )
        w.submit(
            "safe",
            owner: "worker-3",
            ["tasks": .array([task("x", 60_000, ["exclusive": .bool(true)])])]
        )
        w.submit("shared", owner: "worker-3", ["tasks": .array([task("x", 20_000)])])
        w.submit(
            "bad",
            owner: "worker-3",
            ["tasks": .array([task("x", 10, ["retry": .object(["max": .int(1)])])])]
        )
        w.submit("long", owner: "worker-3", ["tasks": .array([task("x", 60_000)])])
        w.submit("once", owner: "worker-3", ["tasks": .array([task("x", 30_000, ["on_lost": "fail"])])])
        w.submit("held", owner: "worker-3", ["tasks": .array([task("x", 30_000, ["on_lost": "hold"])])])

        simpleRun(&w, "10:01:00", seconds: 0)
        flow(&w)
        retries(&w)
        overlap(&w)
        cancel(&w)
        lossOfWorker(&w)
        lossOfLeader(&w)

        w.at("10:07:40")
        w.sample(700)
        w.mark("observe-to")
        w.mark("healed")
        w.at("10:07:58")
        w.lead()
        w.mark("quiet")
        w.at("10:07:59")
        w.lead()
        w.closeMirror()
        return w.golden
    }

    private static func simpleRun(
        _ w: inout GoldenWriter,
        _ time: String,
        version: Int64 = 1,
        seconds: Int64
    ) {
        w.at("\(time).010")
        let run = "tick@20261124T\(time.filter { $0 != ":" })Z"
        w.fire("tick", owner: "worker-3", version: version, time)
        w.admit(
            run,
            cause: "schedule",
            version: version,
            units: "a1,0,0,3",
            [("\(run)~t~0~1", "worker-3", probe(500))]
        )
        w.start("\(run)~t~0~1")
        w.at("\(time).600")
        w.finish("\(run)~t~0~1")
        w.advance(run, version: version, consuming: [("\(run)~t~0~1", "succeeded")], final: "succeeded")
        w.lead()
    }

    /// What was due at that time runs now.
    private static func runMissed(_ w: inout GoldenWriter, _ time: String) {
        let run = "missed@20261124T\(time.filter { $0 != ":" })Z"
        w.fire("missed", owner: "worker-3", time)
        w.admit(run, cause: "schedule", units: "a1,0,0,3", [("\(run)~t~0~1", "worker-3", probe(500))])
        w.start("\(run)~t~0~1")
        w.finish("\(run)~t~0~1")
        w.advance(run, consuming: [("\(run)~t~0~1", "succeeded")], final: "succeeded")
    }

    /// a, then two partitions of b, then c; the run stays until the job after it is queued.
    private static func flow(_ w: inout GoldenWriter) {
        let run = "flow@20261124T100110Z.m1"
        w.at("10:01:10")
        w.runByHand("flow", run)
        w.admit(run, cause: "manual", units: "a1,0,0,3;w;w;w", [("\(run)~a~0~1", "worker-3", probe(100))])
        w.start("\(run)~a~0~1")
        w.at("10:01:10.200")
        w.finish("\(run)~a~0~1")
        w.advance(
            run,
            consuming: [("\(run)~a~0~1", "succeeded")],
            units: "s1,0,0,3;a1,0,0,3;a1,0,0,2;w",
            assigning: [("\(run)~b~0~1", "worker-3", probe(100)), ("\(run)~b~1~1", "worker-2", probe(100))]
        )
        w.start("\(run)~b~0~1")
        w.start("\(run)~b~1~1")
        w.at("10:01:10.400")
        w.finish("\(run)~b~0~1")
        w.lead()
        w.lead()
        w.finish("\(run)~b~1~1")
        w.advance(
            run,
            consuming: [("\(run)~b~0~1", "succeeded"), ("\(run)~b~1~1", "succeeded")],
            units: "s1,0,0,3;s1,0,0,3;s1,0,0,2;a1,0,0,1",
            assigning: [("\(run)~c~0~1", "worker-1", probe(100))]
        )
        w.start("\(run)~c~0~1")
        w.at("10:01:10.600")
        w.finish("\(run)~c~0~1")
        w.advance(
            run,
            consuming: [("\(run)~c~0~1", "succeeded")],
            units: "s1,0,0,3;s1,0,0,3;s1,0,0,2;s1,0,0,1",
            final: "succeeded",
            keepsRun: true
        )
        w.lead()
        let down = "down@20261124T100110Z"
        w.lead([
            w.create("outcomes/flow", ["ends": .object([:])]), .delete(path: "/root/runs/\(run)"),
            w.create(
                "queue/job/\(down)",
                ["run": .string(down), "job_version": .int(1), "cause": "dependency"]
            ),
        ])
        w.admit(down, cause: "dependency", units: "a1,0,0,3", [("\(down)~z~0~1", "worker-3", probe(10))])
        w.start("\(down)~z~0~1")
        w.at("10:01:10.900")
        w.finish("\(down)~z~0~1")
        w.advance(down, consuming: [("\(down)~z~0~1", "succeeded")], final: "succeeded")
    }

    /// Fails, is tried again, and fails.
    private static func retries(_ w: inout GoldenWriter) {
        let run = "bad@20261124T100120Z.m1"
        w.at("10:01:20")
        w.runByHand("bad", run)
        w.admit(run, cause: "manual", units: "a1,0,0,3", [("\(run)~x~0~1", "worker-3", probe(10))])
        w.start("\(run)~x~0~1")
        w.at("10:01:20.100")
        w.finish("\(run)~x~0~1", "failed")
        w.advance(run, consuming: [("\(run)~x~0~1", "failed")], units: "t1,1")
        w.at("10:01:24")
        w.advance(run, units: "a2,1,0,3", assigning: [("\(run)~x~0~2", "worker-3", probe(10))])
        w.start("\(run)~x~0~2")
        w.at("10:01:24.100")
        w.finish("\(run)~x~0~2", "failed")
        w.advance(run, consuming: [("\(run)~x~0~2", "failed")], final: "failed", reason: "task x failed")
        w.lead()
    }

    /// The run of 10:02 lasts into 10:03, whose own is skipped. Then the job is edited.
    private static func overlap(_ w: inout GoldenWriter) {
        w.at("10:02:00.010")
        let run = "tick@20261124T100200Z"
        w.fire("tick", owner: "worker-3", "10:02:00")
        w.admit(run, cause: "schedule", units: "a1,0,0,3", [("\(run)~t~0~1", "worker-3", probe(500))])
        w.start("\(run)~t~0~1")
        w.at("10:03:00.010")
        w.fire("tick", owner: "worker-3", "10:03:00")
        w.suppress("tick@20261124T100300Z", reason: "E3001 an earlier run of tick is not over")
        w.at("10:03:10")
        w.edit(
            "tick",
            owner: "worker-3",
            [:],
            [
                "schedule": .array([.object(["cron": "* * * * *", "zone": "UTC"])]), "priority": .int(60),
                "tasks": .array([task("t", 500)]),
            ]
        )
        w.at("10:03:15")
        w.lead()
        w.at("10:03:20")
        w.finish("\(run)~t~0~1")
        w.advance(run, consuming: [("\(run)~t~0~1", "succeeded")], final: "succeeded")
        w.lead([.delete(path: "/root/pinned/tick@1")])
    }

    private static func cancel(_ w: inout GoldenWriter) {
        let run = "long@20261124T100330Z.m1"
        w.at("10:03:30")
        w.runByHand("long", run)
        w.admit(run, cause: "manual", units: "a1,0,0,3", [("\(run)~x~0~1", "worker-3", probe(60_000))])
        w.start("\(run)~x~0~1")
        w.at("10:03:33")
        w.command(
            "cancel",
            run,
            state: "killing",
            units: "g1,0,0,3",
            then: [w.create("assign/worker-3/\(run)~x~0~1.kill")]
        )
        w.at("10:03:33.100")
        w.probe("term", "\(run)~x~0~1")
        w.finish("\(run)~x~0~1", "killed")
        w.lead()
        w.advance(
            run,
            consuming: [("\(run)~x~0~1", "killed")],
            final: "cancelled",
            reason: "a test",
            extra: [.delete(path: "/root/assign/worker-3/\(run)~x~0~1.kill")]
        )
    }

    /// Worker 2 is cut off at 10:04:30 with an exclusive and a shared task on it.
    private static func lossOfWorker(_ w: inout GoldenWriter) {
        simpleRun(&w, "10:04:00", version: 2, seconds: 0)
        let (safe, shared) = ("safe@20261124T100425Z.m1", "shared@20261124T100425Z.m1")
        w.at("10:04:25")
        w.runByHand("safe", safe)
        w.admit(safe, cause: "manual", units: "a1,0,0,2", [("\(safe)~x~0~1", "worker-2", probe(60_000))])
        w.runByHand("shared", shared)
        w.admit(shared, cause: "manual", units: "a1,0,0,2", [("\(shared)~x~0~1", "worker-2", probe(20_000))])
        w.start("\(safe)~x~0~1")
        w.start("\(shared)~x~0~1")
        for second in 26...29 {
            w.at("10:04:\(second).500")
            w.beat("worker-2")
        }
        w.at("10:04:30")
        w.beat("worker-2")
        w.at("10:04:33")
        w.probe("beat", "\(safe)~x~0~1")
        w.at("10:04:34.100")
        w.expire("worker-2")
        w.advance(shared, lost: ["\(shared)~x~0~1"], units: "q1,0,1")
        w.advance(shared, units: "a2,0,1,3", assigning: [("\(shared)~x~0~2", "worker-3", probe(20_000))])
        w.start("\(shared)~x~0~2")
        w.lead()
        w.at("10:04:36.500")
        w.advance(safe, lost: ["\(safe)~x~0~1"], units: "q1,0,1")
        w.advance(safe, units: "a2,0,1,3", assigning: [("\(safe)~x~0~2", "worker-3", probe(60_000))])
        w.start("\(safe)~x~0~2")
        for second in 37...44 {
            w.at("10:04:\(second)")
            w.beat("worker-3")
        }
        // The first process of the shared task runs on beside the second: its worker is out of contact.
        w.probe("end", "\(shared)~x~0~1", exit: 0)
        // Another run of what is exclusive waits for the first.
        let next = "safe@20261124T100444Z.m2"
        w.runByHand("safe", next)
        w.admit(next, cause: "manual", units: "q", [])
        w.at("10:04:45")
        w.finish("\(safe)~x~0~2")
        w.advance(safe, consuming: [("\(safe)~x~0~2", "succeeded")], final: "succeeded")
        w.advance(next, units: "a1,0,0,3", assigning: [("\(next)~x~0~1", "worker-3", probe(60_000))])
        w.start("\(next)~x~0~1")
        w.at("10:04:46")
        w.finish("\(next)~x~0~1")
        w.advance(next, consuming: [("\(next)~x~0~1", "succeeded")], final: "succeeded")
        w.at("10:04:55")
        w.finish("\(shared)~x~0~2")
        w.advance(shared, consuming: [("\(shared)~x~0~2", "succeeded")], final: "succeeded")
        w.lead()
        simpleRun(&w, "10:05:00", version: 2, seconds: 0)
        // Its job is moved, and what was due meanwhile is missed.
        w.at("10:05:30")
        let definition = w.golden.transactions.flatMap(\.operations).compactMap { operation -> [UInt8]? in
            if case .create("/root/jobs/worker-2/late@1", let data, _) = operation { data } else { nil }
        }[0]
        w.lead([
            .check(path: "/root/workers/worker-3", version: -1), .delete(path: "/root/jobs/worker-2/late@1"),
            .create(path: "/root/jobs/worker-3/late@1", data: definition, isEphemeral: false),
            .set(
                path: "/root/jobname/late",
                data: w.bytes(["owner": "worker-3", "version": .int(1)]),
                version: 1
            ),
        ])
        for time in ["10:01:00", "10:02:00"] { runMissed(&w, time) }
        w.fire("late", owner: "worker-3", "10:05:00", suppression: "E3002 missed; misfire policy skip")
        w.suppress("late@20261124T100500Z", reason: "E3002 missed; misfire policy skip")
        w.open("worker-2", session: 0x222)
        w.register("worker-2", isNew: false)
    }

    /// Worker 1, which leads, goes at 10:06:30. What of it is to fail does, what is to wait is resumed at
    /// 10:06:40.
    private static func lossOfLeader(_ w: inout GoldenWriter) {
        simpleRun(&w, "10:06:00", version: 2, seconds: 0)
        let (once, held) = ("once@20261124T100610Z.m1", "held@20261124T100610Z.m1")
        w.at("10:06:10")
        for (job, run) in [("once", once), ("held", held)] {
            w.runByHand(job, run)
            w.admit(run, cause: "manual", units: "a1,0,0,1", [("\(run)~x~0~1", "worker-1", probe(30_000))])
            w.start("\(run)~x~0~1")
        }
        w.at("10:06:30")
        w.expire("worker-1")
        w.elect("worker-3")
        w.lead()
        w.advance(
            once,
            lost: ["\(once)~x~0~1"],
            final: "failed",
            reason: "task x lost its worker and on_lost is fail"
        )
        w.advance(held, lost: ["\(held)~x~0~1"], units: "q1,0,1", state: "paused")
        w.at("10:06:40")
        w.command("resume", held, state: "running", units: "q1,0,1")
        w.advance(held, units: "a2,0,1,3", assigning: [("\(held)~x~0~2", "worker-3", probe(30_000))])
        w.start("\(held)~x~0~2")
        w.at("10:06:50")
        w.finish("\(held)~x~0~2")
        w.advance(held, consuming: [("\(held)~x~0~2", "succeeded")], final: "succeeded")
        w.lead()
        simpleRun(&w, "10:07:00", version: 2, seconds: 0)
    }
}
