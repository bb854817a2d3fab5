import Foundation
import ServerFixtures
import Testing

extension ClusterSuite {
    @Suite struct FailoverTests {
        @Test(.timeLimit(.minutes(2)), arguments: [5, 40, 120])
        func aFlowOutlivesTheKilledLeader(_ finished: Int) async throws {
            try await TestCluster.with { cluster, nodes in
                let file = "\(cluster.directory)/flow.txt"
                var yaml = "version: 1\nname: big\ntasks:\n"
                // Ten layers of twenty; a layer waits for two of the one before.
                for number in 0..<200 {
                    let (layer, place) = (number / 20, number % 20)
                    let needs =
                        layer == 0
                        ? "" : ", needs: [t\(number - 20), t\((layer - 1) * 20 + (place + 1) % 20)]"
                    yaml +=
                        "  - {id: t\(number), run: 'sleep 0.1; echo \"$SKYFIRE_TASK $SKYFIRE_ATTEMPT\" >> \(file)'\(needs)}\n"
                }
                let leader = try await leader(of: nodes)
                let others = nodes.filter { $0.worker != leader.worker }
                let run = try await others[0].api.addJobAndRun(yaml)
                let before = try await eventually("\(finished) finished tasks", within: .seconds(40)) {
                    let tasks = try await others[0].api.get("/v1/runs/\(run)/tasks")["items"].list
                    let done = tasks.filter { $0["state"].string == "succeeded" }
                    return done.count >= finished ? done : nil
                }
                #expect(before.count < 200, "the leader was killed too late")
                leader.kill()
                let ended = try await others[1].api.ended(run, within: .seconds(60))
                #expect(ended["state"].string == "succeeded", "\(ended)")
                #expect(ended["tasks"]["by_state"]["succeeded"].int == 200)
                let lines = Files.lines(file)
                #expect(Set(lines).count == lines.count, "no attempt ran twice")
                #expect(
                    Set(lines.compactMap { $0.split(separator: " ").first }).count == 200,
                    "none was lost"
                )
                for task in before {
                    let id = task["id"].string
                    #expect(
                        lines.filter { $0.hasPrefix("\(id) ") } == ["\(id) 1"],
                        "its finish was committed"
                    )
                }
                for task in try await others[0].api.get("/v1/runs/\(run)/tasks")["items"].list {
                    for attempt in task["attempts"].list.dropLast() {
                        #expect(
                            attempt["worker"].string == leader.worker,
                            "only the dead node's attempts are repeated"
                        )
                        #expect(attempt["state"].string == "lost")
                    }
                }
                try await eventually("another leader") {
                    let leader = try await others[0].api.get("/v1/cluster")["leader"].string
                    return others.contains { $0.worker == leader }
                }
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: [false, true])
        func thirtyCronJobsOutliveTheirKilledOwner(_ isLeader: Bool) async throws {
            try await TestCluster.with { cluster, nodes in
                let leader = try await leader(of: nodes)
                let victim = try #require(nodes.last { ($0.worker == leader.worker) == isLeader })
                let api = try #require(nodes.first { $0.worker != victim.worker }).api
                let file = "\(cluster.directory)/ticks.txt"
                var owned: [String] = []
                for number in 0..<90 {
                    let job = try await api.addJob(
                        "{version: 1, name: cron.j\(number), tasks: [{id: t, type: noop}]}"
                    )
                    if job["worker"].string == victim.worker { owned.append("cron.j\(number)") }
                }
                #expect((29...31).contains(owned.count))
                // The first three leave marks, the others cost no process each second.
                for (place, name) in owned.enumerated() {
                    var yaml = EverySecond.job(name, file: file)
                    if place >= 3, let tasks = yaml.range(of: "tasks:") {
                        yaml = yaml[..<tasks.lowerBound] + "tasks: [{id: t, type: noop}]\n"
                    }
                    let answer = try await api.send(
                        "PUT",
                        "/v1/jobs/\(name)",
                        body: yaml,
                        type: "application/yaml"
                    )
                    try #require(answer.status == 200, "\(answer.text)")
                    #expect(answer.json["worker"].string == victim.worker, "an edit keeps the owner")
                }
                try await eventually("runs of all jobs") {
                    Set(try await api.items("/v1/runs?state=succeeded").map(\.["job"].string)).isSuperset(
                        of: owned
                    )
                }
                let killedAt = Int(Date().timeIntervalSince1970)
                victim.kill()
                try await eventually("new owners for all", within: .seconds(40)) {
                    try await cluster.names("jobs").allSatisfy { $0 != victim.worker }
                }
                for name in owned {
                    #expect(try await api.get("/v1/jobs/\(name)")["worker"].string != victim.worker)
                }
                let movedAt = Int(Date().timeIntervalSince1970)
                for name in owned {
                    let runs = try await eventually("runs of \(name) up to the move", within: .seconds(40)) {
                        let runs = try await api.items("/v1/runs?job=\(name)")
                        let done = try EverySecond.seconds(runs, where: EverySecond.isAccounted)
                        let due = try EverySecond.seconds(runs).filter { $0 <= movedAt + 1 }
                        return (done.last ?? 0) > movedAt && Set(due).isSubset(of: done) ? runs : nil
                    }
                    let seconds = try EverySecond.seconds(runs)
                    #expect((seconds.first ?? .max) <= killedAt, "\(name)")
                    #expect(EverySecond.flaws(seconds).isEmpty, "\(name)")
                }
                let lines = Files.lines(file)
                #expect(Set(lines).count == lines.count, "no attempt ran twice")
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: [false, true])
        func aFrozenNodeIsReplacedAndComesBack(_ isLeader: Bool) async throws {
            try await TestCluster.with { cluster, nodes in
                let leader = try await leader(of: nodes)
                let frozen = try #require(nodes.last { ($0.worker == leader.worker) == isLeader })
                let others = nodes.filter { $0.worker != frozen.worker }
                let file = "\(cluster.directory)/ticks.txt"
                var names: [String] = []
                for number in 0..<6 {
                    let name = "tick.j\(number)"
                    let job = try await others[0].api.addJob(EverySecond.job(name, file: file))
                    if job["worker"].string == frozen.worker { names.append(name) }
                }
                try #require(!names.isEmpty)
                let term = try await others[0].api.get("/v1/cluster")["term"].int
                try await eventually("first ticks") {
                    Set(Files.lines(file).map { $0.prefix { $0 != "@" } }).count == 6
                }
                frozen.child.suspend()
                try await eventually("new owners for all", within: .seconds(40)) {
                    try await cluster.names("jobs").allSatisfy { $0 != frozen.worker }
                }
                frozen.child.resume()
                try await eventually("the node is back", within: .seconds(30)) {
                    let workers = try await others[0].api.get("/v1/workers")["items"].list
                    return workers.count == 3 && workers.filter { $0["is_leader"].isTrue }.count == 1
                }
                let back = Int(Date().timeIntervalSince1970)
                for name in names {
                    let runs = try await eventually("five more runs of \(name)", within: .seconds(40)) {
                        let runs = try await frozen.api.items("/v1/runs?job=\(name)")
                        let done = try EverySecond.seconds(runs, where: EverySecond.isAccounted)
                        let due = try EverySecond.seconds(runs).filter { $0 <= back + 5 }
                        return (done.last ?? 0) > back + 5 && Set(due).isSubset(of: done) ? runs : nil
                    }
                    #expect(EverySecond.flaws(try EverySecond.seconds(runs)).isEmpty, "\(name)")
                }
                let lines = Files.lines(file)
                #expect(Set(lines).count == lines.count, "no attempt ran twice")
                let views = try await [nodes[0], nodes[1], nodes[2]].asyncMap {
                    try await $0.api.get("/v1/cluster")
                }
                #expect(Set(views.map(\.["leader"])).count == 1, "all agree")
                #expect(isLeader ? views[0]["term"].int > term : views[0]["term"].int == term)
            }
        }

        @Test(.timeLimit(.minutes(2))) func oneOfThreeZooKeeperServersIsNotMissed() async throws {
            let zookeepers = try await ZooKeeperServer.ensemble(of: 3)
            defer { for server in zookeepers { server.stop() } }
            try await TestCluster.with(zookeepers: zookeepers) { cluster, nodes in
                let file = "\(cluster.directory)/tick.txt"
                try await nodes[0].api.addJob(EverySecond.job("tick", file: file))
                try await eventually("the first runs") { Files.lines(file).count >= 2 }
                let before = try await nodes[0].api.get("/v1/cluster")
                let leader = try #require(
                    zookeepers.first { $0.ask("srvr")?.contains("Mode: leader") == true }
                )
                leader.kill()
                let lines = Files.lines(file).count
                try await eventually("six more runs") { Files.lines(file).count >= lines + 6 }
                for (number, node) in nodes.enumerated() {
                    let run = try await node.api.addJobAndRun(
                        "{version: 1, name: still.n\(number), tasks: [{id: t, run: echo}]}"
                    )
                    #expect(try await node.api.ended(run)["state"].string == "succeeded")
                    let cluster = try await node.api.get("/v1/cluster")
                    #expect(cluster["term"] == before["term"], "the same reign")
                    #expect(cluster["leader"] == before["leader"])
                    #expect(cluster["workers"].int == 3)
                }
                let runs = try await nodes[1].api.items("/v1/runs?job=tick")
                #expect(EverySecond.flaws(try EverySecond.seconds(runs)).isEmpty)
                let marks = Files.lines(file)
                #expect(Set(marks).count == marks.count)
                #expect(marks.allSatisfy { $0.hasSuffix(" 1") })
            }
        }
    }
}

extension Array where Element: Sendable {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}

/// The node that leads.
func leader(of nodes: [ProductProcess]) async throws -> ProductProcess {
    try await eventually("a leader") {
        let name = try await nodes[0].api.get("/v1/cluster")["leader"].string
        return nodes.first { $0.worker == name }
    }
}
