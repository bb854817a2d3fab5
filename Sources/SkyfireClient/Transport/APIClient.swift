internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// Speaks HTTP with the servers of a cluster, of which each can answer for all.
package struct APIClient: Sendable {
    /// The methods that the API knows.
    package enum Method: String, Hashable, Sendable, CaseIterable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// How long an answer may take.
    private static let answerTimeout = TimeAmount.seconds(60)
    /// The same where another server can be asked instead.
    private static let impatience = TimeAmount.seconds(10)
    private static let largestAnswer = 1 << 28

    /// One for the process; never shut down, since the process ends with its verb.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        // Streams say every 15 s that they live.
        configuration.timeout.read = .seconds(60)
        // A server that refuses is told at once; whoever waits asks again.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private let servers: ServerList
    private let requestID: String?
    private let console: Console

    init(servers: ServerList, requestID: String?, console: Console) {
        self.servers = servers
        self.requestID = requestID
        self.console = console
    }

    /// Reads something.
    package func get(_ path: APIPath) async throws -> APIAnswer {
        try await checked(.get, path.description)
    }

    /// Reads something where its absence is an answer: nil for 404.
    package func find(_ path: APIPath) async throws -> APIAnswer? {
        let answer = try await send(.get, path.description)
        if answer.status == 404 { return nil }
        guard answer.status < 400 else { throw answer.problem() }
        return answer
    }

    /// Sends something, and takes only success for an answer.
    package func checked(
        _ method: Method,
        _ path: String,
        json: [UInt8]? = nil,
        headers: [(String, String)] = []
    ) async throws -> APIAnswer {
        let answer = try await send(method, path, json: json, headers: headers)
        guard answer.status < 400 else { throw answer.problem() }
        return answer
    }

    /// Sends something to the first server that answers. Whatever it answers is returned.
    ///
    /// Where a connection breaks after the request went out, or a server answers that it cannot do it now (503), only
    /// requests that may be repeated go to the next server: reads, and those with an `Idempotency-Key`.
    package func send(
        _ method: Method,
        _ path: String,
        json: [UInt8]? = nil,
        headers: [(String, String)] = []
    ) async throws -> APIAnswer {
        let mayRepeat = method == .get || method == .head || headers.contains { $0.0 == "Idempotency-Key" }
        return try await overServers(mayRepeat: mayRepeat, canDoIt: { $0.status != 503 }) { server, timeout in
            var request = request(method, server + path, headers: headers)
            if let json {
                if !headers.contains(where: { $0.0.lowercased() == "content-type" }) {
                    request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
                }
                request.body = .bytes(ByteBuffer(bytes: json))
            }
            let clock = ContinuousClock()
            let start = clock.now
            let response = try await Self.http.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            let time = TimeText.span(Int64((clock.now - start) / .milliseconds(1)))
            console.detail(
                "\(method.rawValue) \(server)\(path): \(response.status.code), \(body.readableBytes) bytes, \(time)"
            )
            return APIAnswer(
                status: Int(response.status.code),
                headers: response.headers,
                body: Array(body.readableBytesView)
            )
        }
    }

    /// Reads a stream of server-sent events until the handler says that it is over.
    ///
    /// - Returns: whether the handler ended it; false where the server did, or where the connection broke.
    func events(
        _ path: APIPath,
        lastEventID: String?,
        _ handle: (ServerSentEvent) async throws -> Bool
    ) async throws -> Bool {
        let headers = [("Accept", "text/event-stream")] + (lastEventID.map { [("Last-Event-ID", $0)] } ?? [])
        let response = try await overServers(
            mayRepeat: true,
            canDoIt: { (response: HTTPClientResponse) in response.status != .serviceUnavailable }
        ) { server, _ in
            let response = try await Self.http.execute(
                request(.get, server + path.description, headers: headers),
                timeout: .hours(24 * 365)
            )
            console.detail("GET \(server)\(path): \(response.status.code), events")
            return response
        }
        guard response.status.code < 400 else {
            let body = try await response.body.collect(upTo: 1 << 20)
            throw APIAnswer(
                status: Int(response.status.code),
                headers: response.headers,
                body: Array(body.readableBytesView)
            ).problem()
        }
        var parser = ServerSentEventParser()
        do {
            for try await chunk in response.body {
                for event in try parser.parse(chunk.readableBytesView) where try await handle(event) {
                    return true
                }
            }
        } catch let error as ClientError {
            throw error
        } catch is ServerSentEventParser.Overlong {
            throw ClientError(
                .failure,
                "the server sent an event of more than \(ServerSentEventParser.largestEvent) bytes"
            )
        } catch {
            try Task.checkCancellation()
            console.detail("the stream broke: \(error)")
        }
        return false
    }

    private func request(_ method: Method, _ url: String, headers: [(String, String)]) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "User-Agent", value: "skyfire/\(ClientCommands.version)")
        request.headers.add(name: "Accept", value: "application/json")
        if let requestID { request.headers.add(name: "X-Request-ID", value: requestID) }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    private func overServers<Value: Sendable>(
        mayRepeat: Bool,
        canDoIt: (Value) -> Bool,
        _ ask: (String, TimeAmount) async throws -> Value
    ) async throws -> Value {
        var failures: [String] = []
        /// Of a server that cannot do it now: better than none.
        var refusal: Value?
        for (index, server) in servers.urls.enumerated() {
            let hasOthers = mayRepeat && index < servers.urls.count - 1
            do {
                let answer = try await ask(server, hasOthers ? Self.impatience : Self.answerTimeout)
                if canDoIt(answer) || !mayRepeat { return answer }
                refusal = answer
                if hasOthers { console.detail("\(server) cannot do it now; the next one is asked") }
            } catch {
                try Task.checkCancellation()
                let failure = ConnectionFailure(error)
                console.detail("\(server): \(failure.reason)")
                guard failure.wasNotSent || mayRepeat else {
                    throw ClientError(
                        .unreachable,
                        "\(server) \(failure.reason); whether it was done is not known",
                        hint: "look before you ask again"
                    )
                }
                failures.append("\(server) \(failure.reason)")
            }
        }
        if let refusal { return refusal }
        throw ClientError(
            .unreachable,
            failures.joined(separator: ", "),
            hint: "start a server with `skyfire dev`, or name one with --server or SKYFIRE_SERVER"
        )
    }
}

/// Why a server did not answer, in words.
private struct ConnectionFailure {
    let reason: String
    /// Whether the request cannot have reached the server.
    let wasNotSent: Bool

    init(_ error: any Error) {
        if let error = error as? HTTPClientError {
            switch error {
            case .connectTimeout, .getConnectionFromPoolTimeout:
                (reason, wasNotSent) = ("does not answer", true)
            case .deadlineExceeded, .readTimeout: (reason, wasNotSent) = ("did not answer in time", false)
            case .remoteConnectionClosed: (reason, wasNotSent) = ("closed the connection", false)
            case .invalidURL, .emptyHost, .emptyScheme: (reason, wasNotSent) = ("is no valid URL", true)
            default: (reason, wasNotSent) = ("failed: \(error.description)", false)
            }
        } else {
            let text = "\(error)"
            let wasRefused = text.contains("Connection refused") || text.contains("ECONNREFUSED")
            let isConnecting = text.hasPrefix("NIOConnectionError") || wasRefused
            reason = wasRefused ? "refuses connections" : "cannot be reached: \(text)"
            wasNotSent = isConnecting
        }
    }
}
