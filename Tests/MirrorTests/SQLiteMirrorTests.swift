import Mirror
import Scheduling
import Testing

@Suite struct SQLiteMirrorTests {
    @Test func survivesARestart() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/mirror.sqlite"
            let id = try runID()
            let first = try SQLiteMirror(path: path, logger: quiet)
            try await first.write([batch(3, 1, run(id, state: .succeeded), .job(try jobView("hello")))])
            await first.close()
            let second = try SQLiteMirror(path: path, logger: quiet)
            try await second.write([batch(2, 9, run(id, state: .running))])
            #expect(try await second.run(id)?.run.state == .succeeded)
            #expect(try await second.job(id.job) == jobView("hello"))
            // Ids of events go on where they were.
            try await second.write([batch(4, 1, run(id, state: .running))])
            var events = second.events(after: "2").makeAsyncIterator()
            #expect(await events.next()?.data.contains(#""state":"running""#) == true)
            await second.close()
        }
    }

    @Test func keepsTheLastEvents() async throws {
        let mirror = try SQLiteMirror(path: nil, eventLimit: 10, logger: quiet)
        let id = try runID()
        for commit in 0..<25 { try await mirror.write([batch(1, commit, run(id, priority: commit))]) }
        var events = mirror.events(after: "0").makeAsyncIterator()
        #expect(await events.next()?.id == "16")
        await mirror.close()
    }

    @Test func refusesAFileThatIsNoDatabase() async throws {
        try await withTemporaryDirectory { directory in
            #expect(throws: MirrorError.self) { try SQLiteMirror(path: directory, logger: quiet) }
        }
    }
}
