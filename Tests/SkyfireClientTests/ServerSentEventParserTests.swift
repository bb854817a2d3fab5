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
    func piecesOfAnySizeGiveTheSameEvents(size: Int) {
        var parser = ServerSentEventParser()
        let bytes = Array(Self.text.utf8)
        var events: [ServerSentEvent] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += parser.parse(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events == Self.events)
    }
}
