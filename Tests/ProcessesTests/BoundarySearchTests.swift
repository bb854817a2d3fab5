import Glibc
import Testing

@testable import Processes

/// What is found in one list of processes, and what that costs. The numbers are above those the kernel gives.
struct BoundarySearchTests {
    private final class Environments {
        var contents: [pid_t: String] = [:]
        var reads: [pid_t: Int] = [:]

        func read(_ pid: pid_t) -> [UInt8]? {
            reads[pid, default: 0] += 1
            return contents[pid].map { Array($0.utf8) }
        }
    }

    private static let runner: pid_t = 5_000_000

    private func process(
        _ pid: pid_t,
        parent: pid_t,
        session: pid_t? = nil,
        start: UInt64 = 100
    ) -> ProcessStatus {
        ProcessStatus(
            pid: pid,
            state: UInt8(ascii: "S"),
            parent: parent,
            group: pid,
            session: session ?? pid,
            startTicks: start,
            threads: 1
        )
    }

    private func boundary(_ main: pid_t) -> Boundary {
        Boundary(session: main, startTicks: 100, mark: "MARK=\(main)", controlGroup: nil)
    }

    @Test func manyBoundariesShareOneReading() {
        let environments = Environments()
        let runner = Self.runner
        var table = [process(1, parent: 0, start: 1), process(runner, parent: 1, start: 50)]
        let mains = (1...50).map { runner + $0 }
        for main in mains {
            // The main process, what is in its session, and what is in another but has its mark.
            table.append(process(main, parent: runner))
            table.append(process(main + 100, parent: main, session: main))
            table.append(process(main + 200, parent: runner))
            environments.contents[main + 200] = "PATH=/bin\0MARK=\(main)\0"
        }
        for stranger in 0..<1500 { table.append(process(runner + 1000 + pid_t(stranger), parent: 1)) }
        var search = BoundarySearch(subreaper: runner, environment: environments.read)
        let looked = mains.dropLast().map(boundary)
        let found = search.find(looked, in: table, mains: Set(mains))
        for (main, found) in zip(mains, found) {
            #expect(found.members.map(\.pid) == [main + 100, main + 200])
            #expect(!found.isUncertain)
        }
        // Neither strangers, nor what is in a session of an attempt, that of the fiftieth too.
        #expect(environments.reads == Dictionary(uniqueKeysWithValues: mains.map { ($0 + 200, 1) }))
    }

    @Test func processesWithoutAnEnvironmentAreInDoubtForAMoment() {
        let environments = Environments()
        let runner = Self.runner
        let table = [process(runner, parent: 0, start: 50), process(runner + 7, parent: runner)]
        environments.contents[runner + 7] = ""
        var search = BoundarySearch(subreaper: runner, environment: environments.read)
        var isUncertain: [Bool] = []
        for now: Int64 in [0, 10_000_000, 30_000_000, 40_000_000] {
            let found = search.find([boundary(runner + 1)], in: table, mains: [runner + 1], now: now)
            isUncertain.append(found[0].isUncertain)
        }
        #expect(isUncertain == [true, true, false, false])
        // An exec that took its time.
        environments.contents[runner + 7] = "MARK=\(runner + 1)\0"
        let found = search.find([boundary(runner + 1)], in: table, mains: [runner + 1], now: 50_000_000)
        #expect(found[0].members.map(\.pid) == [runner + 7])
    }

    @Test func brokenLinesOfParentsProveNothing() {
        let environments = Environments()
        let runner = Self.runner
        let table = [
            process(1, parent: 0, start: 1), process(runner, parent: 1, start: 50),
            // Its parent has ended since it was listed; that of the other is a later process with the number.
            process(runner + 2, parent: runner + 900), process(runner + 3, parent: runner + 4),
            process(runner + 4, parent: 1, start: 200),
        ]
        for index: pid_t in 2...4 { environments.contents[runner + index] = "MARK=\(runner + 1)\0" }
        var search = BoundarySearch(subreaper: runner, environment: environments.read)
        let found = search.find([boundary(runner + 1)], in: table, mains: [runner + 1])
        #expect(found[0].members.map(\.pid) == [runner + 2, runner + 3])
    }

    @Test func processesOlderThanTheBoundaryAreStrangers() {
        let environments = Environments()
        let runner = Self.runner
        let table = [
            process(runner, parent: 0, start: 50), process(runner + 2, parent: runner, start: 99),
            process(runner + 3, parent: runner, session: runner + 1, start: 99),
        ]
        var search = BoundarySearch(subreaper: runner, environment: environments.read)
        let found = search.find([boundary(runner + 1)], in: table, mains: [runner + 1])
        #expect(found[0].members.isEmpty && environments.reads.isEmpty)
    }
}
