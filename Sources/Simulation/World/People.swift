import Cron
import Node
import Scheduling

/// What people do with the cluster: submit, change, delete, run, stop, pause; and ask again when no answer comes.
///
/// `@unchecked`: see `VirtualLoop`.
final class People: @unchecked Sendable {
    private unowned let world: World
    private var random: SeededRandom
    private var isResting = false
    /// Jobs that somebody was told are there, with what was last accepted of them.
    private(set) var known: [JobName: JobDefinition] = [:]
    /// Jobs that somebody may have deleted.
    private var unsure: Set<JobName> = []
    /// Runs that somebody was told of, by the key of the request.
    private(set) var accepted: [String: RunID] = [:]
    private var requests = 0

    init(world: World, random: SeededRandom) {
        self.world = world
        self.random = random
    }

    private var loop: VirtualLoop { world.loop }

    /// Jobs that must be there at the end.
    var certain: [JobName] { known.keys.filter { !unsure.contains($0) }.sorted() }

    func begin() {
        for number in 1...world.scenario.jobs {
            later(random.between(2, 8) * .second) { [self] in await submit(Workload.name(number)) }
        }
        next()
    }

    private func later(_ time: Int64, _ action: @escaping @Sendable () async -> Void) {
        loop.after(time) { [self] in
            world.spawn(action)
        }
    }

    private func next() {
        loop.after(random.between(.second / 10, world.scenario.requestInterval * 2)) { [self] in
            guard !isResting else { return }
            let draw = random.below(100)
            world.spawn { await self.act(draw) }
            next()
        }
    }

    private func act(_ draw: Int) async {
        let name = Workload.name(1 + random.below(world.scenario.jobs))
        switch draw {
        case 0..<12: await submit(name)
        case 12..<26: await edit(name)
        case 26..<32: await delete(name)
        case 32..<56: await run(name)
        // Several at once: their runs have the same logical time.
        case 56..<60: for _ in 0..<random.between(2, 5) { world.spawn { await self.run(name) } }
        case 60..<85: await actOnRun()
        case 85..<90: await repeatRun()
        case 90..<94: await pauseCluster()
        default: await drain()
        }
    }

    /// Asks one node after the other until one answers, a few times.
    private func ask<Value: Sendable>(
        tries: Int = 3,
        _ body: @escaping @Sendable (NodeOperations) async throws -> Value
    ) async -> (answer: Result<Value, OperationError>?, isFirst: Bool) {
        for number in 0..<tries where !Task.isCancelled {
            guard let machine = pick() else { break }
            let answer = await world.ask(machine, body)
            switch answer {
            case .success?: return (answer, number == 0)
            case .failure(let error)?:
                switch error.kind {
                case .unavailable, .unknownOutcome: break
                default: return (answer, number == 0)
                }
            case nil: break
            }
            await pause(random.between(.second / 10, 2 * .second))
        }
        return (nil, false)
    }

    private func pick() -> Machine? {
        let asked = world.asked
        return asked.isEmpty ? nil : random.pick(asked)
    }

    private func pause(_ time: Int64) async {
        do {
            // Virtual time: the loop wakes it.
            try await loop.world.sleep(time)
        } catch {
            return  // the world ends
        }
    }

    private func requestID() -> String {
        requests += 1
        return "request-\(requests)"
    }

    // MARK: Jobs

    private func submit(_ name: JobName) async {
        let upstreams = known.keys.filter { $0 < name }.sorted()
        let definition = Workload.definition(name, at: world.judge.second, upstreams: upstreams, &random)
        unsure.insert(name)
        let wasKnown = known[name] != nil
        let (answer, _) = await ask { try await $0.createJob(definition) }
        guard case .success(let view)? = answer else { return }
        world.trace.note("submitted", name.description, details: "v\(view.version) on \(view.worker)")
        if !wasKnown { unsure.remove(name) }
        known[name] = definition
    }

    private func edit(_ name: JobName) async {
        guard known[name] != nil else { return }
        let wanted = Workload.definition(
            name,
            at: world.judge.second,
            upstreams: known.keys.filter { $0 < name }.sorted(),
            &random
        )
        let (answer, _) = await ask { try await $0.replaceJob(wanted, ifVersion: nil).0 }
        if case .success? = answer {
            world.trace.note("edited", name.description)
            known[name] = wanted
        }
    }

    private func delete(_ name: JobName) async {
        guard known[name] != nil else { return }
        unsure.insert(name)
        let (answer, _) = await ask { try await $0.deleteJob(name, ifVersion: nil) }
        if case .success? = answer {
            world.trace.note("deleted", name.description)
            known[name] = nil
        }
    }

    // MARK: Runs

    private func run(_ name: JobName) async {
        let key = requestID()
        let request = RunRequest(job: name, requestID: key)
        let (answer, _) = await ask { try await $0.createRun(request) }
        if case .success(let (view, _))? = answer { accept(key, view.id) }
        // A client that is not sure asks again, on another node perhaps.
        guard answer == nil || random.chance(0.2) else { return }
        await pause(random.between(.second / 10, 5 * .second))
        let (again, _) = await ask { try await $0.createRun(request) }
        if case .success(let (view, _))? = again { accept(key, view.id) }
    }

    private func accept(_ key: String, _ run: RunID) {
        world.trace.note("accepted", run.description, details: key)
        if let before = accepted[key], before != run {
            world.judge.violate(.names, "\(key) is said to be \(before), and then \(run)")
        }
        accepted[key] = run
    }

    private func actOnRun() async {
        let open = world.judge.open.sorted()
        guard !open.isEmpty else { return }
        let run = random.pick(open)
        let action = random.pick([RunAction.cancel, .cancel, .kill, .pause, .resume])
        let (answer, _) = await ask(tries: 2) { try await $0.act(action, on: run, reason: nil) }
        if case .success? = answer { world.trace.note("acted", run.description, details: "\(action)") }
    }

    private func repeatRun() async {
        let over = world.judge.finals.keys.sorted()
        guard !over.isEmpty else { return }
        let (run, onlyFailed) = (random.pick(over), random.chance(0.5))
        let key = requestID()
        let (answer, _) = await ask {
            try await $0.repeatRun(run, onlyFailed: onlyFailed, requestID: key, traceID: nil)
        }
        if case .success(let (view, _))? = answer { accept(key, view.id) }
    }

    // MARK: The cluster

    private func pauseCluster() async {
        _ = await ask { try await $0.setPaused(true, reason: nil) }
        await pause(random.between(1, 10) * .second)
        _ = await ask { try await $0.setPaused(false, reason: nil) }
    }

    private func drain() async {
        guard let worker = world.judge.registrations.keys.sorted().first(where: { _ in random.chance(0.4) })
        else {
            return
        }
        _ = await ask { try await $0.setDraining(worker, true) }
        await pause(random.between(2, 15) * .second)
        _ = await ask { try await $0.setDraining(worker, false) }
    }

    // MARK: After the healing

    /// Nothing new is asked for; what was paused is let go, again and again until it is.
    func rest() {
        isResting = true
        world.spawn { await self.letGo() }
    }

    private func letGo() async {
        while !Task.isCancelled {
            await pause(2 * .second)
            let workers = world.judge.registrations.filter(\.value.isDraining).keys.sorted()
            _ = await ask(tries: 1) { operations in
                guard try await operations.cluster().isPaused else { return }
                try await operations.setPaused(false, reason: nil)
            }
            for worker in workers { _ = await ask(tries: 1) { try await $0.setDraining(worker, false) } }
            // What was due before its job came after others waits for what may never be.
            for run in world.judge.waitingForOthers.sorted() {
                _ = await ask(tries: 1) { try await $0.act(.cancel, on: run, reason: nil) }
            }
            for run in world.judge.paused.sorted() {
                _ = await ask(tries: 1) { try await $0.act(.resume, on: run, reason: nil) }
            }
        }
    }

    /// Takes the schedules out of all jobs, so that everything can come to its end.
    func endSchedules() {
        for job in world.judge.jobs {
            world.spawn {
                while !Task.isCancelled {
                    guard let epoch = self.world.judge.epochs[job], !epoch.due.isEmpty else { return }
                    var definition = epoch.definition
                    definition.schedule = nil
                    let wanted = definition
                    _ = await self.ask(tries: 1) { try await $0.replaceJob(wanted, ifVersion: nil).0 }
                    await self.pause(.second)
                }
            }
        }
    }
}
