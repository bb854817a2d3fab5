internal import FoundationEssentials

/// The output of one attempt.
package struct LogReader: Sendable {
    /// Bytes of a log, and where to read on.
    package struct Slice: Sendable {
        package var bytes: [UInt8]
        package var nextOffset: Int64
        /// Whether nothing follows.
        package var isComplete: Bool
    }

    /// How an attempt ended, as the stream tells it.
    package struct End: Hashable, Sendable, Decodable {
        package var state: String
        package var exitCode: Int?

        enum CodingKeys: String, CodingKey {
            case state
            case exitCode = "exit_code"
        }
    }

    private struct Chunk: Decodable {
        var stream: String
        var base64: String
    }

    private let api: APIClient
    private let run: String
    private let task: String
    private let attempt: Int

    /// A reader of an attempt's log. The task has brackets where it has partitions.
    package init(api: APIClient, run: String, task: String, attempt: Int) {
        self.api = api
        self.run = run
        self.task = task
        self.attempt = attempt
    }

    private var path: APIPath { APIPath("runs", run, "tasks", task, "attempts", String(attempt), "log") }

    /// Reads some bytes of a stream.
    package func read(_ stream: String, offset: Int64, grep: String? = nil) async throws -> Slice {
        try slice(
            try await api.get(path.with("stream", stream).with("offset", String(offset)).with("grep", grep)),
            from: offset
        )
    }

    /// Reads the last lines of a stream.
    package func tail(_ stream: String, lines: Int) async throws -> Slice {
        try slice(try await api.get(path.with("stream", stream).with("lines", String(lines))), from: 0)
    }

    private func slice(_ answer: APIAnswer, from offset: Int64) throws(ClientError) -> Slice {
        guard let next = answer.header("Log-Next-Offset").flatMap({ Int64($0) }) else {
            throw ClientError(.failure, "the server's answer is no log: Log-Next-Offset is missing")
        }
        return Slice(
            bytes: answer.body,
            nextOffset: next,
            isComplete: answer.header("Log-Complete") == "true"
        )
    }

    /// Follows until the attempt is over. Where a connection breaks, it goes on at the byte where it was.
    ///
    /// - Parameters:
    ///   - stream: nil for both.
    ///   - lines: how many of the last lines to begin with; nil to begin at the first byte.
    ///   - patience: how long servers may be out of reach.
    ///   - write: takes the bytes of a stream in order, each byte once.
    /// - Returns: how the attempt ended.
    /// - Throws: `ClientError` where the servers stay out of reach, or refuse.
    package func follow(
        stream: String?,
        lines: Int?,
        patience: Patience,
        _ write: (_ stream: String, [UInt8]) -> Void
    ) async throws -> End {
        var start = path.with("follow", "1").with("stream", stream).with("lines", lines.map { String($0) })
        var lastEventID: String?
        var patience = patience
        while true {
            var end: End?
            do {
                _ = try await api.events(start, lastEventID: lastEventID) { event in
                    patience.reset()
                    switch event.event {
                    case "log":
                        let chunk = try JSONDecoder().decode(Chunk.self, from: Data(event.data.utf8))
                        guard let bytes = Data(base64Encoded: chunk.base64) else {
                            throw ClientError(.failure, "the server's log event is not base64")
                        }
                        write(chunk.stream, Array(bytes))
                        if let id = event.id {
                            lastEventID = id
                            // The id names the place; lines would be sent again.
                            start = path.with("follow", "1").with("stream", stream)
                        }
                        return false
                    case "end":
                        end = try JSONDecoder().decode(End.self, from: Data(event.data.utf8))
                        return true
                    default: return false
                    }
                }
            } catch let error as ClientError where error.isTransient {
                try await patience.wait(after: error)
                continue
            }
            if let end { return end }
            try await patience.wait(
                after: ClientError(.unreachable, "the stream of the log ends early, again and again")
            )
        }
    }
}
