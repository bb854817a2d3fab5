import AsyncHTTPClient
import Cron
import FoundationEssentials
import HTTPAPI
import Logging
import NIOCore
import NIOHTTP1
import Scheduling
import ServiceLifecycle
import Synchronization

/// A served node, for as long as a closure lasts.
struct LiveServer: Sendable {
    let operations: RecordedOperations
    let port: Int
    let client: HTTPClient
    /// Ends the server as SIGTERM would.
    let shutDown: @Sendable () async -> Void

    struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        func json() throws -> JSONValue { try JSONDecoder().decode(JSONValue.self, from: Data(body)) }

        /// The codes of a problem's mistakes.
        func codes() throws -> [String] { try problem().errors.map(\.code) }

        func problem() throws -> ProblemBody {
            try JSONDecoder().decode(ProblemBody.self, from: Data(body))
        }
    }

    struct ProblemBody: Decodable {
        var type: String
        var title: String
        var status: Int
        var code: String
        var detail: String
        var errors: [ProblemDetail]
    }

    static func with(
        _ operations: RecordedOperations = RecordedOperations(),
        limits: HTTPLimits = .ofThisProcess,
        _ body: @Sendable (LiveServer) async throws -> Void
    ) async throws {
        let (ports, entry) = AsyncStream<Int>.makeStream()
        let server = HTTPServer(
            operations: operations,
            address: ListenAddress(port: 0),
            zones: TimeZoneDatabase(),
            limits: limits,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { RecordedOperations.time },
            onListening: { entry.yield($0) }
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [server],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { return }
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            let live = LiveServer(
                operations: operations,
                port: port,
                client: client,
                shutDown: { await group.triggerGracefulShutdown() }
            )
            let outcome: Result<Void, any Error>
            do {
                try await body(live)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            try await client.shutdown()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try outcome.get()
        }
    }

    func request(_ method: HTTPMethod, _ path: String, headers: [String: String] = [:]) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return request
    }

    func send(
        _ method: HTTPMethod,
        _ path: String,
        body: String? = nil,
        type: String? = "application/json",
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = request(method, path, headers: headers)
        if let body {
            request.body = .bytes(ByteBuffer(string: body))
            if let type { request.headers.add(name: "content-type", value: type) }
        }
        return try await answer(request)
    }

    func answer(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await client.execute(request, timeout: .seconds(20))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            body: Array(body.readableBytesView)
        )
    }
}

/// Makes a directory that is removed when the closure ends.
func withTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
    let name =
        FileManager.default.temporaryDirectory.path + "/skyfire-http-\(UInt64.random(in: 0...UInt64.max))"
    try FileManager.default.createDirectory(atPath: name, withIntermediateDirectories: true)
    let outcome: Result<Void, any Error>
    do {
        try await body(name)
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    try FileManager.default.removeItem(atPath: name)
    try outcome.get()
}
