import AsyncHTTPClient
import FoundationEssentials
import HTTPAPI
import NIOCore
import NIOHTTP1
import Node
import Processes
import Scheduling
import Synchronization
import Testing

@Suite struct LogRoutesTests {
    static let path = "/v1/runs/hello@20261120T100000Z/tasks/hi%5B2%5D/attempts/1/log"

    /// A log on disk, and operations that know where it is and how its attempt stands.
    struct Fixture {
        var log: AttemptLog
        var operations: RecordedOperations
        var attempt: AttemptID

        init(
            _ directory: String,
            worker: Int = 1,
            limits: LogLimits = LogLimits()
        ) throws {
            log = AttemptLog(directory: directory, limits: limits)
            operations = RecordedOperations(worker: worker)
            let run = try #require(RunID("hello@20261120T100000Z"))
            attempt = AttemptID(run: run, task: try TaskID("hi"), partition: 2, number: 1)
            place(.here(directory: directory))
            setState("running")
        }

        func place(_ location: LogLocation) {
            operations.state.withLock { $0.locations[attempt] = location }
        }

        func setState(_ state: String, exitCode: Int? = nil) {
            let view = AttemptView(
                task: attempt.task,
                n: 1,
                partition: 2,
                worker: WorkerID(number: 1),
                state: state,
                exitCode: exitCode
            )
            operations.state.withLock { $0.attempts[attempt.run] = [view] }
        }

        func write(_ bytes: [UInt8], _ stream: LogStream = .stdout) {
            // The log copies what it is given.
            bytes.withUnsafeBytes { log.append($0, to: stream) }
        }
    }

    /// Reads server-sent events as they come.
    struct EventReader {
        struct Event {
            var event = ""
            var id = ""
            var data = ""
        }

        private struct LogData: Decodable {
            var stream: String
            var offset: Int64
            var base64: String
        }

        var iterator: HTTPClientResponse.Body.AsyncIterator
        var rest: [UInt8] = []

        init(_ response: HTTPClientResponse) { iterator = response.body.makeAsyncIterator() }

        /// The next event; comments are passed over. Nil at the end of the stream.
        mutating func next() async throws -> Event? {
            while true {
                while let end = rest.firstRange(of: Array("\n\n".utf8)) {
                    let block = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
                    rest.removeSubrange(..<end.upperBound)
                    var event = Event()
                    for line in block.split(separator: "\n") {
                        if line.hasPrefix("event: ") { event.event = String(line.dropFirst(7)) }
                        if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                        if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
                    }
                    if !event.event.isEmpty { return event }
                }
                guard let buffer = try await iterator.next(isolation: #isolation) else { return nil }
                rest += buffer.readableBytesView
            }
        }

        /// The bytes of a `log` event, and where they stand.
        static func bytes(_ event: Event) throws -> (stream: String, offset: Int64, bytes: [UInt8]) {
            let data = try JSONDecoder().decode(LogData.self, from: Data(event.data.utf8))
            return (data.stream, data.offset, Array(try #require(Data(base64Encoded: data.base64))))
        }
    }

    static func follow(
        _ server: LiveServer,
        _ query: String = "?follow=1",
        headers: [String: String] = [:]
    ) async throws -> EventReader {
        let response = try await server.client.execute(
            server.request(.GET, path + query, headers: headers),
            timeout: .seconds(20)
        )
        #expect(response.status == .ok)
        #expect(response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true)
        return EventReader(response)
    }

    @Test func slicesTellWhereTheyStand() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            fixture.write(Array("one\ntwo\nthree\n".utf8))
            try await LiveServer.with(fixture.operations) { server in
                let part = try await server.send(.GET, Self.path + "?offset=4&limit=4")
                #expect(part.text == "two\n")
                #expect(part.headers.first(name: "log-offset") == "4")
                #expect(part.headers.first(name: "log-next-offset") == "8")
                #expect(part.headers.first(name: "log-complete") == "false")
                let tail = try await server.send(.GET, Self.path + "?lines=2")
                #expect(tail.text == "two\nthree\n")
                #expect(tail.headers.first(name: "log-offset") == "4")
                let found = try await server.send(.GET, Self.path + "?grep=%5Et(w%7Cx)")
                #expect(found.text == "two\n")
                let none = try await server.send(.GET, Self.path + "?stream=stderr")
                #expect(none.text.isEmpty)
                #expect(none.headers.first(name: "log-complete") == "false")
                fixture.setState("succeeded", exitCode: 0)
                let ended = try await server.send(.GET, Self.path + "?stream=stderr")
                #expect(ended.headers.first(name: "log-complete") == "true")
                let head = try await server.send(.HEAD, Self.path)
                #expect(head.body.isEmpty)
                #expect(head.headers.first(name: "content-length") == "14")
                for query in [
                    "grep=(", "grep=(a%7B99%7D)%7B99%7D", "grep=(a)%5C1", "stream=x", "lines=1&offset=1",
                    "follow=1&offset=3",
                ] {
                    #expect(try await server.send(.GET, Self.path + "?" + query).status == 400)
                }
            }
        }
    }

    @Test func followedLogIsByteEqualAndEndsWithTheAttempt() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededGenerator(state: seed)
        let chunks = (0..<40).map { _ in
            (0..<Int.random(in: 1...20_000, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
        }
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            try await LiveServer.with(fixture.operations) { server in
                var reader = try await Self.follow(server)
                var received: [UInt8] = []
                var expected: [UInt8] = []
                var position = ""
                // Each chunk is written once the one before has arrived, so the log grows while it is followed.
                for (index, chunk) in chunks.enumerated() {
                    fixture.write(chunk)
                    expected += chunk
                    while received.count < expected.count {
                        let event = try #require(try await reader.next())
                        let (stream, offset, bytes) = try EventReader.bytes(event)
                        #expect(stream == "stdout")
                        #expect(offset == Int64(received.count))
                        received += bytes
                        position = event.id
                    }
                    // Half way, the client goes away and comes back where it was.
                    if index == 20 {
                        reader = try await Self.follow(server, headers: ["last-event-id": position])
                    }
                    if index == 30 {
                        reader = try await Self.follow(
                            server,
                            "?follow=1&stream=stdout&offset=\(received.count)"
                        )
                    }
                }
                #expect(received == expected)
                fixture.log.end()
                fixture.setState("failed", exitCode: 3)
                let end = try #require(try await reader.next())
                #expect(end.event == "end")
                #expect(end.data == #"{"exit_code":3,"state":"failed"}"#)
                #expect(try await reader.next() == nil)
            }
        }
    }

    @Test func followBeginsWithTheLastLines() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            fixture.write(Array("one\ntwo\nthree\n".utf8))
            fixture.write(Array("oops\n".utf8), .stderr)
            fixture.log.end()
            fixture.setState("succeeded", exitCode: 0)
            try await LiveServer.with(fixture.operations) { server in
                var reader = try await Self.follow(server, "?follow=1&lines=1")
                var texts: [String] = []
                while let event = try await reader.next() {
                    if event.event == "end" { break }
                    let (stream, offset, bytes) = try EventReader.bytes(event)
                    texts.append("\(stream) \(offset) \(String(decoding: bytes, as: UTF8.self))")
                }
                #expect(texts == ["stdout 8 three\n", "stderr 0 oops\n"])
            }
        }
    }

    @Test func logIsFetchedFromTheNodeThatHasIt() async throws {
        try await withTemporaryDirectory { directory in
            let holder = try Fixture(directory, worker: 2)
            let text = Array(String(repeating: "line of a log\n", count: 100_000).utf8)
            holder.write(text)
            try await LiveServer.with(holder.operations) { far in
                let asked = try Fixture(directory, worker: 1)
                asked.place(.node(WorkerID(number: 2), address: "127.0.0.1:\(far.port)"))
                try await LiveServer.with(asked.operations) { near in
                    let answer = try await near.send(.GET, Self.path + "?limit=8000000")
                    #expect(answer.status == 200)
                    #expect(answer.body == text)
                    #expect(answer.headers.first(name: "log-next-offset") == "1400000")
                    #expect(try await near.send(.HEAD, Self.path).status == 200)
                    #expect(try await near.send(.GET, Self.path + "?offset=x").status == 400)

                    var reader = try await Self.follow(near, "?follow=1&stream=stdout&offset=1399990")
                    let event = try #require(try await reader.next())
                    #expect(try EventReader.bytes(event).bytes.count == 10)
                    holder.log.end()
                    holder.setState("killed")
                    #expect(try await reader.next()?.data == #"{"state":"killed"}"#)

                    // The other node does not have it any more either, and asks nobody.
                    holder.place(.node(WorkerID(number: 1), address: "127.0.0.1:\(near.port)"))
                    let lost = try await near.send(.GET, Self.path)
                    #expect(lost.status == 503)
                    #expect(try lost.codes() == ["E2022"])
                }
            }
        }
    }

    @Test func manyLogsOfOneNodeAreFollowedAtOnce() async throws {
        try await withTemporaryDirectory { directory in
            let holder = try Fixture(directory, worker: 2)
            holder.write(Array("one\n".utf8))
            try await LiveServer.with(holder.operations) { far in
                let asked = try Fixture(directory, worker: 1)
                asked.place(.node(WorkerID(number: 2), address: "127.0.0.1:\(far.port)"))
                try await LiveServer.with(asked.operations) { near in
                    var readers: [EventReader] = []
                    for _ in 0..<20 {
                        var reader = try await Self.follow(near)
                        #expect(try await reader.next()?.event == "log")
                        readers.append(reader)
                    }
                    holder.log.end()
                    holder.setState("succeeded", exitCode: 0)
                    for index in readers.indices {
                        #expect(try await readers[index].next()?.event == "end")
                        #expect(try await readers[index].next() == nil)
                    }
                }
            }
        }
    }

    @Test func streamEndsWithItsClient() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            fixture.write(Array("one\n".utf8))
            try await LiveServer.with(fixture.operations) { server in
                func isOpen(_ count: Int) async throws -> Bool {
                    try await server.send(.GET, "/metrics").text.contains(
                        "\nskyfire_http_open_streams \(count)\n"
                    )
                }
                do {
                    var reader = try await Self.follow(server)
                    #expect(try await reader.next()?.event == "log")
                    #expect(try await isOpen(1))
                }
                // The client's connection is closed; the server learns of it on its own threads.
                var attempts = 0
                while try await !isOpen(0) {
                    attempts += 1
                    try #require(attempts < 10_000, "the stream is still open")
                }
            }
        }
    }

    /// The disk's refusal is told to the node's log, not to the client.
    @Test func unexpectedFailureShowsNoInternals() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            try FileManager.default.createDirectory(
                atPath: directory + "/stdout",
                withIntermediateDirectories: true
            )
            try await LiveServer.with(fixture.operations) { server in
                let answer = try await server.send(.GET, Self.path)
                #expect(answer.status == 500)
                #expect(try answer.codes() == ["E2024"])
                #expect(!answer.text.contains(directory))
                let trace = try #require(answer.headers.first(name: "traceparent")).split(separator: "-")[1]
                #expect(answer.text.contains(trace))
            }
        }
    }

    /// Each line comes when it is written, whoever writes it.
    @Test func followedLogComesAsItIsWritten() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            try await LiveServer.with(fixture.operations) { server in
                var reader = try await Self.follow(server)
                var offsets: [String: Int64] = ["stdout": 0, "stderr": 0]
                for index in 0..<100 {
                    let stream = index % 3 == 0 ? LogStream.stderr : .stdout
                    fixture.write(Array("line \(index)\n".utf8), stream)
                    let event = try #require(try await reader.next())
                    let (name, offset, bytes) = try EventReader.bytes(event)
                    #expect(name == stream.rawValue)
                    #expect(offset == offsets[name])
                    #expect(bytes == Array("line \(index)\n".utf8))
                    offsets[name] = offset + Int64(bytes.count)
                }
                fixture.setState("timed_out")
                fixture.log.end()
                #expect(try await reader.next()?.data == #"{"state":"timed_out"}"#)
                #expect(try await reader.next() == nil)
            }
        }
    }

    /// A client that reads nothing holds up neither the writer nor the memory, and gets all of it in the end.
    @Test func slowClientOfALiveLogMissesNothing() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            try await LiveServer.with(fixture.operations) { server in
                var reader = try await Self.follow(server, "?follow=1&stream=stdout")
                var expected: [UInt8] = []
                for index in 0..<64 {
                    let block = [UInt8](repeating: UInt8(index), count: 131_072)
                    fixture.write(block)
                    expected += block
                }
                fixture.log.end()
                fixture.setState("succeeded", exitCode: 0)
                var received: [UInt8] = []
                while let event = try await reader.next(), event.event == "log" {
                    let (_, offset, bytes) = try EventReader.bytes(event)
                    #expect(offset == Int64(received.count))
                    received += bytes
                }
                #expect(received == expected)
            }
        }
    }

    @Test func droppedBytesAreMarkedInAFollowedLog() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory, limits: LogLimits(headBytes: 10, tailBytes: 10))
            for _ in 0..<1000 { fixture.write(Array(repeating: UInt8(ascii: "x"), count: 1000)) }
            fixture.log.end()
            fixture.setState("succeeded", exitCode: 0)
            try await LiveServer.with(fixture.operations) { server in
                let whole = try await server.send(.GET, Self.path)
                #expect(whole.headers.first(name: "log-next-offset") == "1000000")
                var reader = try await Self.follow(server)
                var bytes: [UInt8] = []
                while let event = try await reader.next(), event.event == "log" {
                    bytes += try EventReader.bytes(event).bytes
                }
                #expect(bytes == whole.body)
                #expect(String(decoding: bytes, as: UTF8.self).contains("bytes dropped]"))
            }
        }
    }

    @Test func unreachableNodeIsNamed() async throws {
        let port = Mutex(0)
        try await LiveServer.with { server in port.withLock { $0 = server.port } }
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            fixture.place(.node(WorkerID(number: 7), address: "127.0.0.1:\(port.withLock { $0 })"))
            try await LiveServer.with(fixture.operations) { server in
                let answer = try await server.send(.GET, Self.path)
                #expect(answer.status == 502)
                #expect(answer.text.contains("worker-7"))
            }
        }
    }

    @Test func streamsEndAtShutdown() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try Fixture(directory)
            fixture.write(Array("one\n".utf8))
            try await LiveServer.with(fixture.operations) { server in
                var reader = try await Self.follow(server)
                #expect(try await reader.next()?.event == "log")
                let response = try await server.client.execute(
                    server.request(.GET, "/v1/events?topic=runs", headers: ["last-event-id": "7"]),
                    timeout: .seconds(20)
                )
                var events = EventReader(response)
                server.operations.eventEntry.yield(MirrorEvent(id: "8", topic: "job", data: "{}"))
                server.operations.eventEntry.yield(MirrorEvent(id: "9", topic: "run", data: "{\"a\":1}"))
                let event = try #require(try await events.next())
                #expect(event.id == "9")
                #expect(event.data == "{\"a\":1}")
                #expect(server.operations.calls.contains("events 7"))
                await server.shutDown()
                #expect(try await reader.next() == nil)
                #expect(try await events.next() == nil)
            }
        }
    }
}

/// SplitMix64: the same seed gives the same numbers.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Array where Element == UInt8 {
    fileprivate func firstRange(of pattern: [UInt8]) -> Range<Int>? {
        guard count >= pattern.count else { return nil }
        for start in 0...(count - pattern.count)
        where self[start..<start + pattern.count].elementsEqual(pattern) {
            return start..<start + pattern.count
        }
        return nil
    }
}
