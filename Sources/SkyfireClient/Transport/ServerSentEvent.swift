/// One event of a stream.
package struct ServerSentEvent: Hashable, Sendable {
    package var event: String
    /// The last id that the stream has named so far.
    package var id: String?
    package var data: String

    package init(event: String, id: String?, data: String) {
        self.event = event
        self.id = id
        self.data = data
    }
}

/// Reads `text/event-stream` in pieces of any size (HTML Standard, 9.2.6), with events of at most `largestEvent` bytes.
package struct ServerSentEventParser: Sendable {
    /// An event was longer than `largestEvent`. The stream cannot be read on.
    package struct Overlong: Error {}

    /// Far more than any event of ours has.
    package static let largestEvent = 16 << 20

    private var line: [UInt8] = []
    private var event = ""
    private var data: [String] = []
    private var id: String?
    private var lastWasReturn = false
    /// Bytes of the event that has not ended.
    private var size = 0

    package init() {}

    /// Takes bytes, and returns the events that end in them.
    package mutating func parse(_ bytes: some Sequence<UInt8>) throws(Overlong) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            let isSecondHalf = byte == UInt8(ascii: "\n") && lastWasReturn
            lastWasReturn = byte == UInt8(ascii: "\r")
            if isSecondHalf { continue }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                if let event = endLine() { events.append(event) }
            } else {
                size += 1
                guard size <= Self.largestEvent else { throw Overlong() }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { (event, data, size) = ("", [], 0) }
            return data.isEmpty
                ? nil
                : ServerSentEvent(
                    event: event.isEmpty ? "message" : event,
                    id: id,
                    data: data.joined(separator: "\n")
                )
        }
        let text = String(decoding: line, as: UTF8.self)
        let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        var value = colon == text.endIndex ? "" : text[text.index(after: colon)...]
        if value.first == " " { value.removeFirst() }
        switch text[..<colon] {
        case "event": event = String(value)
        case "data": data.append(String(value))
        case "id": id = String(value)
        default: break  // Comments begin with the colon; "retry" and fields unknown are passed over.
        }
        return nil
    }
}
