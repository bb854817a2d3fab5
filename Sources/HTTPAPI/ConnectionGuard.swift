import HTTPTypes
import NIOCore
import NIOHTTP1

/// Puts a `ConnectionGuard` behind the decoder of a connection, and leaves.
///
/// The guard looks at HTTP/1 itself; what the server underneath lets its users add comes after it has translated that.
final class ConnectionGuardInstaller: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let gate: ConnectionGate
    private let limits: HTTPLimits

    init(gate: ConnectionGate, limits: HTTPLimits) {
        self.gate = gate
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(
                ConnectionGuard(gate: gate, limits: limits),
                position: .after(decoder)
            )
        } catch {
            // A connection without its bounds is not served.
            context.close(promise: nil)
            return
        }
        pipeline.removeHandler(context: context, promise: nil)
    }
}

/// Refuses a connection over the bounds, and closes one whose client is too slow: with the head of a request, with its
/// body, with the next request, or with taking an answer.
///
/// Lives on the event loop of its connection alone.
final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// What is waited for.
    private enum Waiting {
        /// The first bytes of a request on a connection that was used before.
        case nextRequest
        case head, body
        /// Nothing of the client: the answer is being made.
        case nothing
    }

    private let gate: ConnectionGate
    private let limits: HTTPLimits
    private var address: String?
    private var waiting = Waiting.nothing
    /// Requests whose answers are not complete. Pipelined ones may be several.
    private var unanswered = 0
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?

    init(gate: ConnectionGate, limits: HTTPLimits) {
        self.gate = gate
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { opened(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        opened(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        closed()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        closed()
    }

    private func opened(_ context: ChannelHandlerContext) {
        guard address == nil else { return }
        let address = context.remoteAddress?.ipAddress ?? "local"
        if let refusal = gate.enter(address) {
            answer(refusal.problem, context)
            return
        }
        self.address = address
        wait(for: .head, context)
    }

    private func closed() {
        deadline?.cancel()
        stall?.cancel()
        if let address { gate.leave(address) }
        address = nil
    }

    // MARK: What comes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            unanswered += 1
            wait(for: .body, context)
        case .body: break
        case .end: wait(for: unanswered == 0 ? .nextRequest : .nothing, context)
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, and they were no whole head yet.
        if case .nextRequest = waiting { wait(for: .head, context) }
        context.fireChannelReadComplete()
    }

    // MARK: What goes

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), unanswered > 0 {
            unanswered -= 1
            if unanswered == 0, case .nothing = waiting { wait(for: .nextRequest, context) }
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        if !context.channel.isWritable {
            stall = schedule(limits.stallTimeout, context) { guarded, _ in guarded.gate.noteSlow(.answer) }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Deadlines

    private func wait(for next: Waiting, _ context: ChannelHandlerContext) {
        waiting = next
        deadline?.cancel()
        deadline =
            switch next {
            case .nothing: nil
            case .nextRequest: schedule(limits.idleTimeout, context) { _, _ in }
            case .body: schedule(limits.bodyTimeout, context) { guarded, _ in guarded.gate.noteSlow(.body) }
            case .head:
                schedule(limits.headTimeout, context) { guarded, context in
                    guarded.gate.noteSlow(.head)
                    guarded.answer(.slowHead, context)
                }
            }
    }

    /// Closes the connection after a time, with a last word before that.
    private func schedule(
        _ time: Duration,
        _ context: ChannelHandlerContext,
        _ lastWord: @escaping @Sendable (ConnectionGuard, ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        // Both are of this event loop, on which the task runs too.
        let bound = NIOLoopBound((guarded: self, context: context), eventLoop: context.eventLoop)
        return context.eventLoop.scheduleTask(in: TimeAmount(time)) {
            let (guarded, context) = bound.value
            lastWord(guarded, context)
            context.close(promise: nil)
        }
    }

    /// Writes a whole answer to a request that was not read, and closes the connection.
    private func answer(_ problem: Problem, _ context: ChannelHandlerContext) {
        let body = problem.json
        var headers = HTTPHeaders([
            ("content-type", "application/problem+json"), ("content-length", "\(body.readableBytes)"),
            ("connection", "close"),
        ])
        for field in problem.headers { headers.add(name: field.name.rawName, value: field.value) }
        let status = HTTPResponseStatus(statusCode: problem.status.code)
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
            promise: nil
        )
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }
}

extension ConnectionGate.Refusal {
    /// What the client is told.
    fileprivate var problem: Problem {
        switch self {
        case .full:
            Problem(
                .serviceUnavailable,
                .tooManyConnections,
                "this node has as many connections as it takes",
                hint: "try again later, or ask another node",
                headers: [.retryAfter: "2"]
            )
        case .addressFull:
            Problem(
                .tooManyRequests,
                .tooManyConnections,
                "there are as many connections from this address as this node takes from one",
                hint: "use fewer connections, each for many requests",
                headers: [.retryAfter: "2"]
            )
        }
    }
}

extension Problem {
    fileprivate static var slowHead: Problem {
        Problem(.requestTimeout, .tooSlow, "the head of the request took too long")
    }
}
