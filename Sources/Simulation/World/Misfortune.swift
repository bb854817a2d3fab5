/// Makes things go wrong, as the scenario says.
///
/// `@unchecked`: see `VirtualLoop`.
final class Misfortune: @unchecked Sendable {
    private unowned let world: World
    private var random: SeededRandom
    private var isOver = false

    init(world: World, random: SeededRandom) {
        self.world = world
        self.random = random
    }

    private var loop: VirtualLoop { world.loop }

    func begin() {
        let faults = world.scenario.faults
        for machine in world.machines {
            if faults.contains(.mishaps) { machine.mishapRate = random.pick([0.01, 0.05, 0.15]) }
            if faults.contains(.mirrorTrouble) { machine.mirrorTrouble = random.pick([0.05, 0.3]) }
            if faults.contains(.slowness) { machine.link.meanDelay = random.between(10, 300) * .millisecond }
        }
        if faults.contains(.lag) { world.ensemble.meanLag = random.between(50, 1500) * .millisecond }
        if !faults.isEmpty { plan() }
    }

    private func plan() {
        loop.after(random.between(.second / 5, world.scenario.faultInterval * 2)) { [self] in
            guard !isOver else { return }
            strike()
            plan()
        }
    }

    private func later(_ time: Int64, _ action: @escaping () -> Void) {
        loop.after(time) { [self] in if !isOver { action() } }
    }

    /// A time that is as often too short to matter as it is far too long.
    private func span() -> Int64 { random.between(.second / 5, world.scenario.sessionTimeout * 3) }

    private func strike() {
        let fault = random.pick(world.scenario.faults)
        let machine = random.pick(world.machines)
        let ensemble = world.ensemble
        switch fault {
        case .crash:
            machine.crash()
            let pause = random.chance(0.4) ? random.between(.second / 10, .second) : span()
            later(pause) { [world] in world.boot(machine) }
        case .machineLoss:
            machine.loseAll()
            later(span()) { [world] in world.boot(machine) }
        case .runnerDeath:
            world.trace.note("runner dies", machine.name)
            machine.runner.die()
        case .stop:
            world.trace.note("stop", machine.name)
            machine.life?.stop()
            later(span()) { [world] in world.boot(machine) }
        case .pause:
            guard let life = machine.life, !life.lane.isPaused else { return }
            world.trace.note("pause", life.name)
            life.lane.pause()
            later(span()) { [world] in
                world.trace.note("resume", life.name)
                life.lane.resume()
            }
        case .partition: cut(machine, span())
        case .swizzle:
            for machine in world.machines {
                later(random.between(0, 3 * .second)) { [self] in cut(machine, span()) }
            }
        case .expiry:
            // A session that is ended by fiat ends before its lease: what is exclusive is not promised then.
            guard !world.judge.holdsExclusive(machine.sessions) else { return }
            if let session = machine.sessions.last { ensemble.expire(session) }
        case .quorumLoss:
            ensemble.loseQuorum()
            later(span()) { ensemble.regainQuorum() }
        case .serverStop:
            let server = random.below(ensemble.servers.count)
            ensemble.stop(server: server)
            later(span()) { ensemble.start(server: server) }
        case .clockStep:
            let offset = random.pick([-3_600_000, -30_000, -1_500, 0, 0, 1_500, 30_000, 3_600_000])
            world.trace.note("clock", machine.name, details: "\(offset) ms")
            machine.clock.offset = Int64(offset)
        case .mirrorOutage:
            world.trace.note("mirror down")
            world.mirror.isDown = true
            later(span()) { [world] in world.mirror.isDown = false }
        case .mirrorEmptied:
            world.mirror.empty()
            world.judge.mirrorEmptied()
        case .mishaps, .slowness, .lag, .clockDrift, .mirrorTrouble, .misbehaviour:
            break  // these are there all the time
        }
    }

    private func cut(_ machine: Machine, _ time: Int64) {
        let kind = random.below(4)
        world.trace.note("cut", machine.name, details: "\(kind)")
        machine.link.cut(up: kind != 1, down: kind != 2)
        machine.isCutFromMirror = random.chance(0.5)
        later(time) { [world] in
            world.trace.note("joined", machine.name)
            machine.link.heal()
            machine.isCutFromMirror = false
        }
    }

    /// Everything is well from now on.
    func heal() {
        isOver = true
        for machine in world.machines {
            machine.mishapRate = 0
            machine.mirrorTrouble = 0
            machine.isCutFromMirror = false
            machine.clock.offset = 0
            machine.link.meanDelay = world.scenario.meanDelay
            machine.link.heal()
            machine.life?.lane.resume()
        }
        world.mirror.isDown = false
        world.ensemble.meanLag = 1_000_000
        for index in world.ensemble.servers.indices { world.ensemble.start(server: index) }
        world.ensemble.regainQuorum()
    }
}
