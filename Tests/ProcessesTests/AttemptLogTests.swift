import Glibc
import Testing

@testable import Processes

extension ProcessesTests {
    /// Offsets, the hole, the end, and readers beside the writer.
    struct AttemptLogTests {
        private let scratch: ScratchDirectory

        init() throws { scratch = try ScratchDirectory() }

        private func append(_ bytes: [UInt8], to log: AttemptLog, _ stream: LogStream = .stdout) {
            // The log copies what it is given.
            bytes.withUnsafeBytes { log.append($0, to: stream) }
        }

        /// The byte that belongs at an offset.
        private func pattern(_ offsets: Range<Int>) -> [UInt8] {
            offsets.map { UInt8(truncatingIfNeeded: $0 * 31 / 7) }
        }

        @Test(arguments: [1, 7, 1000, 65_536, 200_000])
        func offsetsStayThoseOfTheOriginal(chunk: Int) throws {
            let log = AttemptLog(
                directory: scratch.path + "/a/b",
                limits: LogLimits(headBytes: 1000, tailBytes: 300)
            )
            let total = 200_000
            var start = 0
            while start < total {
                append(pattern(start..<min(start + chunk, total)), to: log)
                start += chunk
            }
            let reader = AttemptLogReader(directory: scratch.path + "/a/b")
            #expect(try !reader.read(.stdout, offset: Int64(total), limit: 10).isComplete)
            #expect(log.end().stdout == LogStreamSummary(totalBytes: 200_000, droppedBytes: 198_700))

            let head = try reader.read(.stdout, offset: 990, limit: 10)
            #expect(head.bytes == pattern(990..<1000) && head.nextOffset == 1000 && head.size == 200_000)
            let hole = try reader.read(.stdout, offset: 1000, limit: 200)
            let marker = AttemptLogReader.marker(droppedBytes: 198_700)
            #expect(String(decoding: marker, as: UTF8.self) == "\n[skyfire: 198700 bytes dropped]\n")
            #expect(hole.bytes.prefix(marker.count) == marker[...])
            #expect(hole.nextOffset > 199_700 && !hole.isComplete)
            let kept = hole.bytes.dropFirst(marker.count)
            #expect(Array(kept) == pattern(199_700..<(199_700 + kept.count)))
            let end = try reader.read(.stdout, offset: 199_900, limit: 500)
            #expect(end.bytes == pattern(199_900..<200_000) && end.isComplete)
            let inside = try reader.read(.stdout, offset: 150_000, limit: 1000)
            #expect(inside.bytes.starts(with: AttemptLogReader.marker(droppedBytes: 49_700)))
            #expect(try reader.read(.stdout, offset: 900_000, limit: 10).isComplete)
        }

        @Test func noHoleWhereBothPartsMeet() throws {
            let log = AttemptLog(directory: scratch.path, limits: LogLimits(headBytes: 100, tailBytes: 50))
            append(pattern(0..<150), to: log)
            log.end()
            let slice = try AttemptLogReader(directory: scratch.path).read(.stdout, offset: 0, limit: 1000)
            #expect(slice.bytes == pattern(0..<150) && slice.isComplete)
        }

        @Test func aKilledWriterLosesNothingItHasWritten() throws {
            // Neither sealed nor ended: what a reader finds after kill -9.
            let log = AttemptLog(directory: scratch.path, limits: LogLimits(headBytes: 100, tailBytes: 50))
            append(pattern(0..<500), to: log)
            append(pattern(0..<20), to: log, .stderr)
            var slice = try AttemptLogReader(directory: scratch.path).read(.stdout, offset: 480, limit: 100)
            #expect(slice.bytes == pattern(480..<500) && !slice.isComplete && slice.size == 500)
            let reader = AttemptLogReader(directory: scratch.path, attemptHasEnded: true)
            slice = try reader.read(.stdout, offset: 500, limit: 100)
            #expect(slice.bytes.isEmpty && slice.isComplete)
            #expect(try reader.read(.stderr, offset: 0, limit: 100).isComplete)
            log.end()
        }

        @Test func diskErrorsDropAndCount() throws {
            // The directory's place is taken by a file.
            close(open(scratch.path + "/file", O_CREAT | O_WRONLY, 0o600))
            let log = AttemptLog(directory: scratch.path + "/file")
            append(pattern(0..<500), to: log)
            append(pattern(0..<500), to: log)
            #expect(
                log.end().stdout == LogStreamSummary(totalBytes: 1000, droppedBytes: 1000, diskError: ENOTDIR)
            )
            let reader = AttemptLogReader(directory: scratch.path + "/file", attemptHasEnded: true)
            #expect(try reader.read(.stdout, offset: 0, limit: 10).bytes.isEmpty)
        }

        @Test(arguments: [
            ("a\nb\nc\n", 2, "b\nc\n"), ("a\nb\nc", 2, "b\nc"), ("a\n", 5, "a\n"), ("a\nb\n", 0, ""),
            ("", 3, ""),
            ("\n\n\n", 2, "\n\n"),
        ])
        func tailCountsLines(_ c: (String, Int, String)) throws {
            let log = AttemptLog(directory: scratch.path)
            if !c.0.isEmpty { append(Array(c.0.utf8), to: log) }
            log.end()
            let reader = AttemptLogReader(directory: scratch.path, attemptHasEnded: true)
            let slice = try reader.tail(.stdout, lines: c.1)
            #expect(String(decoding: slice.bytes, as: UTF8.self) == c.2)
            #expect(slice.nextOffset == Int64(c.0.utf8.count) && slice.isComplete)
        }

        @Test func tailReachesBackToTheHole() throws {
            let log = AttemptLog(directory: scratch.path, limits: LogLimits(headBytes: 10, tailBytes: 6))
            append(Array("0123456789 dropped \nlast\n".utf8), to: log)
            log.end()
            let slice = try AttemptLogReader(directory: scratch.path).tail(.stdout, lines: 3)
            #expect(String(decoding: slice.bytes, as: UTF8.self) == "[skyfire: 9 bytes dropped]\n\nlast\n")
        }

        @Test func followersSeeEverythingAndEndWithTheAttempt() async throws {
            let log = AttemptLog(directory: scratch.path)
            let total = 400_000
            let followed = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for offset in [0, 0, 1234] {
                    group.addTask {
                        try await follow(from: Int64(offset))
                    }
                }
                for start in stride(from: 0, to: total, by: 777) {
                    append(pattern(start..<min(start + 777, total)), to: log)
                    await Task.yield()
                }
                log.end()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(followed.map(\.count).sorted() == [total - 1234, total, total])
            #expect(followed.allSatisfy { $0 == pattern((total - $0.count)..<total) })
            #expect(try await follow(from: 0).count == total, "an ended log is followed to its end")
        }

        /// Reads as the file system says that there is more, until the log is complete.
        private func follow(from offset: Int64) async throws -> [UInt8] {
            let reader = AttemptLogReader(directory: scratch.path)
            var bytes: [UInt8] = []
            for await _ in AttemptLogWatch.changes(in: scratch.path) {
                while true {
                    let slice = try reader.read(.stdout, offset: offset + Int64(bytes.count), limit: 10_000)
                    bytes += slice.bytes
                    if slice.isComplete { return bytes }
                    if slice.bytes.isEmpty { break }
                }
            }
            throw CancellationError()
        }

        @Test func aReaderBesideAFastWriterSeesOnlyTrueBytes() async throws {
            let log = AttemptLog(directory: scratch.path, limits: LogLimits(headBytes: 0, tailBytes: 100_000))
            // Every eight bytes are their own offset, so that any slice proves itself.
            let chunks = 600
            let size = 4096
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for chunk in 0..<chunks {
                        let words = stride(from: chunk * size, to: (chunk + 1) * size, by: 8).map {
                            UInt64($0)
                        }
                        // The log copies what it is given.
                        words.withUnsafeBytes { log.append($0, to: .stdout) }
                    }
                    log.end()
                }
                let reader = AttemptLogReader(directory: scratch.path)
                var offset: Int64 = 0
                var isComplete = false
                while !isComplete {
                    let slice = try reader.read(.stdout, offset: offset, limit: 30_000)
                    isComplete = slice.isComplete
                    let kept = slice.nextOffset - offset
                    // Without the marker the bytes are the last of those up to the next offset.
                    var bytes = slice.bytes[...]
                    if bytes.starts(with: Array("\n[skyfire".utf8)) {
                        bytes = bytes.dropFirst()
                        bytes = bytes[(bytes.firstIndex(of: 10)! + 1)...]
                    } else {
                        #expect(Int64(bytes.count) == kept)
                    }
                    var at = slice.nextOffset - Int64(bytes.count)
                    while at % 8 != 0, !bytes.isEmpty {
                        at += 1
                        bytes = bytes.dropFirst()
                    }
                    while bytes.count >= 8 {
                        let word = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                        try #require(word == UInt64(at))
                        bytes = bytes.dropFirst(8)
                        at += 8
                    }
                    offset = slice.nextOffset
                }
                #expect(offset == Int64(chunks * size))
                try await group.waitForAll()
            }
        }
    }
}
