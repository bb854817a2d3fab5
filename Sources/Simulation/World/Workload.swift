import Cron
import Scheduling

/// Draws definitions of jobs.
struct Workload {
    static func name(_ number: Int) -> JobName { made { try JobName("job\(number)") } }

    /// Reads a name; `nil` where it is none.
    static func jobName(_ text: String) -> JobName? {
        do {
            return try JobName(text)
        } catch {
            return nil
        }
    }

    /// A definition by a number of its kind. `upstreams` are jobs that it may come after.
    static func definition(
        _ name: JobName,
        at second: Int64,
        upstreams: [JobName],
        _ random: inout SeededRandom
    ) -> JobDefinition {
        var definition = JobDefinition(name: name, tasks: [])
        definition.overlap = random.pick([nil, .skip, .allowAll])
        definition.misfire = Misfire(
            policy: random.pick([.skip, .runOnce, .runAll]),
            window: random.pick([nil, DurationValue(milliseconds: 20_000)])
        )
        definition.priority = random.pick([nil, 10, 90])
        // A new version, or a namesake, may have a schedule where the one before came after others, and the other way round.
        guard random.chance(0.7) else {
            if !upstreams.isEmpty {
                definition.after = Set((0..<random.pick([1, 2])).map { _ in random.pick(upstreams) }).sorted()
                    .map { Upstream(job: $0) }
            }
            definition.tasks = [task("main", &random)]
            return definition
        }
        switch random.below(5) {
        case 0:
            definition.schedule = [every(random.between(2, 12))]
            definition.tasks = [task("main", &random)]
        case 1:
            var trigger = TriggerDefinition(
                cron: "*/\(random.pick([4, 5, 7, 10, 20])) * * * * *",
                zone: "UTC"
            )
            trigger.seconds = true
            definition.schedule = [trigger]
            if random.chance(0.3) { definition.schedule?.append(every(random.between(3, 9))) }
            definition.tasks = [task("main", &random)]
        case 2:
            let time = UnixTime(seconds: second + random.between(1, 40))
            definition.schedule = [TriggerDefinition(at: time.rfc3339), every(random.between(10, 20))]
            definition.tasks = [task("main", &random)]
        case 3:
            if random.chance(0.5) { definition.schedule = [every(random.between(6, 20))] }
            definition.tasks = flow(&random)
        default:
            definition.schedule = [every(random.between(4, 15))]
            var main = task("main", &random)
            main.exclusive = true
            main.env = ["PROFILE": random.pick(["slow", "long"])]
            main.onLost = random.pick([nil, .rerun, .fail, .hold])
            if random.chance(0.3) { main.partitions = .init(count: 2) }
            definition.tasks = [main]
        }
        return definition
    }

    private static func every(_ seconds: Int64) -> TriggerDefinition {
        TriggerDefinition(every: DurationValue(milliseconds: seconds * 1000))
    }

    private static func made<Value>(_ make: () throws -> Value) -> Value {
        do {
            return try make()
        } catch {
            preconditionFailure("the workload makes a name that is none: \(error)")
        }
    }

    private static func task(_ id: String, _ random: inout SeededRandom) -> TaskDefinition {
        var task = TaskDefinition(id: made { try TaskID(id) }, run: .argv(["work"]))
        task.env = ["PROFILE": random.pick(["quick", "quick", "slow", "flaky", "long"])]
        if random.chance(0.4) {
            task.retry = .init(
                max: Int(random.between(1, 3)),
                backoff: .init(kind: .constant, initial: DurationValue(milliseconds: 500))
            )
        }
        if random.chance(0.4) { task.timeout = DurationValue(milliseconds: random.between(2, 20) * 1000) }
        if random.chance(0.3) {
            task.kill = .init(grace: DurationValue(milliseconds: random.between(100, 3000)))
        }
        task.onLost = random.pick([nil, nil, .fail, .hold])
        return task
    }

    private static func flow(_ random: inout SeededRandom) -> [TaskDefinition] {
        var tasks: [TaskDefinition] = []
        for number in 0..<random.between(2, 5) {
            var next = task("t\(number)", &random)
            next.env = ["PROFILE": random.pick(["quick", "quick", "flaky", "slow"])]
            if !tasks.isEmpty {
                let needs = tasks.map(\.id).filter { _ in random.chance(0.5) }
                if !needs.isEmpty { next.needs = needs }
                next.when = random.pick([nil, nil, .allDone, .noneFailed, .anySuccess])
            }
            if random.chance(0.3) {
                next.partitions = .init(count: Int(random.between(2, 4)))
                if random.chance(0.5) { next.partitions?.maxParallel = 2 }
                if random.chance(0.5) { next.partitions?.onFailure = .continue }
            }
            tasks.append(next)
        }
        return tasks
    }
}
