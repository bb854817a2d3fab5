import Cron
import Foundation
import Node
import Scheduling
import Testing

@Suite struct LogSpaceTests {
    private func run(_ number: Int64) throws -> RunID {
        RunID(job: try JobName("a"), logicalTime: UnixTime(seconds: 1_800_000_000 + number))
    }

    private func use(_ number: Int64, _ bytes: Int64) throws -> LogSpace.Use {
        LogSpace.Use(run: try run(number), bytes: bytes, writtenAt: WallTime(milliseconds: number))
    }

    @Test func theOldestGoUntilNineTenthsAreLeft() throws {
        let uses = [try use(3, 40), try use(1, 30), try use(2, 30)]
        func gone(_ limit: Int64) -> [Int64] {
            LogSpace.excess(of: uses, limit: limit).map(\.writtenAt.milliseconds)
        }
        #expect(gone(100) == [], "at the bound")
        #expect(gone(99) == [1])
        #expect(gone(70) == [1, 2], "70 are more than nine tenths")
        #expect(gone(1) == [1, 2, 3])
    }

    @Test func whatIsRemovedIsToldOf() throws {
        let scratch = try ScratchDirectory()
        let directory = try DataDirectory(path: scratch.path)
        let attempts = try (1...3).map {
            AttemptID(run: try run($0), task: try TaskID("t"), partition: 0, number: 1)
        }
        let begin = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        for attempt in attempts {
            let path = directory.logDirectory(attempt)
            #expect(DataDirectory.makeDirectories(path))
            try Data(repeating: 1, count: 1 << 20).write(to: URL(fileURLWithPath: "\(path)/stdout"))
        }
        let space = LogSpace(directory, limit: 3 << 19)
        try space.sweep { $0 == attempts[0].run }
        let figures = space.figures
        #expect(figures.removedRuns == 1 && (2 << 20...5 << 19).contains(figures.bytes), "\(figures)")
        #expect(attempts.map { directory.isLogRemoved($0, endedAt: begin) } == [false, true, false])
        try directory.rememberLogsRemoved(through: WallTime(milliseconds: 1))
        #expect(directory.isLogRemoved(attempts[1], endedAt: begin), "it does not go back")
        let later = WallTime(milliseconds: begin.milliseconds + 60_000)
        #expect(!directory.isLogRemoved(attempts[1], endedAt: later), "it has written nothing yet")
        try LogSpace(directory, limit: 3 << 20).sweep { _ in false }
        #expect(attempts.map { directory.isLogRemoved($0, endedAt: begin) } == [false, true, false])
    }
}
