import HTTPTypes
import Hummingbird
import Node
import Scheduling

/// What happens in the cluster, as it happens.
let eventRoutes: [Route] = [
    Route(
        .get,
        "/v1/events",
        "streamEvents",
        "Server-sent events of runs, attempts and jobs; resumes after Last-Event-ID.",
        query: [
            QueryParameter("topic", .someOf(EventStream.topics.keys.sorted()), "Only these. Default: all."),
            QueryParameter("after", .text, "Begin after this event, as Last-Event-ID does."),
        ],
        contentType: "text/event-stream"
    ) { request, environment in
        var query = request.query
        let topics = Set(query.choices("topic").compactMap { EventStream.topics[$0] })
        let after = request.headers[.lastEventID] ?? query.text("after")
        try query.check()
        let operations = environment.operations
        let body = try environment.streams.body(of: request.base) { writer in
            try await EventStream(operations: operations, topics: topics, after: after).run(&writer)
        }
        return Response(status: .ok, headers: ServerSentEvent.headers, body: body)
    }
]

/// One client's stream of events.
private struct EventStream: Sendable {
    /// Names of topics, in plural too, with what the mirror calls them.
    static let topics = [
        "run": "run", "runs": "run", "attempt": "attempt", "attempts": "attempt", "job": "job", "jobs": "job",
    ]
    /// How many events wait for a slow client. One more ends its stream: it resumes after the last that it has.
    static let bound = 1024

    let operations: any ClusterOperations
    /// Empty means all.
    let topics: Set<String>
    let after: String?

    @concurrent func run(_ writer: inout any ResponseBodyWriter) async throws {
        let events = await operations.events(after: after)
        let (waiting, entry) = AsyncStream<MirrorEvent?>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.bound)
        )
        try await writer.write(ServerSentEvent.preamble)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { entry.finish() }
                for await event in events where topics.isEmpty || topics.contains(event.topic) {
                    if case .dropped = entry.yield(event) { return }
                }
            }
            group.addTask {
                while true {
                    // The beat of an idle stream; it ends with the stream's group.
                    try await Task.sleep(for: ServerSentEvent.keepAliveInterval)
                    entry.yield(nil)
                }
            }
            for await event in waiting {
                guard let event else {
                    try await writer.write(ServerSentEvent.keepAlive)
                    continue
                }
                let sent = ServerSentEvent(event: event.topic, id: event.id, data: event.data)
                try await writer.write(sent.buffer)
            }
            group.cancelAll()
        }
    }
}
