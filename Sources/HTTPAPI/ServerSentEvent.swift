import HTTPTypes
import Hummingbird
import NIOCore

/// One event of a `text/event-stream`.
struct ServerSentEvent {
    var event: String
    var id: String?
    var data: String

    /// How long a stream may be silent before a comment is sent, which tells the client that it lives.
    static let keepAliveInterval = Duration.seconds(15)
    static let keepAlive = ByteBuffer(string: ": keep-alive\n\n")
    /// The first thing sent: how long to wait before reconnecting.
    static let preamble = ByteBuffer(string: "retry: 1000\n\n")

    static let headers: HTTPFields = [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .connection: "close",
    ]

    var buffer: ByteBuffer {
        var text = ""
        if let id { text += "id: \(id)\n" }
        text += "event: \(event)\n"
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) {
            text += "data: \(line)\n"
        }
        return ByteBuffer(string: text + "\n")
    }
}
