import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server that answers as a test tells it, on a port of loopback that was free, and keeps what it was asked.
final class FakeServer: Sendable {
    struct Request: Sendable {
        var method: String
        var uri: String
        var headers: [String: String]
        var body: String

        var path: String { String(uri.prefix { $0 != "?" }) }
        /// `GET /v1/runs`
        var line: String { "\(method) \(path)" }
    }

    struct Answer: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body = ""
        /// Whether the connection breaks after the body, before its end.
        var breaks = false

        static func json(_ body: String, status: Int = 200) -> Answer {
            Answer(status: status, headers: ["Content-Type": "application/json"], body: body)
        }

        static func problem(_ status: Int, _ code: String, _ detail: String) -> Answer {
            Answer(
                status: status,
                headers: ["Content-Type": "application/problem+json"],
                body: """
                    {"type": "urn:skyfire:error:\(code)", "title": "x", "status": \(status), "code": "\(code)", \
                    "detail": "\(detail)", "errors": [{"code": "\(code)", "message": "\(detail)", "hint": "do better"}]}
                    """
            )
        }

        static func log(_ text: String, next: Int, complete: Bool) -> Answer {
            Answer(headers: ["Log-Next-Offset": "\(next)", "Log-Complete": "\(complete)"], body: text)
        }
    }

    /// Answers a request; `count` is how often the same method and path were asked for before.
    typealias Script = @Sendable (_ request: Request, _ count: Int) -> Answer

    private let requestLog = Mutex<[Request]>([])
    private let script: Script

    private init(_ script: @escaping Script) {
        self.script = script
    }

    var requests: [Request] { requestLog.withLock { $0 } }

    /// Runs a body beside a server.
    static func with<Result>(
        _ script: @escaping Script,
        _ body: (FakeServer, _ url: String) async throws -> Result
    ) async throws -> Result {
        let server = FakeServer(script)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(server, "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        return try result.get()
    }

    fileprivate func answer(_ request: Request) -> Answer {
        let count = requestLog.withLock { requests in
            let count = requests.count { $0.line == request.line }
            requests.append(request)
            return count
        }
        return script(request, count)
    }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: FakeServer
    private var head: HTTPRequestHead?
    private var body = ""

    init(_ server: FakeServer) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, "")
        case .body(let buffer): body += String(buffer: buffer)
        case .end:
            guard let head else { return }
            var headers: [String: String] = [:]
            for (name, value) in head.headers { headers[name.lowercased()] = value }
            let answer = server.answer(
                FakeServer.Request(method: head.method.rawValue, uri: head.uri, headers: headers, body: body)
            )
            var fields = HTTPHeaders(answer.headers.map { ($0.key, $0.value) })
            if !answer.breaks { fields.add(name: "Content-Length", value: "\(answer.body.utf8.count)") }
            let status = HTTPResponseStatus(statusCode: answer.status)
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: fields))),
                promise: nil
            )
            let bytes = context.channel.allocator.buffer(string: answer.body)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
            if answer.breaks {
                context.close(promise: nil)
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
