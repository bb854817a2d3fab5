import Cron
import Mirror
import Scheduling
import Testing

/// What both mirrors must do.
@Suite struct MirrorStoreConformanceTests {
    @Test(arguments: MirrorBackend.allCases)
    func keepsARunWithItsTasks(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let id = try runID("etl.load-2", minute: 5, suffix: "m12")
            let tasks = [
                TaskSummary(
                    id: try TaskID("clean"),
                    needs: [try TaskID("fetch")],
                    partitions: TaskDefinition.Partitions(list: ["a", "b"]),
                    states: "rw"
                )
            ]
            try await mirror.write([batch(1, 1, .run(runView(id), tasks: tasks))])
            #expect(try await mirror.run(id) == MirroredRun(run: runView(id), tasks: tasks))
            #expect(try await mirror.run(runID("other")) == nil)
            #expect(try await mirror.runs(RunQuery()).items == [runView(id)])
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func keepsAttemptsInOrder(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let views = [
                try attemptView(task: "a", partition: 2, n: 1),
                try attemptView(task: "a", partition: 10, n: 1),
                try attemptView(task: "a", partition: 10, n: 2),
                try attemptView(task: "b", n: 1, state: "lost"),
            ]
            let records = try views.reversed().map { MirrorRecord.attempt(run: try runID(), $0) }
            try await mirror.write([MirrorBatch(version: version(1, 1), records: records)])
            #expect(try await mirror.attempts(of: runID()) == views)
            #expect(try await mirror.attempts(of: runID(minute: 1)).isEmpty)
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func keepsJobsUntilTheyAreDeleted(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let name = try JobName("hello")
            try await mirror.write([batch(1, 1, .job(try jobView("hello")))])
            #expect(try await mirror.job(name) == jobView("hello"))
            try await mirror.write([batch(1, 2, .jobDeleted(name))])
            #expect(try await mirror.job(name) == nil)
            #expect(try await mirror.jobs(prefix: nil, cursor: nil, limit: 10).items.isEmpty)
            // A late record of the deleted job, then a new one of the same name.
            try await mirror.write([batch(1, 1, .job(try jobView("hello")))])
            #expect(try await mirror.job(name) == nil)
            try await mirror.write([batch(1, 3, .job(try jobView("hello", version: 2)))])
            #expect(try await mirror.job(name)?.version == 2)
            #expect(try await mirror.jobs(prefix: nil, cursor: nil, limit: 10).items.count == 1)
        }
    }

    @Test(
        arguments: MirrorBackend.allCases,
        [(version(2, 7), version(2, 6)), (version(2, 1), version(1, 99)), (version(1, 100), version(1, 99))]
    )
    func refusesOlderRecords(
        _ backend: MirrorBackend,
        versions: (held: MirrorVersion, late: MirrorVersion)
    ) async throws {
        try await backend.withMirror { mirror in
            let id = try runID()
            let now = MirrorBatch(
                version: versions.held,
                records: [
                    run(id, state: .queued, priority: 2),
                    .attempt(run: id, try attemptView(state: "running")),
                    .job(try jobView("hello", version: 2)),
                ]
            )
            let late = MirrorBatch(
                version: versions.late,
                records: [
                    run(id, state: .running, priority: 1),
                    .attempt(run: id, try attemptView(state: "assigned")),
                    .job(try jobView("hello", version: 1)),
                ]
            )
            try await mirror.write([now, late])
            #expect(try await mirror.run(id)?.run.priority == 2)
            #expect(try await mirror.attempts(of: id).map(\.state) == ["running"])
            #expect(try await mirror.job(id.job)?.version == 2)
            #expect(try await mirror.listedStates(of: id) == [.queued, .queued])
            // A late deletion is refused as well.
            try await mirror.write([MirrorBatch(version: versions.late, records: [.jobDeleted(id.job)])])
            #expect(try await mirror.job(id.job)?.version == 2)
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func appliesAnEqualVersionAgainWithoutHarm(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let id = try runID()
            // One commit may speak of a run twice; sent again, it leaves the same.
            let batch = batch(
                3,
                4,
                run(id, state: .running),
                .attempt(run: id, try attemptView(state: "running")),
                run(id, state: .failed),
                .attempt(run: id, try attemptView(state: "failed", exitCode: 2))
            )
            try await mirror.write([batch, batch])
            try await mirror.write([batch])
            #expect(try await mirror.run(id)?.run.state == .failed)
            #expect(try await mirror.attempts(of: id) == [attemptView(state: "failed", exitCode: 2)])
            #expect(try await mirror.listedStates(of: id) == [.failed, .failed])
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func aLaterCommitReopensAnEndedRun(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let id = try runID()
            try await mirror.write([
                batch(1, 9, run(id, state: .failed)), batch(1, 8, run(id, state: .running)),
            ])
            #expect(try await mirror.run(id)?.run.state == .failed)
            try await mirror.write([batch(1, 10, run(id, state: .running))])
            #expect(try await mirror.run(id)?.run.state == .running)
            #expect(try await mirror.listedStates(of: id) == [.running, .running])
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func movesARunBetweenTheListsOfStates(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let id = try runID()
            for (commit, state) in [RunState.queued, .running, .paused, .running, .killing, .cancelled]
                .enumerated()
            {
                try await mirror.write([batch(1, commit, run(id, state: state))])
                #expect(try await mirror.listedStates(of: id) == [state, state])
            }
            #expect(try await mirror.allRuns(RunQuery()).count == 1)
        }
    }

    /// Late and repeated writes of two leaders in any order leave what the order of commits would have left.
    @Test(arguments: MirrorBackend.allCases)
    func anyOrderOfWritesEndsTheSame(_ backend: MirrorBackend) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var last: [RunID: RunState] = [:]
        var batches: [MirrorBatch] = []
        for commit in 0..<400 {
            let id = try runID("job\(Int.random(in: 0..<10, using: &random))")
            let state = RunState.allCases.randomElement(using: &random) ?? .running
            batches.append(batch(commit / 150, commit, run(id, state: state, priority: commit % 100)))
            last[id] = state
        }
        let shuffled = (batches + batches).shuffled(using: &random)
        try await backend.withMirror { mirror in
            try await withThrowingTaskGroup { group in
                for part in 0..<8 {
                    group.addTask { try await mirror.write(Array(shuffled[part * 100..<(part + 1) * 100])) }
                }
                try await group.waitForAll()
            }
            let runs = try await mirror.allRuns(RunQuery())
            #expect(Dictionary(uniqueKeysWithValues: runs.map { ($0.id, $0.state) }) == last, "seed \(seed)")
            for (id, state) in last {
                #expect(try await mirror.listedStates(of: id) == [state, state], "seed \(seed)")
            }
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func listsAThousandRunsPageByPage(_ backend: MirrorBackend) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        // Names whose order differs with the separator that follows them; few minutes, so that times are shared.
        let jobs = ["a", "a-b", "a_b", "a0", "p.a", "B"]
        let suffixes = ["", "m1", "m2", "m10", "r1"]
        var views: [RunID: RunView] = [:]
        while views.count < 1000 {
            let id = try runID(
                jobs.randomElement(using: &random) ?? "a",
                minute: Int.random(in: 0..<60, using: &random),
                suffix: suffixes.randomElement(using: &random) ?? ""
            )
            views[id] = runView(id, state: RunState.allCases.randomElement(using: &random) ?? .failed)
        }
        let model = views.values.sorted {
            ($0.logicalTime.milliseconds, $0.id.description) > (
                $1.logicalTime.milliseconds, $1.id.description
            )
        }
        let records = views.values.map { MirrorRecord.run($0, tasks: []) }
        let since = WallTime(milliseconds: (newYear + 30 * 60) * 1000)
        let queries = [
            RunQuery(limit: 37), RunQuery(limit: 1000), RunQuery(job: try JobName("a"), limit: 7),
            RunQuery(states: [.failed], limit: 10),
            RunQuery(states: [.failed, .running, .queued], limit: 11),
            RunQuery(job: try JobName("a-b"), states: [.failed, .killed], limit: 3),
            RunQuery(since: since, limit: 33),
            RunQuery(since: since + 1, limit: 33),
            RunQuery(job: try JobName("p.a"), states: [.succeeded], since: since, limit: 2),
            RunQuery(job: try JobName("none")),
        ]
        try await backend.withMirror { mirror in
            try await mirror.write([MirrorBatch(version: version(1, 1), records: records)])
            for query in queries {
                let wanted = model.filter { view in
                    (query.job == nil || view.job == query.job)
                        && (query.states.isEmpty || query.states.contains(view.state))
                        && query.since.map { view.logicalTime >= $0 } ?? true
                }
                #expect(
                    try await mirror.allRuns(query).map(\.id) == wanted.map(\.id),
                    "seed \(seed), \(query)"
                )
            }
            let first = try await mirror.runs(RunQuery(limit: 37))
            #expect(first.items.count == 37)
            await #expect(throws: MirrorError.self) { try await mirror.runs(RunQuery(cursor: "page 2")) }
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func listsJobsByName(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let names = ["A", "a", "a-1", "a.b", "a_1", "ab", "b", "etl.load", "etl.save", "etlx"]
            try await mirror.write([
                MirrorBatch(
                    version: version(1, 1),
                    records: try names.reversed().map { .job(try jobView($0)) }
                )
            ])
            func list(_ prefix: String?, limit: Int) async throws -> [String] {
                var found: [String] = []
                var cursor: String?
                repeat {
                    let page = try await mirror.jobs(prefix: prefix, cursor: cursor, limit: limit)
                    #expect(page.items.count <= limit)
                    found += page.items.map(\.name.description)
                    cursor = page.nextCursor
                } while cursor != nil
                return found
            }
            #expect(try await list(nil, limit: 3) == names.sorted())
            #expect(try await list("a", limit: 2) == ["a", "a-1", "a.b", "a_1", "ab"])
            #expect(try await list("etl.", limit: 1) == ["etl.load", "etl.save"])
            #expect(try await list("zz", limit: 5).isEmpty)
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func tellsEventsAfterAnID(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            let id = try runID()
            let first = batch(1, 1, run(id, state: .queued))
            // What is refused or says nothing new is no event.
            try await mirror.write([first, first, batch(0, 5, run(id, state: .running))])
            try await mirror.write([
                batch(1, 2, .attempt(run: id, try attemptView()), .job(try jobView("hello")))
            ])
            try await mirror.write([batch(1, 3, .jobDeleted(id.job))])
            var events: [MirrorEvent] = []
            for await event in mirror.events(after: backend.idBeforeEvents) {
                events.append(event)
                if events.count == 4 { break }
            }
            #expect(events.map(\.topic) == ["run", "attempt", "job", "job"])
            #expect(events[0].data.contains(#""state":"queued""#))
            #expect(events[1].data.hasPrefix(#"{"run":"hello@20260101T000000Z",""#))
            #expect(events[2].data == #"{"deleted":false,"name":"hello","version":1,"worker":"worker-1"}"#)
            #expect(events[3].data == #"{"deleted":true,"name":"hello"}"#)
            var rest = mirror.events(after: events[1].id).makeAsyncIterator()
            #expect(await rest.next() == events[2])
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func tellsEventsAsTheyHappen(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            try await mirror.write([batch(1, 0, run(try runID("before")))])
            let id = try runID()
            let seen = try await withThrowingTaskGroup(of: [MirrorEvent].self) { group in
                group.addTask {
                    var events: [MirrorEvent] = []
                    for await event in mirror.events(after: nil) {
                        events.append(event)
                        if events.count == 20 { break }
                    }
                    return events
                }
                // When the listener listens is not known: there is something new until it has heard enough.
                group.addTask {
                    var commit = 0
                    while !Task.isCancelled {
                        commit += 1
                        try await mirror.write([batch(1, commit, run(id, priority: commit))])
                    }
                    return []
                }
                let events = try await group.next() ?? []
                group.cancelAll()
                while await group.nextResult() != nil {}
                return events
            }
            #expect(seen.count == 20)
            #expect(seen.allSatisfy { $0.data.contains(#""hello@20260101T000000Z""#) })
            #expect(Set(seen.map(\.id)).count == 20)
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func endsStreamsOfEventsWhenClosed(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            try await mirror.write([batch(1, 1, run(try runID()))])
            let (heard, hear) = AsyncStream.makeStream(of: Void.self)
            async let count = {
                var count = 0
                for await _ in mirror.events(after: backend.idBeforeEvents) {
                    count += 1
                    hear.finish()
                }
                return count
            }()
            for await _ in heard {}
            await mirror.close()
            #expect(await count == 1)
            await #expect(throws: MirrorError.self) { try await mirror.run(runID()) }
            #expect(await mirror.health()?.contains("closed") == true)
        }
    }

    @Test(arguments: MirrorBackend.allCases)
    func isHealthyWhenItTakesWrites(_ backend: MirrorBackend) async throws {
        try await backend.withMirror { mirror in
            #expect(await mirror.health() == nil)
        }
    }
}
