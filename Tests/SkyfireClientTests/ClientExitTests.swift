import SkyfireClient
import Testing

@Suite struct ClientExitTests {
    private static let answers: [(Int, String?, ClientExit)] = [
        (400, "E2001", ClientExit.failure), (400, "E1003", .invalidDefinition),
        (422, "E1203", .invalidDefinition),
        (422, "E2010", .failure), (401, nil, .denied), (403, nil, .denied), (404, "E2004", .notFound),
        (409, "E2101", .conflict), (412, "E2012", .conflict), (413, "E1001", .invalidDefinition),
        (429, nil, .failure),
        (500, "E2016", .failure), (503, "E2015", .unreachable), (504, nil, .unreachable),
        (502, nil, .unreachable),
    ]

    @Test(arguments: answers)
    func answersHaveTheirCodes(status: Int, code: String?, expected: ClientExit) {
        #expect(ClientExit(httpStatus: status, code: code) == expected)
    }

    @Test(arguments: [
        ("succeeded", ClientExit.ok), ("failed", .runFailed), ("killed", .runStopped),
        ("cancelled", .runStopped),
        ("skipped", .runStopped), ("timed_out", .runFailed), ("lost", .runFailed),
    ])
    func endsHaveTheirCodes(state: String, expected: ClientExit) {
        #expect(ClientExit(ended: state) == expected)
    }

    @Test(arguments: ["waiting", "queued", "running", "paused", "failing", "killing", "assigned"])
    func whatIsNotOverHasNone(state: String) {
        #expect(ClientExit(ended: state) == nil)
    }
}
