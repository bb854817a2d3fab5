import FoundationEssentials
import Hummingbird
import NIOCore
import NIOPosix
import Node
import Processes
import Scheduling

/// The output of an attempt as server-sent events: what is there, then what comes, then how it ended.
///
/// Each slice is read from disk when the client has taken the one before, so a slow client costs nothing. That there is
/// more is told by the file system.
struct LogFollow: Sendable {
    /// How often the attempt's state is asked for while nothing comes.
    static let stateInterval = Duration.seconds(1)
    static let sliceBytes = 65_536

    private struct LogEvent: Encodable {
        var stream: String
        var offset: Int64
        var nextOffset: Int64
        var base64: String

        enum CodingKeys: String, CodingKey {
            case stream, offset, base64
            case nextOffset = "next_offset"
        }
    }

    private struct EndEvent: Encodable {
        var state: String
        var exitCode: Int?

        enum CodingKeys: String, CodingKey {
            case state
            case exitCode = "exit_code"
        }
    }

    let directory: String
    let operations: any ClusterOperations
    let attempt: AttemptID
    /// The streams that are followed, each with the offset to begin at.
    var offsets: [LogStream: Int64]
    /// The last lines to begin with, rather than the offsets.
    var lines: Int?

    /// Follows until the attempt is over and all was sent.
    @concurrent mutating func run(_ writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ServerSentEvent.preamble)
        if let lines { try await sendTails(lines, &writer) }
        let clock = ContinuousClock()
        var lastWrite = clock.now
        var nextState = clock.now
        for await _ in AttemptLogWatch.changes(in: directory) {
            // What was written before the attempt was over is there to be read after that was learnt.
            var ended: AttemptView?
            if clock.now >= nextState {
                ended = await endedAttempt()
                nextState = clock.now + Self.stateInterval
            }
            var hasSent = false
            while try await sendSlices(&writer) { hasSent = true }
            if let ended {
                let event = EndEvent(state: ended.state, exitCode: ended.exitCode)
                try await write(ServerSentEvent(event: "end", id: position, data: text(event)), &writer)
                return
            }
            if hasSent {
                lastWrite = clock.now
            } else if clock.now - lastWrite >= ServerSentEvent.keepAliveInterval {
                try await writer.write(ServerSentEvent.keepAlive)
                lastWrite = clock.now
            }
            // Nothing more will come: only its end is waited for.
            if try await hasEnded() { nextState = clock.now }
        }
        try Task.checkCancellation()
    }

    /// Where to resume, as the id of events: the next offset of each stream, `-` for one that is not followed.
    private var position: String {
        LogStream.allCases.map { offsets[$0].map { String($0) } ?? "-" }.joined(separator: ",")
    }

    /// Reads `Last-Event-ID`.
    static func offsets(position: String) -> [LogStream: Int64]? {
        let parts = position.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == LogStream.allCases.count else { return nil }
        var offsets: [LogStream: Int64] = [:]
        for (stream, part) in zip(LogStream.allCases, parts) where part != "-" {
            guard let offset = Int64(part), offset >= 0 else { return nil }
            offsets[stream] = offset
        }
        return offsets.isEmpty ? nil : offsets
    }

    /// The attempt once it is over; nil while it runs, or while that is not known.
    private func endedAttempt() async -> AttemptView? {
        do throws(OperationError) {
            let view = try await operations.attempts(of: attempt.run).first {
                $0.task == attempt.task && $0.partition == attempt.partition && $0.n == attempt.number
            }
            return view.flatMap { AttemptOutcome(rawValue: $0.state) == nil ? nil : $0 }
        } catch {
            return nil  // Asked again later; the log itself is served on.
        }
    }

    /// Sends one slice of each stream; tells whether there was any.
    @concurrent private mutating func sendSlices(_ writer: inout any ResponseBodyWriter) async throws -> Bool
    {
        var hasSent = false
        for stream in LogStream.allCases {
            guard let offset = offsets[stream] else { continue }
            let slice = try await LogFiles(directory: directory).read(
                stream,
                offset: offset,
                limit: Self.sliceBytes
            )
            guard !slice.bytes.isEmpty else { continue }
            try await send(slice, of: stream, from: offset, &writer)
            hasSent = true
        }
        return hasSent
    }

    @concurrent private mutating func sendTails(
        _ lines: Int,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        for stream in LogStream.allCases where offsets[stream] != nil {
            let slice = try await LogFiles(directory: directory).tail(stream, lines: lines)
            let start = max(slice.nextOffset - Int64(slice.bytes.count), 0)
            offsets[stream] = slice.nextOffset
            if !slice.bytes.isEmpty { try await send(slice, of: stream, from: start, &writer) }
        }
    }

    @concurrent private mutating func send(
        _ slice: LogSlice,
        of stream: LogStream,
        from offset: Int64,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        offsets[stream] = slice.nextOffset
        let event = LogEvent(
            stream: stream.rawValue,
            offset: offset,
            nextOffset: slice.nextOffset,
            base64: Data(slice.bytes).base64EncodedString()
        )
        try await write(ServerSentEvent(event: "log", id: position, data: text(event)), &writer)
    }

    /// Whether nothing more will be written.
    private func hasEnded() async throws -> Bool {
        for (stream, offset) in offsets
        where !(try await LogFiles(directory: directory).read(stream, offset: offset, limit: 0).isComplete) {
            return false
        }
        return true
    }

    private func text(_ event: some Encodable) -> String { String(buffer: JSONBody.buffer(event)) }

    @concurrent private func write(
        _ event: ServerSentEvent,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(event.buffer)
    }
}
