import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Node
import Scheduling

/// Fetches the log of an attempt from the node that has it, as a stream.
struct LogProxy: Sendable {
    /// Carries the node that passed a request on; such a request is never passed on again.
    static let forwardedBy = HTTPField.Name(ForwardedRequest.header)!  // A token, as the initializer demands.
    private static let passedOn: [HTTPField.Name] = [.accept, .lastEventID]
    private static let passedBack: [HTTPField.Name] = [
        .contentType, .cacheControl, .logOffset, .logNextOffset, .logComplete, .retryAfter, .connection,
    ]

    let client: HTTPClient

    /// A client for talking to other nodes: short to connect, and patient with streams that send keep-alives.
    static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(3), read: .seconds(45))
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // Each log that is followed holds a connection for as long as its attempt runs; the default of 8 would make
        // the ninth wait for the end of one of them.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
        // Sooner than the other node closes it (`HTTPLimits.idleTimeout`).
        configuration.connectionPool.idleTimeout = .seconds(30)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Passes the request on to a node; its answer is passed back as it comes.
    func answer(
        to request: APIRequest,
        from worker: WorkerID,
        at address: String,
        environment: APIEnvironment
    ) async throws -> Response {
        var outgoing = HTTPClientRequest(url: "http://\(address)\(request.base.uri.string)")
        outgoing.method = .RAW(value: request.base.method.rawValue)
        for name in Self.passedOn {
            if let value = request.headers[name] { outgoing.headers.add(name: name.rawName, value: value) }
        }
        outgoing.headers.add(name: "traceparent", value: request.trace.header)
        outgoing.headers.add(
            name: Self.forwardedBy.rawName,
            value: environment.operations.worker?.description ?? "unregistered"
        )
        let incoming: HTTPClientResponse
        do {
            incoming = try await client.execute(outgoing, deadline: .now() + .seconds(10))
        } catch {
            try Task.checkCancellation()
            environment.logger.warning(
                "A log could not be fetched from the node that has it.",
                metadata: [
                    LogKeys.worker: "\(worker)", LogKeys.address: "\(address)", LogKeys.error: "\(error)",
                    LogKeys.trace: "\(request.trace.traceID)",
                ]
            )
            throw Problem(
                .badGateway,
                .nodeUnreachable,
                "the log is on \(worker) at \(address), which cannot be reached",
                hint: "it is served again when that node is back",
                headers: [.retryAfter: "5"]
            )
        }
        var headers: HTTPFields = [:]
        for name in Self.passedBack {
            if let value = incoming.headers.first(name: name.rawName) { headers[name] = value }
        }
        headers[.connection] = "close"
        let status = HTTPResponse.Status(
            code: Int(incoming.status.code),
            reasonPhrase: incoming.status.reasonPhrase
        )
        let body = try environment.streams.body(of: request.base) { writer in
            for try await buffer in incoming.body { try await writer.write(buffer) }
        }
        return Response(status: status, headers: headers, body: body)
    }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("last-event-id")!  // A token, as the initializer demands.
    static let logOffset = HTTPField.Name("log-offset")!  // As above.
    static let logNextOffset = HTTPField.Name("log-next-offset")!  // As above.
    static let logComplete = HTTPField.Name("log-complete")!  // As above.
}
