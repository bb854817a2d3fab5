import Testing

@testable import Scheduling

@Suite struct PlacementTests {
    private func worker(_ change: (inout WorkerState) -> Void = { _ in }) -> WorkerState {
        var worker = WorkerState(
            registration: ModelCluster.registration(slots: 2),
            version: 0,
            isPresent: true
        )
        worker.resources = ResourceReport(
            cpuLoad: 0,
            loadAverage: 0,
            memoryTotalBytes: 8 << 30,
            memoryFreeBytes: 4 << 30,
            diskTotalBytes: 100 << 30,
            diskFreeBytes: 50 << 30,
            running: 0,
            beat: 1
        )
        change(&worker)
        return worker
    }

    private func request(
        _ resources: TaskDefinition.Resources? = nil,
        pool: String? = nil
    ) -> Placement.Request {
        let job = Jobs.single("a") {
            $0.pool = pool
        } task: {
            $0.resources = resources
        }
        return Placement.Request(job: job, task: job.tasks[0])
    }

    @Test func reasons() {
        let plain = request()
        let table: [(Placement.Request, WorkerState, Infeasible?)] = [
            (plain, worker(), nil),
            (plain, worker { $0.isPresent = false }, .gone),
            (plain, worker { $0.version = nil }, .gone),
            (plain, worker { $0.registration.takesWork = false }, .noWork),
            (plain, worker { $0.registration.isDraining = true }, .draining),
            (plain, worker { $0.running = 2 }, .slots),
            (request(pool: "big"), worker(), .pool("big")),
            (request(pool: "big"), worker { $0.registration.pool = "big" }, nil),
            (request(.init(labels: ["gpu": "yes"])), worker(), .label("gpu=yes")),
            (request(.init(labels: ["gpu": "yes"])), worker { $0.registration.labels = ["gpu": "yes"] }, nil),
            (request(.init(cpu: 4)), worker(), nil),
            (request(.init(cpu: 4.5)), worker(), .cpu),
            (request(.init(cpu: 2)), worker { $0.reservedCPU = 2.5 }, .cpu),
            (request(.init(memory: .init(bytes: 8 << 30))), worker(), nil),
            (request(.init(memory: .init(bytes: 1))), worker { $0.reservedMemoryBytes = 8 << 30 }, .memory),
            (plain, worker { $0.resources?.memoryFreeBytes = (256 << 20) - 1 }, .memory),
            (plain, worker { $0.resources?.diskFreeBytes = (1 << 30) - 1 }, .disk),
            // Little by itself, but a fair share of a small disk.
            (
                plain,
                worker {
                    $0.resources?.diskFreeBytes = (1 << 30) - 1
                    $0.resources?.diskTotalBytes = 10 << 30
                }, nil
            ),
            (plain, worker { $0.resources = nil }, nil),
        ]
        for (index, row) in table.enumerated() {
            #expect(Placement.infeasibility(of: row.0, on: row.1) == row.2, "row \(index)")
        }
    }

    @Test func betterPlaceComesFirst() {
        func candidate(
            _ number: Int,
            running: Int = 0,
            slots: Int = 4,
            load: Double = 0
        ) -> Placement.Candidate {
            .init(
                WorkerID(number: number),
                worker {
                    $0.running = running
                    $0.registration.slots = slots
                    $0.resources?.cpuLoad = load
                }
            )
        }
        #expect(candidate(2) < candidate(1, running: 1))
        #expect(candidate(2, running: 2, slots: 8) < candidate(1, running: 2, slots: 4))
        #expect(candidate(2, load: 0.3) < candidate(1, load: 0.9))
        #expect(candidate(1, load: 0.31) < candidate(2, load: 0.39))
        #expect(candidate(1) < candidate(2))
    }
}
