import HTTPTypes
import Hummingbird
import NIOCore
import Node
import Processes
import Scheduling

/// The output of attempts.
let logRoutes: [Route] = [
    Route(
        .get,
        "/v1/runs/{id}/tasks/{task}/attempts/{n}/log",
        "getLog",
        "Read the output of an attempt, or follow it as server-sent events.",
        query: [
            QueryParameter("stream", .oneOf(["stdout", "stderr"]), "Default stdout; when following: both."),
            QueryParameter(
                "offset",
                .integer(0...Int.max),
                "The first byte, as the process wrote them. Default 0."
            ),
            QueryParameter("limit", .integer(1...(8 << 20)), "How many bytes. Default 1 MiB."),
            QueryParameter("lines", .integer(0...100_000), "The last lines, instead of offset."),
            QueryParameter("grep", .text, "Only lines that this POSIX extended regular expression finds."),
            QueryParameter("follow", .flag, "Server-sent events `log` and `end`, until the attempt is over."),
        ],
        contentType: "text/plain",
        handler: LogReading.answer
    )
]

/// The answer to a request for a log.
private enum LogReading {
    private struct Wish {
        var stream: LogStream?
        var offset: Int64?
        var limit = 1 << 20
        var lines: Int?
        var pattern: LinePattern?
        var isFollowing: Bool

        init(_ request: APIRequest) throws(Problem) {
            var query = request.query
            stream = query.choice("stream").flatMap { LogStream(rawValue: $0) }
            offset = query.integer("offset").map(Int64.init)
            let limit = query.integer("limit")
            lines = query.integer("lines")
            pattern = query.reading("grep") { try LinePattern($0) }
            isFollowing = query.flag("follow")
            if let limit { self.limit = limit }
            if lines != nil, offset != nil { query.refuse("lines", "does not go with offset") }
            if lines != nil, query.text("grep") != nil { query.refuse("lines", "does not go with grep") }
            if isFollowing {
                if query.text("grep") != nil { query.refuse("grep", "does not go with follow") }
                if limit != nil { query.refuse("limit", "does not go with follow") }
                if offset != nil, stream == nil { query.refuse("offset", "needs stream when following") }
            }
            try query.check()
        }
    }

    @Sendable static func answer(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> Response {
        let wish = try Wish(request)
        let (run, task, number) = (try request.run(), try request.task(), try request.attempt())
        let partition = task.partition ?? 0
        let location = try await environment.operations.logLocation(
            run: run,
            task: task.id,
            partition: partition,
            attempt: number
        )
        let attempt = AttemptID(run: run, task: task.id, partition: partition, number: number)
        switch location {
        case .node(let worker, let address):
            if let sender = request.headers[LogProxy.forwardedBy] {
                throw Problem(
                    .serviceUnavailable,
                    .notHere,
                    "\(sender) asked here for a log that is on \(worker)",
                    hint: "the nodes do not agree yet; try again",
                    headers: [.retryAfter: "1"]
                )
            }
            return try await environment.proxy.answer(
                to: request,
                from: worker,
                at: address,
                environment: environment
            )
        case .here(let directory):
            if wish.isFollowing {
                return try follow(request, wish, attempt, directory: directory, environment)
            }
            return try await read(wish, attempt, directory: directory, environment)
        }
    }

    private static func follow(
        _ request: APIRequest,
        _ wish: Wish,
        _ attempt: AttemptID,
        directory: String,
        _ environment: APIEnvironment
    ) throws(Problem) -> Response {
        var follow = LogFollow(
            directory: directory,
            operations: environment.operations,
            attempt: attempt,
            offsets: [:],
            lines: wish.lines
        )
        if let position = request.headers[.lastEventID] {
            guard let offsets = LogFollow.offsets(position: position) else {
                throw Problem(
                    .badRequest,
                    .badValue,
                    "Last-Event-ID is not of this stream",
                    pointer: "header/last-event-id"
                )
            }
            follow.offsets = offsets
            follow.lines = nil
        } else if let stream = wish.stream {
            follow.offsets = [stream: wish.offset ?? 0]
        } else {
            for stream in LogStream.allCases { follow.offsets[stream] = 0 }
        }
        let start = follow
        let body = try environment.streams.body(of: request.base) { writer in
            var follow = start
            try await follow.run(&writer)
        }
        return Response(status: .ok, headers: ServerSentEvent.headers, body: body)
    }

    private static func read(
        _ wish: Wish,
        _ attempt: AttemptID,
        directory: String,
        _ environment: APIEnvironment
    ) async throws -> Response {
        // Asked for before reading: an attempt that was over then writes nothing more.
        let files = LogFiles(
            directory: directory,
            attemptHasEnded: await isOver(attempt, environment.operations)
        )
        let stream = wish.stream ?? .stdout
        let slice: LogSlice
        var offset = wish.offset ?? 0
        if let lines = wish.lines {
            slice = try await files.tail(stream, lines: lines, limit: wish.limit)
            offset = max(slice.nextOffset - Int64(slice.bytes.count), 0)
        } else if let pattern = wish.pattern {
            slice = try await files.search(stream, offset: offset, limit: wish.limit, pattern: pattern)
        } else {
            slice = try await files.read(stream, offset: offset, limit: wish.limit)
        }
        let headers: HTTPFields = [
            .contentType: "text/plain; charset=utf-8", .cacheControl: "no-store", .logOffset: String(offset),
            .logNextOffset: String(slice.nextOffset), .logComplete: String(slice.isComplete),
        ]
        return Response(
            status: .ok,
            headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: slice.bytes))
        )
    }

    /// Whether an attempt is known to be over. Not knowing is no failure: then the log may grow.
    private static func isOver(_ attempt: AttemptID, _ operations: any ClusterOperations) async -> Bool {
        do throws(OperationError) {
            return try await operations.attempts(of: attempt.run).contains {
                $0.task == attempt.task && $0.partition == attempt.partition && $0.n == attempt.number
                    && AttemptOutcome(rawValue: $0.state) != nil
            }
        } catch {
            return false
        }
    }
}
