import Coordination
import Cron
import Node
import Scheduling
import Synchronization
import Testing
import ZnodeStore

@Suite(.timeLimit(.minutes(1))) struct TriggerBoundTests {
    /// A queue as the timers hear of it.
    private final class Permission: FiringPermission {
        private let state: Mutex<(room: Int, queued: Int, asked: Int)>

        init(room: Int) { state = Mutex((room, 0, 0)) }

        var firingHold: String? {
            state.withLock { state in
                state.asked += 1
                return state.room > 0 ? nil : "the queue is full"
            }
        }
        /// How often something was due and was to be fired.
        var askedCount: Int { state.withLock { $0.asked } }
        var queueRoom: Int { state.withLock { $0.room } }
        var queuedCount: Int { state.withLock { $0.queued } }
        func queued(_ count: Int) {
            state.withLock { state in
                state.room = max(0, state.room - count)
                state.queued += count
            }
        }
        func empty() { state.withLock { $0.room = 1_000_000 } }
    }

    private static func add(_ count: Int, _ bench: Bench, _ misfire: Misfire) async throws {
        let worker = WorkerID(number: 1)
        let now = bench.clock.time.now()
        try await bench.register(worker)
        for number in 0..<count {
            var definition = JobDefinition(
                name: try JobName("j\(number)"),
                tasks: [TaskDefinition(id: try TaskID("t"), run: .argv(["true"]))]
            )
            definition.schedule = [TriggerDefinition(every: DurationValue(milliseconds: 10_000))]
            definition.misfire = misfire
            try await bench.submit(definition, owner: worker, at: now)
        }
    }

    private static func service(_ bench: Bench, _ permission: Permission) -> TriggerService {
        TriggerService(
            worker: WorkerID(number: 1),
            session: bench.session,
            layout: bench.layout,
            zones: TimeZoneDatabase(),
            permission: permission,
            time: bench.clock.time,
            logger: bench.logger
        )
    }

    @Test func nothingFiresAtTheBoundAndTheMisfirePolicyDecidesAfterwards() async throws {
        let bench = try await Bench()
        try await Self.add(1, bench, Misfire(policy: .skip))
        let permission = Permission(room: 1)
        let service = Self.service(bench, permission)
        let fired = bench.layout.fired(try JobName("j0"))
        try await bench.with({ try await service.run() }) {
            // One run fills the queue; from then on the job is known to be owned.
            bench.clock.forward(milliseconds: 10_500)
            try await bench.eventually("a run") { permission.queuedCount == 1 }
            let first = try await bench.names(bench.layout.jobQueue)
            let mark = try await bench.other.get(fired).stat.version
            let asked = permission.askedCount
            bench.clock.forward(milliseconds: 300_000)
            try await bench.eventually("it is due, and held back") { permission.askedCount >= asked + 3 }
            #expect(try await bench.names(bench.layout.jobQueue) == first)
            #expect(try await bench.other.get(fired).stat.version == mark)
            #expect(service.heldCount == 1)
            permission.empty()
            #expect(service.heldCount == 0)
            try await bench.eventually("all due times are accounted for") { permission.queuedCount >= 31 }
            var skipped = 0
            for name in try await bench.names(bench.layout.jobQueue) {
                let path = bench.layout.jobQueue.child(name)
                let data = try await bench.other.get(path).data
                let entry = try RecordCoding.decode(QueueEntry.self, from: data, path: path)
                // What is late by less than a minute runs; what is later was missed, and is recorded.
                if let reason = entry.suppression {
                    #expect(reason.hasPrefix("E3002"))
                    skipped += 1
                }
            }
            #expect((24...25).contains(skipped), "\(skipped)")
        }
    }

    @Test func noMoreFireThanTheQueueHasRoomFor() async throws {
        let bench = try await Bench()
        try await Self.add(40, bench, Misfire(policy: .runOnce))
        let permission = Permission(room: 7)
        let service = Self.service(bench, permission)
        try await bench.with({ try await service.run() }) {
            bench.clock.forward(milliseconds: 10_500)
            try await bench.eventually("the room is used") { permission.queueRoom == 0 }
            #expect(permission.queuedCount == 7)
            #expect(try await bench.names(bench.layout.jobQueue).count == 7)
            try await bench.eventually("the others are held") { service.heldCount >= 33 }
            permission.empty()
            try await bench.eventually("the others follow") { permission.queuedCount >= 40 }
        }
    }
}
