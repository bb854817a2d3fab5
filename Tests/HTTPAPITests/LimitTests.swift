import AsyncHTTPClient
import HTTPAPI
import NIOHTTP1
import Node
import Processes
import Scheduling
import Synchronization
import Testing

/// The server at its bounds. Each test has a server of its own with bounds that are soon reached.
@Suite struct LimitTests {
    private static let hello = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"

    /// A connection that was served once, so that it is counted.
    private static func used(_ server: LiveServer) async throws -> RawConnection {
        let connection = try await RawConnection(port: server.port)
        try await connection.send(hello)
        let answer = try await connection.receive(through: "ok\n")
        try #require(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
        return connection
    }

    /// Looks again and again, for what another thread does.
    private static func eventually(_ what: String, _ look: () async throws -> Bool) async throws {
        let start = ContinuousClock.now
        while try await !look() {
            try #require(ContinuousClock.now - start < .seconds(20), "\(what)")
            // The interval of looking; the limit above fails the test.
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Whether a connection is taken at this moment; one that is refused may break before its answer is read.
    private static func isServed(_ server: LiveServer) async -> Bool {
        do {
            return try await server.send(.GET, "/livez").status == 200
        } catch {
            return false
        }
    }

    private static func metric(_ name: String, of server: LiveServer) async throws -> Int? {
        let lines = try await server.send(.GET, "/metrics").text.split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
    }

    private static func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        change(&limits)
        return limits
    }

    @Test func connectionsOfOneAddressAreBounded() async throws {
        try await LiveServer.with(limits: Self.limits { $0.connectionsPerAddress = 3 }) { server in
            var held: [RawConnection] = []
            for _ in 0..<3 { held.append(try await Self.used(server)) }
            let refused = try await RawConnection(port: server.port).receive()
            #expect(refused.hasPrefix("HTTP/1.1 429 "), "\(refused)")
            #expect(refused.lowercased().contains("\r\nretry-after: 2\r\n"))
            #expect(refused.contains(#""code":"E2025""#))
            // A place that is given back is used again.
            held.removeLast()
            try await Self.eventually("a place") { await Self.isServed(server) }
            #expect(try await Self.metric("skyfire_http_connections_of_one_address", of: server) == 3)
            #expect(try await Self.metric("skyfire_http_connections_of_one_address_limit", of: server) == 3)
            let count = try await Self.metric(
                "skyfire_http_connections_of_one_address_refused_total",
                of: server
            )
            #expect(try #require(count) >= 1)
            #expect(held.count == 2)
        }
    }

    @Test func connectionsAreBounded() async throws {
        try await LiveServer.with(limits: Self.limits { $0.connections = 2 }) { server in
            var held = [try await Self.used(server), try await Self.used(server)]
            let refused = try await RawConnection(port: server.port).receive()
            #expect(refused.hasPrefix("HTTP/1.1 503 "), "\(refused)")
            #expect(refused.contains(#""code":"E2025""#))
            held.removeLast()
            try await Self.eventually("a place") { await Self.isServed(server) }
            let count = try await Self.metric("skyfire_http_connections_refused_total", of: server)
            #expect(try #require(count) >= 1)
            #expect(held.count == 1)
        }
    }

    @Test func slowHeadIsClosed() async throws {
        try await LiveServer.with(limits: Self.limits { $0.headTimeout = .seconds(2) }) { server in
            let silent = try await RawConnection(port: server.port)
            let trickling = try await RawConnection(port: server.port)
            try await trickling.send("GET / HTTP/1.1\r\nx: ")
            let reused = try await Self.used(server)
            try await reused.send("GET /")
            // Each byte comes soon after the one before; that prolongs nothing.
            let start = ContinuousClock.now
            var isTaken = true
            while isTaken, ContinuousClock.now - start < .seconds(15) {
                isTaken = try await trickling.send("a")
                // The pace of a slow client, which is what is tested.
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(!isTaken)
            for connection in [silent, reused] {
                let answer = try await connection.receive()
                #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
                #expect(answer.contains(#""code":"E2026""#))
            }
            let count = try await Self.metric(#"skyfire_http_slow_clients_total{with="head"}"#, of: server)
            #expect(try #require(count) >= 3)
        }
    }

    @Test func slowBodyIsClosed() async throws {
        try await LiveServer.with(limits: Self.limits { $0.bodyTimeout = .milliseconds(300) }) { server in
            let answer = try await RawConnection.exchange(
                port: server.port,
                "POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nversion: 1"
            )
            #expect(!answer.hasPrefix("HTTP/1.1 2"), "\(answer)")
            #expect(!server.operations.calls.contains { $0.hasPrefix("createJob") })
            let count = try await Self.metric(#"skyfire_http_slow_clients_total{with="body"}"#, of: server)
            #expect(count == 1)
        }
    }

    @Test func idleConnectionIsClosed() async throws {
        try await LiveServer.with(limits: Self.limits { $0.idleTimeout = .milliseconds(100) }) { server in
            let rest = try await Self.used(server).receive()
            #expect(rest == "")
        }
    }

    @Test func clientThatTakesNothingIsClosed() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try LogRoutesTests.Fixture(directory)
            let length = 16 << 20
            fixture.write([UInt8](repeating: 97, count: length))
            let limits = Self.limits { $0.stallTimeout = .milliseconds(300) }
            try await LiveServer.with(fixture.operations, limits: limits) { server in
                let connection = try await RawConnection(port: server.port, receiveBuffer: 4096)
                try await connection.send(
                    "GET \(LogRoutesTests.path)?limit=\(8 << 20) HTTP/1.1\r\nhost: a\r\n\r\n"
                )
                let name = #"skyfire_http_slow_clients_total{with="answer"}"#
                try await Self.eventually("the end of its patience") {
                    try await Self.metric(name, of: server) == 1
                }
                #expect(try await connection.receive().utf8.count < 8 << 20)
            }
        }
    }

    @Test(arguments: [
        "x: \(String(repeating: "a", count: 33 << 10))\r\n",
        (0..<40).map { "x\($0): \(String(repeating: "a", count: 1 << 10))\r\n" }.joined(),
        (0..<101).map { "x\($0): a\r\n" }.joined(),
    ]) func headersAreBounded(_ headers: String) async throws {
        try await LiveServer.with { server in
            let answer = try await RawConnection.exchange(
                port: server.port,
                "GET /livez HTTP/1.1\r\nhost: a\r\n\(headers)\r\n"
            )
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer.prefix(200))")
        }
    }

    @Test func streamsAreBounded() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try LogRoutesTests.Fixture(directory)
            fixture.write(Array("hello\n".utf8))
            try await LiveServer.with(fixture.operations, limits: Self.limits { $0.streams = 2 }) { server in
                let path = LogRoutesTests.path + "?follow=1"
                // What never becomes a stream takes no place.
                for _ in 0..<4 { #expect(try await server.send(.HEAD, path).status == 200) }
                let request = "GET \(path) HTTP/1.1\r\nhost: a\r\n\r\n"
                var held: [RawConnection] = []
                for _ in 0..<2 {
                    let connection = try await RawConnection(port: server.port)
                    try await connection.send(request)
                    let start = try await connection.receive(through: "event: log\n")
                    #expect(start.hasPrefix("HTTP/1.1 200 "), "\(start)")
                    held.append(connection)
                }
                #expect(try await Self.metric("skyfire_http_open_streams", of: server) == 2)
                let refused = try await server.send(.GET, path)
                #expect(refused.status == 429)
                #expect(refused.headers.first(name: "retry-after") == "5")
                #expect(try refused.codes() == ["E2027"])
                #expect(try await Self.metric("skyfire_http_open_streams_refused_total", of: server) == 1)
                held.removeLast()
                try await Self.eventually("a place") {
                    try await Self.metric("skyfire_http_open_streams", of: server) == 1
                }
                let next = try await RawConnection(port: server.port)
                try await next.send(request)
                #expect(try await next.receive(through: "event: log\n").hasPrefix("HTTP/1.1 200 "))
                #expect(held.count == 1)
            }
        }
    }

    @Test func boundsOfTheNodeAreMetrics() async throws {
        try await LiveServer.with { server in
            server.operations.state.withLock {
                $0.bounds = [
                    BoundFigure("queue_length", "Runs that wait.", value: 7, limit: 9, refused: 3),
                    BoundFigure("outbox_bytes", "Bytes that wait.", value: 1, limit: 2),
                ]
            }
            let text = try await server.send(.GET, "/metrics").text
            for line in [
                "# TYPE skyfire_queue_length gauge", "skyfire_queue_length 7", "skyfire_queue_length_limit 9",
                "# TYPE skyfire_queue_length_refused_total counter", "skyfire_queue_length_refused_total 3",
                "skyfire_outbox_bytes 1", "skyfire_outbox_bytes_limit 2",
                "skyfire_http_body_limit_bytes 1048576",
            ] {
                #expect(text.contains("\n\(line)\n"), "\(line)")
            }
            #expect(!text.contains("outbox_bytes_refused"))
            // Each metric is told once, with its type before it.
            var seen: Set<Substring> = []
            for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
                #expect(seen.insert(line.split(separator: " ")[2]).inserted, "\(line)")
            }
        }
    }
}
