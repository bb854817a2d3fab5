import HistoryChecking

/// A good history, spoilt in one way.
struct Mutation: Sendable, CustomStringConvertible {
    /// The invariant that must turn red, and alone.
    var red: String
    var name: String
    var spoil: @Sendable (inout Golden) throws -> Void

    var description: String { "\(red): \(name)" }

    init(_ red: String, _ name: String, _ spoil: @escaping @Sendable (inout Golden) throws -> Void) {
        (self.red, self.name, self.spoil) = (red, name, spoil)
    }

    private static let flow = "flow@20261124T100110Z.m1"
    private static let down = "down@20261124T100110Z"
    private static let bad = "bad@20261124T100120Z.m1"
    private static let long = "long@20261124T100330Z.m1"
    private static let safe = "safe@20261124T100425Z.m1"
    private static let nextSafe = "safe@20261124T100444Z.m2"
    private static let shared = "shared@20261124T100425Z.m1"
    private static let held = "held@20261124T100610Z.m1"
    private static let tick = "tick@20261124T100"

    private static func milliseconds(_ text: String) -> JSON { .int(Golden.at(text) * 1_000_000) }

    static let all: [Mutation] =
        mutationsOfRuns + mutationsOfAttempts + mutationsOfTheCluster + mutationsOfCommands

    private static let mutationsOfRuns = [
        Mutation("I1", "a run is admitted again after its end") { golden in
            let header = Array(#"{"job_version":2,"cause":"schedule","state":"running"}"#.utf8)
            try golden.add(
                [.create(path: "/root/runs/\(tick)100Z", data: header, isEphemeral: false)],
                from: "10:04:34"
            )
            try golden.add([.delete(path: "/root/runs/\(tick)100Z")], from: "10:04:50")
        },
        Mutation("I2", "a due time has no record") { try $0.remove(run: "\(tick)400Z") },
        Mutation("I2", "the first due time has no record") { try $0.remove(run: "\(tick)100Z") },
        Mutation("I2", "a run is for a time that was not due") {
            try $0.rename(run: "\(tick)600Z", "\(tick)630Z")
        },
        Mutation("I2", "a run is skipped for no reason of a policy") {
            try $0.rewrite("/outbox/", "E3001 an earlier run of tick is not over", "because")
        },
        Mutation("I2", "a run is skipped for an overlap that is not there") {
            try $0.rewrite(
                "/outbox/",
                "E3002 missed; misfire policy skip",
                "E3001 an earlier run of late is not over"
            )
        },
        Mutation("I2", "run_all skips what is within the window") {
            try $0.rewrite("/late@1", #""policy":"skip""#, #""policy":"run_all""#)
        },
        Mutation("I2", "run_once runs none of what was missed") {
            try $0.rewrite("/late@1", #""policy":"skip""#, #""policy":"run_once""#)
        },
        Mutation("I2", "what was missed runs with skip") {
            try $0.rewrite("/missed@1", #""policy":"run_all""#, #""policy":"skip""#)
        },
        Mutation("I2", "run_once runs more than the last of what was missed") {
            try $0.rewrite("/missed@1", #""policy":"run_all""#, #""policy":"run_once""#)
        },
        Mutation("I2", "what was missed by more than the window runs") {
            try $0.rewrite("/missed@1", #""window":"30m""#, #""window":"2m""#)
        },
        Mutation("I7", "a run ends without a final record") { golden in
            try golden.removeRecord(containing: bad, #""_0""#)
            golden.mirror.removeAll { $0["key"]?.string?.hasSuffix(":run:\(bad)") == true }
        },
        Mutation("I7", "an entry vanishes from the queue") { golden in
            try golden.removeRecord(containing: "\(tick)300Z", #""_0""#)
            golden.mirror.removeAll { $0["key"]?.string?.hasSuffix(":run:\(tick)300Z") == true }
        },
        Mutation("I7", "a client was promised a run that was never queued") { golden in
            try golden.duplicateCall("run") { $0["id"] = "flow@20261124T100111Z.m2" }
        },
        Mutation("I7", "two requests are answered with one run") { golden in
            try golden.duplicateCall("run") { $0["key"] = "another" }
        },
        Mutation("I14", "the mirror was not filled again after it was emptied") { golden in
            golden.flush("once", at: "10:05:30")
            golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("job:tick") == true }
        },
        Mutation("I14", "the mirror has a job that never was") { golden in
            golden.mirror.append(.object(["key": "skyfire:{c}:job:ghost", "type": "hash", "value": "x"]))
        },
        Mutation("I14", "a run that lives is missing in the mirror") { golden in
            let header = Array(#"{"job_version":1,"cause":"manual","state":"paused"}"#.utf8)
            try golden.add(
                [.create(path: "/root/runs/flow@20261124T100627Z.m9", data: header, isEphemeral: false)],
                from: "10:06:30"
            )
        },
        Mutation("I14", "a value of the mirror is old") { golden in
            golden.mirror = golden.mirror.map {
                JSON(text: Golden.replaced($0.text, #""state":"failed""#, #""state":"running""#))!
            }
        },
        Mutation("I14", "a run is missing in the mirror") { golden in
            golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("run:\(tick)600Z") == true }
        },
        Mutation("I14", "an attempt is missing in the mirror") { golden in
            golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("attempts:\(tick)600Z") == true }
        },
        Mutation("I14", "an attempt has another exit code in the mirror") {
            try $0.rewriteMirror("attempts:\(bad)", #"\"exit_code\":1"#, #"\"exit_code\":0"#)
        },
        Mutation("I14", "an attempt has another worker in the mirror") {
            try $0.rewriteMirror("attempts:\(bad)", "worker-3", "worker-2")
        },
        Mutation("I14", "an attempt has another outcome in the mirror") {
            try $0.rewriteMirror("attempts:\(bad)", #"\"failed\""#, #"\"timed_out\""#)
        },
        Mutation("I14", "an attempt has another fencing token in the mirror") {
            try $0.rewriteMirror("attempts:\(bad)", #"fencing_token\":\""#, #"fencing_token\":\"9"#)
        },
        Mutation("I14", "an attempt of the mirror is of an earlier commit") {
            try $0.rewriteMirror("attempts:\(bad)", "-1 {", "-0 {")
        },
        Mutation("I14", "the mirror has an end of an attempt that never was") {
            try $0.rewriteMirror("attempts:\(bad)", #""x~0~2":"#, #""x~0~3":"1-1-1 {}","x~0~2":"#)
        },
        Mutation("I14", "the mirror has an end that never was") { golden in
            let line = golden.mirror.first { $0["key"]?.string?.hasSuffix("run:\(tick)600Z") == true }!
            golden.mirror.append(JSON(text: Golden.replaced(line.text, "\(tick)600Z", "\(tick)559Z"))!)
        },
        Mutation("I14", "a run is listed under two states") { golden in
            golden.mirror = golden.mirror.map { line in
                guard line["key"]?.string?.hasSuffix("runs:state:failed") == true,
                    case .object(var members) = line
                else { return line }
                members["value"] = .array([
                    .string("20261124T100120Zbad@m1"), .string("20261124T100600Ztick@"),
                ])
                return .object(members)
            }
        },
        Mutation("I16", "a run that was over goes on") { golden in
            let header = Array(#"{"job_version":1,"cause":"manual","state":"running"}"#.utf8)
            try golden.add([.set(path: "/root/runs/\(flow)", data: header, version: 9)], from: "10:01:10.605")
        },
        Mutation("I16", "a unit that succeeded runs again") { golden in
            try golden.rewrite(
                "/runs/\(flow)",
                "s1,0,0,3;s1,0,0,3;s1,0,0,2;a1,0,0,1",
                "r1,0,0,3;s1,0,0,3;s1,0,0,2;a1,0,0,1"
            )
        },
        Mutation("I16", "a run ends twice") { golden in
            let records = golden.transactions.flatMap(\.operations).compactMap { operation -> JSON? in
                guard case .create(let path, let data, _) = operation, path.contains("/outbox/") else {
                    return nil
                }
                return Golden.records(data).first { $0["run"]?["_0"]?["id"]?.string == "\(tick)600Z" }
            }
            try golden.change("another outbox entry") { operation, transaction in
                guard case .create(let path, let data, let isEphemeral) = operation,
                    path.contains("/outbox/2-")
                else { return operation }
                return .create(
                    path: path,
                    data: Golden.outbox(data, Golden.records(data) + records),
                    isEphemeral: isEphemeral
                )
            }
            // The mirror has the later one.
            golden.mirror = golden.mirror.map { line in
                guard line["key"]?.string?.hasSuffix("run:\(tick)600Z") == true else { return line }
                let last = golden.transactions.flatMap(\.operations).compactMap { operation -> JSON? in
                    guard case .create(let path, let data, _) = operation, path.contains("/outbox/2-") else {
                        return nil
                    }
                    return JSON(data)?["version"]
                }.last!
                return .object([
                    "key": line["key"]!, "type": "hash",
                    "value": .object([
                        "state": "succeeded", "final": "1", "term": .string(String(last["term"]!.int!)),
                        "commit": .string(String(last["commit"]!.int!)),
                    ]),
                ])
            }
        },
        Mutation("I19", "a run is admitted at another version") { golden in
            try golden.rewrite("/runs/\(tick)600Z", #""job_version":2"#, #""job_version":1"#)
            try golden.change("its final record") { operation, _ in
                guard case .create(let path, let data, let isEphemeral) = operation,
                    path.contains("/outbox/"),
                    Golden.contains(data, "\(tick)600Z")
                else { return operation }
                let text = Golden.replaced(
                    String(decoding: data, as: UTF8.self),
                    #""job_version":2"#,
                    #""job_version":1"#
                )
                return .create(path: path, data: Array(text.utf8), isEphemeral: isEphemeral)
            }
        },
        Mutation("I19", "a run ends at another version") { golden in
            try golden.change("its final record") { operation, _ in
                guard case .create(let path, let data, let isEphemeral) = operation,
                    path.contains("/outbox/"),
                    Golden.contains(data, "\(tick)600Z")
                else { return operation }
                let text = Golden.replaced(
                    String(decoding: data, as: UTF8.self),
                    #""job_version":2"#,
                    #""job_version":1"#
                )
                return .create(path: path, data: Array(text.utf8), isEphemeral: isEphemeral)
            }
        },
        Mutation("I19", "a worker is given another command") {
            try $0.rewrite("/assign/worker-3/\(bad)", "/opt/probe", "/bin/rm")
        },
        Mutation("I19", "a definition is dropped while a run of it lives") { golden in
            try golden.change("the end of pinned") { operation, _ in
                if case .delete("/root/pinned/tick@1") = operation { nil } else { operation }
            }
            try golden.add([.delete(path: "/root/pinned/tick@1")], from: "10:03:12")
        },
    ]

    private static let mutationsOfAttempts = [
        Mutation("I3", "two attempts of an exclusive task live at once") { golden in
            try golden.changeProbes("\(safe)~x~0~1", "beat") { $0["monotonic_ns"] = milliseconds("10:04:40") }
        },
        Mutation("I3", "two runs of an exclusive task live at once") { golden in
            try golden.changeProbes("\(nextSafe)~x~0~1", "start") {
                $0["monotonic_ns"] = milliseconds("10:04:44.500")
            }
        },
        Mutation("I3", "two runs of an exclusive task are assigned at once") { golden in
            // The second is assigned in the commit that admits its run.
            let path = "/root/assign/worker-3/\(nextSafe)~x~0~1"
            var assignment: LogOperation?
            var token: Int64 = 0
            try golden.change("the assignment") { operation, transaction in
                guard case .create(path, _, _) = operation else { return operation }
                (assignment, token) = (operation, transaction.zxid)
                return nil
            }
            let index = golden.transactions.firstIndex {
                $0.operations.contains(.delete(path: "/root/queue/job/\(nextSafe)"))
            }!
            golden.transactions[index].operations.append(assignment!)
            let newToken = String(golden.transactions[index].zxid)
            try golden.changeProbes("\(nextSafe)~x~0~1") { $0["token"] = .string(newToken) }
            try golden.rewrite("/outbox/", "\"\(token)\"", "\"\(newToken)\"")
            golden.mirrorAttempts()
        },
        Mutation("I3", "two attempts live at once and no session expired") { golden in
            try golden.changeProbes("\(bad)~x~0~1", "end") {
                $0["monotonic_ns"] = milliseconds("10:01:24.090")
            }
        },
        Mutation("I3", "the session of the first owner expired only later") { golden in
            // The second attempt is assigned before worker 2 is gone.
            let index = golden.transactions.firstIndex {
                $0.session == 0x22 && $0.operations == [.closeSession(paths: [])]
            }!
            var close = golden.transactions.remove(at: index)
            let later = golden.transactions.firstIndex { $0.time >= Golden.at("10:04:34.500") }!
            close.zxid = golden.transactions[later].zxid - 1
            close.time = Golden.at("10:04:34.500")
            golden.transactions.insert(close, at: later)
        },
        Mutation("I3", "an attempt is started twice") { golden in
            try golden.changeProbes("\(long)~x~0~1", "term") { line in
                line["event"] = "start"
                line["pid"] = .int(9)
            }
        },
        Mutation("I4", "a process has another token than its assignment") { golden in
            try golden.changeProbes("\(down)~z~0~1") { $0["token"] = "17" }
        },
        Mutation("I4", "a record names another token") { golden in
            try golden.change("a token") { operation, _ in
                guard case .create(let path, let data, let isEphemeral) = operation,
                    path.contains("/outbox/"),
                    Golden.contains(data, down)
                else { return operation }
                let records = Golden.records(data).map { record in
                    let token = record["attempt"]?["_1"]?["fencing_token"]?.string ?? "none"
                    return JSON(text: Golden.replaced(record.text, "\"\(token)\"", "\"17\""))!
                }
                return .create(path: path, data: Golden.outbox(data, records), isEphemeral: isEphemeral)
            }
            golden.mirrorAttempts()
        },
        Mutation("I4", "records name no token") { golden in
            try golden.rewrite("/outbox/", #""fencing_token""#, #""token""#)
            golden.mirrorAttempts()
        },
        Mutation("I4", "a task that is to fail when it is lost runs again") {
            try $0.rewrite("/held@1", #""on_lost":"hold""#, #""on_lost":"fail""#)
        },
        Mutation("I4", "a task that waits for a person runs again though the resume was refused") { golden in
            try golden.change("the verdict") { operation, transaction in
                guard case .set(let path, let data, let version) = operation,
                    path.contains("/queue/command/"), transaction.time > Golden.at("10:06:30")
                else { return operation }
                let text = Golden.replaced(String(decoding: data, as: UTF8.self), "true", "false")
                return .set(path: path, data: Array(text.utf8), version: version)
            }
        },
        Mutation("I4", "a task that waits for a person runs again after another run was resumed") {
            try $0.rewrite("/queue/command/", held, shared)
        },
        Mutation("I4", "a task that waits for a person runs again after a resume before its loss") { golden in
            // The record of the loss is committed with the end of the second attempt.
            try golden.moveRecord(of: "\(held)~x~0~1", from: "lost", to: "lost", at: "10:06:50")
            golden.mirrorAttempts()
        },
        Mutation("I4", "the result of an attempt that was taken over counts") { golden in
            // The record "lost" of the first attempt becomes a success that is committed after the second
            // was assigned.
            try golden.moveRecord(of: "\(safe)~x~0~1", from: "lost", to: "succeeded", at: "10:04:45")
            golden.mirrorAttempts()
        },
        Mutation("I4", "a process runs on another worker than it was assigned to") { golden in
            try golden.changeProbes("\(down)~z~0~1", "end") { $0["worker"] = "worker-2" }
        },
        Mutation("I4", "a record names another worker") { golden in
            try golden.rewrite("/outbox/", #""worker":"worker-1""#, #""worker":"worker-3""#)
            golden.mirrorAttempts()
        },
        Mutation("I4", "a success is recorded of a process that failed") { golden in
            try golden.changeProbes("\(down)~z~0~1", "end") { $0["exit"] = .int(3) }
        },
        Mutation("I4", "a success is recorded of a process that did not end") { golden in
            try golden.changeProbes("\(down)~z~0~1", "end") { $0["event"] = "beat" }
        },
        Mutation("I4", "a failure is recorded of a process that succeeded") { golden in
            try golden.changeProbes("\(bad)~x~0~1", "end") { $0["exit"] = .int(0) }
        },
        Mutation("I4", "another exit code is recorded") { golden in
            try golden.rewrite("/outbox/", #""exit_code":1"#, #""exit_code":7"#)
            golden.mirrorAttempts()
        },
        Mutation("I5", "a task starts before what it needs has ended, by the probes") { golden in
            try golden.changeProbes("\(flow)~b~0~1", "start") {
                $0["monotonic_ns"] = milliseconds("10:01:10.100")
            }
        },
        Mutation("I5", "a task is assigned before what it needs is recorded as over") { golden in
            try golden.moveRecord(of: "\(flow)~a~0~1", from: "succeeded", to: "succeeded", at: "10:01:10.405")
            golden.mirrorAttempts()
        },
        Mutation("I5", "a task is assigned although what it needs failed") { golden in
            try golden.moveRecord(of: "\(flow)~b~1~1", from: "succeeded", to: "failed", at: nil)
            try golden.changeProbes("\(flow)~b~1~1", "end") { $0["exit"] = nil }
            golden.mirrorAttempts()
        },
        Mutation("I6", "an attempt is assigned twice") { golden in
            // Between the end of the first partition's process and that of the second there are two commits.
            let path = "/root/assign/worker-3/\(flow)~b~0~1"
            let data = Array(#"{"action":{"command":{"argv":["/opt/probe","--for","100"]}}}"#.utf8)
            try golden.add([.create(path: path, data: data, isEphemeral: false)], from: "10:01:10.400")
            try golden.add([.delete(path: path)], from: "10:01:10.400")
        },
        Mutation("I6", "a unit of a run that succeeded was never tried") { golden in
            try golden.rewrite("/flow@1", #""count":2"#, #""count":3"#)
        },
        Mutation("I6", "the job after another is not queued") { try $0.remove(run: down) },
        Mutation("I6", "a job after another is queued for another time") {
            try $0.rename(run: down, "down@20261124T100111Z")
        },
        Mutation("I8", "a process starts without a commit") { golden in
            try golden.change("T4") { operation, _ in
                if case .set(let path, _, _) = operation, path.hasSuffix("\(down)~z~0~1") {
                    nil
                } else {
                    operation
                }
            }
        },
        Mutation("I8", "a process starts before its commit") { golden in
            try golden.changeProbes("\(down)~z~0~1", "start") {
                $0["realtime_ns"] = .int($0["realtime_ns"]!.int! - 20_000_000)
            }
        },
        Mutation("I8", "a process starts that was never assigned") { golden in
            try golden.addProbe("\(down)~z~0~1") { line in
                line["event"] = "start"
                line["task"] = "ghost"
            }
        },
        Mutation("I8", "a success is recorded that no process started for") { golden in
            golden.probes.removeAll { $0["run"]?.string == down }
        },
        Mutation("I11", "an exclusive task outlives its lease within the session's timeout") { golden in
            // The last write was at 10:04:30; the lease is 3.2 s, the tolerance 0.2 s.
            try golden.changeProbes("\(safe)~x~0~1", "beat") { line in
                line["realtime_ns"] = milliseconds("10:04:33.500")
                line["monotonic_ns"] = milliseconds("10:04:33.500")
            }
        },
        Mutation("I11", "an exclusive task outlives the contact of its worker") { golden in
            try golden.changeProbes("\(safe)~x~0~1", "beat") { line in
                line["realtime_ns"] = milliseconds("10:04:35")
                line["monotonic_ns"] = milliseconds("10:04:35")
            }
        },
        // Its worker goes at 10:04:34.1, and it is taken over at 10:04:36.5; 1.8 s are to lie between.
        Mutation("I11", "an exclusive task is taken over before its kill margin is over") { golden in
            let taken = golden.transactions.firstIndex {
                $0.operations.contains(.delete(path: "/root/assign/worker-2/\(safe)~x~0~1"))
            }
            golden.transactions[taken!].time = Golden.at("10:04:35.850")
        },
        Mutation("I11", "an exclusive task is taken from a worker that is back") { golden in
            try golden.insert(
                [
                    .create(
                        path: "/root/workers/worker-2",
                        data: Array(#"{"incarnation":"back","slots":4}"#.utf8),
                        isEphemeral: true
                    )
                ],
                at: "10:04:36.300",
                session: 0x2222
            )
            try golden.insert([.closeSession(paths: [])], at: "10:04:50", session: 0x2222, cxid: 0)
        },
        Mutation("I12", "a child lives after the end was reported") { golden in
            try golden.addProbe("\(bad)~x~0~1") { line in
                line["event"] = "beat"
                line["role"] = "child"
                line["realtime_ns"] = milliseconds("10:01:22")
                line["monotonic_ns"] = milliseconds("10:01:22")
            }
        },
        Mutation("I12", "a process that was taken over is left in the end") { golden in
            try golden.changeProbes("\(shared)~x~0~1", "end") { line in
                line["realtime_ns"] = milliseconds("10:07:59")
                line["event"] = "beat"
            }
        },
        Mutation("I18", "more partitions run at once than are allowed") {
            try $0.rewrite("/flow@1", #""max_parallel":2"#, #""max_parallel":1"#)
        },
        Mutation("I18", "a worker has more attempts than slots") { $0.settings = $0.with("slots", .int(1)) },
        Mutation("I18", "runs of a job that skips overlap live at once") { golden in
            try golden.change("the end of the run of 10:05") { operation, transaction in
                if case .delete("/root/runs/\(tick)500Z") = operation { nil } else { operation }
            }
            try golden.add([.delete(path: "/root/runs/\(tick)500Z")], from: "10:07:30", where: \.isCommit)
        },
    ]

    private static let mutationsOfTheCluster = [
        Mutation("I9", "a worker is not back") {
            $0.settings = $0.with("live_workers", .array(["worker-1", "worker-2", "worker-3"]))
        },
        Mutation("I9", "a report is left") { golden in
            try golden.insert(
                [.create(path: "/root/status/3/\(bad)~x~0~2.failed", data: [], isEphemeral: false)],
                at: "10:05:00",
                session: 0x33
            )
        },
        Mutation("I9", "an assignment is left for a worker that is gone") { golden in
            golden.mirror.append(
                .object([
                    "key": "skyfire:{c}:run:flow@20261124T100627Z.m9", "type": "hash",
                    "value": .object(["state": "running"]),
                ])
            )
            try golden.add(
                [
                    .create(
                        path: "/root/runs/flow@20261124T100627Z.m9",
                        data: Array(#"{"job_version":1,"state":"running"}"#.utf8),
                        isEphemeral: false
                    ),
                    .create(
                        path: "/root/assign/worker-1/flow@20261124T100627Z.m9~a~0~1",
                        data: [],
                        isEphemeral: false
                    ),
                ],
                from: "10:04:50"
            )
        },
        Mutation("I9", "a job has no owner") { golden in
            try golden.change("the move") { operation, _ in
                switch operation {
                case .delete("/root/jobs/worker-2/late@1"): nil
                case .create("/root/jobs/worker-3/late@1", _, _): nil
                case .check(let path, _) where path.hasPrefix("/root/jobs/worker-3/late"): nil
                default: operation
                }
            }
            try golden.insert([.closeSession(paths: [])], at: "10:07:45", session: 0x222, cxid: 0)
            golden.settings = golden.with("live_workers", .array(["worker-3"]))
        },
        Mutation("I10", "a commit is lost") { golden in
            try golden.change("a commit") { operation, transaction in
                guard case .set("/root/term", _, _) = operation, transaction.operations.count == 1,
                    transaction.time > Golden.at("10:04:34"), transaction.time < Golden.at("10:04:36")
                else { return operation }
                return nil
            }
        },
        Mutation("I10", "an old term commits") { golden in
            try golden.insert(
                [
                    .set(
                        path: "/root/term",
                        data: Array(#"{"commit":900,"term":1,"worker":"worker-1"}"#.utf8),
                        version: 900
                    )
                ],
                at: "10:07:50",
                session: 0x11
            )
        },
        Mutation("I10", "a commit number comes twice") { golden in
            let last = golden.transactions.last { $0.isCommit && $0.operations.count == 1 }!
            try golden.insert(last.operations, at: "10:07:59.500", session: 0x33)
        },
        Mutation("I10", "a term is left out") { golden in
            try golden.rewrite("/root/term", #""term":2"#, #""term":3"#)
            try golden.rewrite("/outbox/2-", #""term":2"#, #""term":3"#)
            try golden.rename("/outbox/2-", "/outbox/3-")
            golden.mirror = golden.mirror.map {
                JSON(
                    text: Golden.replaced(
                        Golden.replaced($0.text, #""term":"2""#, #""term":"3""#),
                        "\"2-",
                        "\"3-"
                    )
                )!
            }
        },
        Mutation("I13", "two clients are given one name") { try $0.duplicateCall("submit") { _ in } },
        Mutation("I13", "a client is told that a free name is taken") { golden in
            try golden.duplicateCall("submit", outcome: "fail", status: 409) { $0["job"] = "ghost" }
        },
        Mutation("I13", "a name is claimed by a submit that was refused") {
            try $0.refuse("submit", 422) { $0["job"]?.string == "bad" }
        },
        Mutation("I13", "a run is stored that was refused") {
            try $0.refuse("run", 409) { $0["job"]?.string == "bad" }
        },
        Mutation("I13", "a job has two definitions") { golden in
            let data = golden.transactions.flatMap(\.operations).compactMap { operation -> [UInt8]? in
                if case .create("/root/jobs/worker-3/bad@1", let data, _) = operation { data } else { nil }
            }[0]
            try golden.add(
                [.create(path: "/root/jobs/worker-2/bad@1", data: data, isEphemeral: false)],
                from: "10:01:24.110"
            )
            try golden.add([.delete(path: "/root/jobs/worker-2/bad@1")], from: "10:04:34")
        },
        Mutation("I15", "the queue grows beyond its bound") {
            $0.settings = $0.with("bounds", .object(["queue_length": .int(0)]))
        },
        Mutation("I15", "a node holds more memory than it may") {
            $0.settings = $0.with("bounds", .object(["rss_bytes": .int(600)]))
        },
        Mutation("I15", "a task is tried again more often than it may") {
            try $0.rewrite("/bad@1", #""max":1"#, #""max":0"#)
        },
        Mutation("I15", "a znode is larger than the layout allows") { golden in
            try golden.change("cluster_status") { operation, _ in
                if case .create("/root/cluster_status", _, let isEphemeral) = operation {
                    .create(
                        path: "/root/cluster_status",
                        data: [UInt8](repeating: 32, count: 600_000),
                        isEphemeral: isEphemeral
                    )
                } else {
                    operation
                }
            }
        },
    ]

    private static let mutationsOfCommands = [
        Mutation("I17", "a cancelled run ends as if nothing had been") { golden in
            try golden.removeAndReplace("\"state\":\"cancelled\"", "\"state\":\"succeeded\"")
        },
        Mutation("I17", "a client was promised a cancel that is not there") {
            try $0.duplicateCall("cancel") { $0["run"] = .string(bad) }
        },
        Mutation("I17", "an attempt starts after the cancel") { golden in
            // The commit of the start comes late; the process with it.
            let index = golden.transactions.firstIndex { transaction in
                transaction.operations.contains {
                    if case .set(let path, _, _) = $0 { path.hasSuffix("\(long)~x~0~1") } else { false }
                }
            }!
            var start = golden.transactions.remove(at: index)
            let before = golden.transactions.firstIndex {
                $0.operations.contains(.delete(path: "/root/assign/worker-3/\(long)~x~0~1"))
            }!
            start.zxid = golden.transactions[before].zxid - 1
            start.time = Golden.at("10:03:33.300")
            golden.transactions[before].time = Golden.at("10:03:33.320")
            golden.transactions.insert(start, at: before)
            for event in ["start", "term", "end"] {
                try golden.changeProbes("\(long)~x~0~1", event) {
                    $0["realtime_ns"] = milliseconds("10:03:33.310")
                }
            }
        },
        Mutation("I20", "a change is outside the lane") { golden in
            try golden.insert(
                [.create(path: "/root/outcomes/bad", data: [], isEphemeral: false)],
                at: "10:02:00.015",
                session: 0x11
            )
        },
        Mutation("I20", "an outbox entry is named after another commit") {
            try $0.rename("/root/outbox/2-2", "/root/outbox/2-902")
        },
        Mutation("I20", "a command has no time") { try $0.rewrite("/queue/command/", #""at":"#, #""on":"#) },
        Mutation("I20", "a run was stopped and nobody asked") { golden in
            // The request is for another run.
            let other = "long@20261124T100000Z.m7"
            try golden.rewrite("/queue/command/", long, other)
            golden.client = golden.client.map {
                $0["op"]?.string == "cancel" ? JSON(text: Golden.replaced($0.text, long, other))! : $0
            }
        },
    ]
}
