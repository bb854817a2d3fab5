import Coordination
import Node
import Scheduling
import Synchronization
import Testing
import ZnodeStore

@Suite(.timeLimit(.minutes(1))) struct WorkerServiceTests {
    private let worker = WorkerID(number: 1)
    private let host = IdleHost()

    private func service(_ bench: Bench) -> WorkerService {
        WorkerService(
            worker: worker,
            incarnation: "i",
            layout: bench.layout,
            host: host,
            time: bench.clock.time,
            logger: bench.logger
        )
    }

    private var asked: [String] { host.asked.withLock { $0.sorted() } }

    /// The store does not wait for the lease of a session that is given up.
    @Test func endedLeaseIsNotRenewedInItsSession() async throws {
        let bench = try await Bench()
        let service = service(bench)
        service.renewLease(bench.session)
        service.endLease(bench.session)
        let end = try #require(host.leases.withLock { $0.last })
        #expect(end <= bench.clock.time.instant())
        service.renewLease(bench.session)
        #expect(host.leases.withLock { $0.count } == 2)
        service.renewLease(bench.other)
        #expect(host.leases.withLock { $0.count } == 3)
    }

    /// Else the host would hold what ended between two sessions for ever.
    @Test func hostIsAnsweredBetweenSessions() async throws {
        let service = service(try await Bench())
        service.ended(
            try Bench.attempt("t"),
            AttemptEnd(outcome: .succeeded, endedAt: WallTime(milliseconds: 0))
        )
        #expect(asked == ["acknowledge t"])
    }

    /// One was taken over while the worker had no session, the other one is to be killed.
    @Test func firstListOfASessionStopsWhatIsToBeStopped() async throws {
        let bench = try await Bench()
        let service = service(bench)
        let (gone, killed) = (try Bench.attempt("gone"), try Bench.attempt("killed"))
        service.claim(
            [gone, killed].map {
                HeldAttempt(attempt: $0, startedAt: nil, isExclusive: false, hasEnded: false)
            }
        )
        _ = try await bench.other.create(bench.layout.assign(worker))
        _ = try await bench.other.create(bench.layout.assignment(killed, worker))
        _ = try await bench.other.create(
            bench.layout.kill(killed, worker),
            data: RecordCoding.encode(KillMode.cancel)
        )
        try await bench.with({ try await service.serve(in: bench.session) }) {
            try await bench.eventually("both are stopped") { asked.count == 2 }
        }
        #expect(asked == ["cancel killed", "kill gone"])
    }
}
