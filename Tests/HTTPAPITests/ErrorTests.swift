import AsyncHTTPClient
import FoundationEssentials
import HTTPAPI
import JobFile
import NIOCore
import NIOHTTP1
import Node
import Scheduling
import Synchronization
import Testing

@Suite struct ErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method: HTTPMethod
        var path: String
        var body: String?
        var type: String?
        var status: Int
        var code: String
        var says: String

        init(
            _ method: HTTPMethod,
            _ path: String,
            body: String? = nil,
            type: String? = "application/json",
            _ status: Int,
            _ code: String,
            _ says: String
        ) {
            self.method = method
            self.path = path
            self.body = body
            self.type = type
            self.status = status
            self.code = code
            self.says = says
        }

        var testDescription: String { "\(method) \(path)" }
    }

    static let run = "/v1/runs/hello@20261120T100000Z"

    static let cases = [
        Case(.GET, "/", 404, "E2018", "below /v1"),
        Case(.GET, "/v1/jbos", 404, "E2018", "no such path"),
        Case(.GET, "/v1/jobs/", 404, "E2018", "no such path"),
        Case(.PATCH, "/v1/jobs", 405, "E2019", "GET, HEAD, POST"),
        Case(.GET, run + ":cancel", 405, "E2019", "POST"),
        Case(.POST, run + ":cancle", 404, "E2018", #"did you mean \"cancel\"?"#),
        Case(.GET, "/v1/runs?sate=failed", 400, "E2002", #"did you mean \"state\"?"#),
        Case(.GET, "/v1/runs?state=runing", 400, "E2002", #"did you mean \"running\"?"#),
        Case(.GET, "/v1/runs?limit=0", 400, "E2002", "1 to 1000"),
        Case(.GET, "/v1/runs?limit=5&limit=6", 400, "E2002", "twice"),
        Case(.GET, "/v1/runs?since=yesterday", 400, "E2002", "RFC 3339"),
        Case(.GET, "/v1/cluster?x=1", 400, "E2002", "takes none"),
        Case(.GET, "/v1/jobs/a.b.c", 400, "E2020", "job name"),
        Case(.GET, "/v1/jobs/%F0%9F%94%A5", 400, "E2020", "job name"),
        Case(.GET, "/v1/runs/hello", 400, "E2020", "run id"),
        Case(.GET, "/v1/runs/hello@20261120T100000Z", 404, "E2003", "no run"),
        Case(.GET, run + "/tasks/a/attempts/0", 400, "E2020", "count from 1"),
        Case(.GET, run + "/tasks/a%5Bx%5D/attempts/1", 400, "E2020", "partition"),
        Case(.GET, "/v1/workers/worker-9", 404, "E2003", "worker-9"),
        Case(.GET, "/v1/workers/nine", 400, "E2020", "worker-N"),
        Case(.GET, "/v1/cron:explain", 400, "E2002", "missing"),
        Case(.GET, "/v1/cron:explain?expr=99+*+*+*+*", 400, "E2002", "expr"),
        Case(.GET, "/v1/upcoming?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "E2002", "before"),
        Case(.POST, "/v1/runs", body: "{", 400, "E2001", "JSON"),
        Case(.POST, "/v1/runs", body: "a: [", type: "text/yaml", 400, "E2001", "YAML"),
        Case(.POST, "/v1/runs", body: "[]", 422, "E2001", "object"),
        Case(.POST, "/v1/runs", body: "{}", 422, "E2001", "missing"),
        Case(.POST, "/v1/runs", 422, "E2001", "missing"),
        Case(.POST, "/v1/runs", body: #"{"job":"a","parms":{}}"#, 422, "E2001", #"did you mean \"params\"?"#),
        Case(.POST, "/v1/runs", body: #"{"job":"a","params":{"x":[1]}}"#, 422, "E2001", "plain value"),
        Case(
            .POST,
            "/v1/runs",
            body: "job=a",
            type: "application/x-www-form-urlencoded",
            415,
            "E2016",
            "form"
        ),
        Case(.POST, "/v1/jobs", body: "{", 400, "E10", ""),
        Case(.POST, "/v1/jobs", body: "x", type: "text/plain", 415, "E2016", "application/yaml"),
    ]

    @Test(arguments: cases) func mistakeIsAnsweredPrecisely(_ test: Case) async throws {
        try await LiveServer.with { server in
            let answer = try await server.send(test.method, test.path, body: test.body, type: test.type)
            #expect(answer.status == test.status)
            let problem = try answer.problem()
            #expect(problem.status == test.status)
            #expect(problem.code.hasPrefix(test.code))
            #expect(answer.text.contains(test.says), "\(answer.text)")
            #expect(answer.headers.first(name: "content-type") == "application/problem+json")
            if test.status == 405 { #expect(answer.headers.first(name: "allow") != nil) }
        }
    }

    static let broken: [(String, String, String)] = [
        ("/v1/jobs/%ff", "HTTP/1.1 400 ", "E2020"), ("/v1/jobs/a%2", "HTTP/1.1 400 ", "E2020"),
        ("/v1/runs?since=%zz", "HTTP/1.1 400 ", "E2002"), ("//v1/runs", "HTTP/1.1 404 ", "E2018"),
        ("/v1/jobs/a%2Fb", "HTTP/1.1 400 ", "E2020"), ("*", "HTTP/1.1 404 ", "E2018"),
    ]

    @Test(arguments: broken) func brokenTargetIsAnswered(
        _ target: String,
        _ status: String,
        _ code: String
    ) async throws {
        try await LiveServer.with { server in
            let answer = try await RawConnection.exchange(
                port: server.port,
                "GET \(target) HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            )
            #expect(answer.hasPrefix(status), "\(answer)")
            #expect(answer.contains(code), "\(answer)")
        }
    }

    @Test func allMistakesOfAQueryAndABodyComeAtOnce() async throws {
        try await LiveServer.with { server in
            let query = try await server.send(.GET, "/v1/runs?limit=x&stat=a&since=b&state=c,failed,d")
            #expect(try query.problem().errors.count == 5)
            let body = try await server.send(
                .POST,
                "/v1/runs",
                body: "job: a.b.c\nat: noon\nparam: {}\n",
                type: "application/yaml"
            )
            let errors = try body.problem().errors
            #expect(errors.map(\.pointer) == ["/param", "/job", "/at"])
            #expect(errors.map(\.line) == [3, 1, 2])
        }
    }

    static let kinds: [(OperationError.Kind, Int, Bool)] = [
        (.invalid, 422, false), (.notFound, 404, false), (.conflict, 409, false), (.staleVersion, 412, false),
        (.tooLarge, 413, false), (.saturated, 429, true), (.unavailable, 503, true),
        (.unknownOutcome, 504, false),
    ]

    @Test(arguments: kinds) func refusedOperationHasItsStatus(
        _ kind: OperationError.Kind,
        _ status: Int,
        _ hasRetry: Bool
    ) async throws {
        let operations = RecordedOperations()
        operations.state.withLock {
            $0.failure = OperationError(kind, code: "E2999", "refused", hint: "wait")
        }
        try await LiveServer.with(operations) { server in
            let answer = try await server.send(.GET, "/v1/cluster")
            #expect(answer.status == status)
            #expect(try answer.problem().code == "E2999")
            #expect(try answer.problem().errors.first?.hint == "wait")
            #expect((answer.headers.first(name: "retry-after") != nil) == hasRetry)
        }
    }

    @Test(arguments: APICode.allCases) func codeIsInTheCatalogue(_ code: APICode) {
        #expect(ErrorCatalogue.entry(code.rawValue) != nil)
    }

    /// Lists come from the mirror alone: without it they are refused with the reason, not empty.
    @Test(arguments: ["/v1/runs", "/v1/jobs", "/v1/upcoming", "/v1/schedules"])
    func listWithoutMirrorIsRefused(
        _ path: String
    ) async throws {
        let operations = RecordedOperations()
        operations.state.withLock {
            $0.failure = OperationError(
                .unavailable,
                code: "E2010",
                "the mirror does not answer: Redis is away"
            )
        }
        try await LiveServer.with(operations) { server in
            let answer = try await server.send(.GET, path)
            #expect(answer.status == 503)
            #expect(try answer.codes() == ["E2010"])
            #expect(answer.text.contains("Redis is away"))
            #expect(answer.headers.first(name: "retry-after") != nil)
        }
    }

    @Test func largestBodyIsTakenAndOneMoreByteIsNot() async throws {
        try await LiveServer.with { server in
            let fitting = try await server.send(
                .POST,
                "/v1/runs",
                body: String(repeating: " ", count: (1 << 20) - 13) + #"{"job":"abc"}"#
            )
            #expect(fitting.status == 201)
            let larger = try await server.send(
                .POST,
                "/v1/runs",
                body: String(repeating: " ", count: (1 << 20) - 12) + #"{"job":"abc"}"#
            )
            #expect(larger.status == 413)
            #expect(try larger.codes() == ["E2006"])
        }
    }

    @Test func chunkedBodyOverTheLimitIsRefusedToo() async throws {
        try await LiveServer.with { server in
            var request = server.request(.POST, "/v1/runs", headers: ["content-type": "application/json"])
            let chunk = ByteBuffer(repeating: UInt8(ascii: " "), count: 65_536)
            let chunks = [ByteBuffer](repeating: chunk, count: 20)
            request.body = .stream(chunks.async, length: .unknown)
            let answer = try await server.answer(request)
            #expect(answer.status == 413)
            #expect(try await server.send(.GET, "/livez").status == 200)
        }
    }
}

extension Array where Element: Sendable {
    /// The elements one by one.
    fileprivate var async: AsyncStream<Element> {
        AsyncStream { entry in
            for element in self { entry.yield(element) }
            entry.finish()
        }
    }
}
