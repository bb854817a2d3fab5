import SkyfireClient
import Testing

@Suite struct ServerSentEventParserTests {
    private static let text =
        "retry: 1000\n\n: comment\nid: 7\nevent: log\ndata: a\ndata:b\n\nevent: end\r\ndata: {}\r\n\r\ndata: last\n"
    private static let events = [
        ServerSentEvent(event: "log", id: "7", data: "a\nb"),
        ServerSentEvent(event: "end", id: "7", data: "{}"),
    ]

    @Test(arguments: 1...12)
    func piecesOfAnySizeGiveTheSameEvents(size: Int) throws {
        var parser = ServerSentEventParser()
        let bytes = Array(Self.text.utf8)
        var events: [ServerSentEvent] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try parser.parse(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events == Self.events)
    }

    @Test func eventsAreBounded() throws {
        let limit = ServerSentEventParser.largestEvent
        var parser = ServerSentEventParser()
        // What ends in time starts the count anew, however much it is together.
        for _ in 0..<3 {
            _ = try parser.parse("data: ".utf8)
            _ = try parser.parse(repeatElement(UInt8(ascii: "x"), count: limit - 6))
            #expect(try parser.parse("\n\n".utf8).first?.data.utf8.count == limit - 6)
        }
        // Many lines of one event count together.
        _ = try parser.parse("data: a\ndata: b\n".utf8)
        #expect(throws: ServerSentEventParser.Overlong.self) {
            _ = try parser.parse(repeatElement(UInt8(ascii: "x"), count: limit - 13))
        }
    }
}
