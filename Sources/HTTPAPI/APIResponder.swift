import HTTPTypes
import Hummingbird
import Logging
import Node
import Scheduling

/// Answers every request: finds the route, runs its handler, turns what it throws into problems.
struct APIResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let environment: APIEnvironment
    let table: RouteTable

    func respond(to request: Request, context: Context) async throws -> Response {
        var random = SystemRandomNumberGenerator()
        let trace = TraceContext(header: request.headers[.traceparent], random: &random)
        var response: Response
        do {
            response = try await answer(request, trace: trace)
        } catch {
            let problem = problem(error, request: request, trace: trace)
            environment.problems.note(problem.code)
            response = problem.response
        }
        response.headers[.traceparent] = trace.header
        response.headers[.contentTypeOptions] = "nosniff"
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, trace: TraceContext) async throws -> Response {
        let path = String(request.uri.path)
        var parts: [String] = []
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            guard let decoded = PercentEncoding.decode(part) else {
                throw Problem(.badRequest, .badValue, "broken percent-encoding in the path", pointer: "path")
            }
            parts.append(decoded)
        }
        switch table.match(request.method, parts) {
        case .found(let route, let values):
            let now = environment.now()
            let query = Query(request.uri.query, takes: route.query, now: now)
            let request = APIRequest(base: request, parameters: values, query: query, trace: trace, now: now)
            // Routes without parameters never look at the query.
            if route.query.isEmpty { try query.check() }
            return try await route.handler(request, environment)
        case .otherMethods(let methods):
            let names = methods.map(\.rawValue).sorted().joined(separator: ", ")
            if request.method == .options { return Response(status: .noContent, headers: [.allow: names]) }
            throw Problem(
                .methodNotAllowed,
                .methodNotAllowed,
                "\(path) does not take \(request.method.rawValue)",
                hint: "it takes \(names)",
                headers: [.allow: names]
            )
        case .unknown(let verbs):
            throw unknownPath(path, last: parts.last ?? "", verbs: verbs)
        }
    }

    private func unknownPath(_ path: String, last: String, verbs: [String]) -> Problem {
        guard !verbs.isEmpty, let colon = last.lastIndex(of: ":") else {
            return Problem(
                .notFound,
                .unknownPath,
                "no such path: \(path)",
                hint: path.hasPrefix("/v1/") ? "see /openapi.json" : "the API is below /v1, see /openapi.json"
            )
        }
        let verb = String(last[last.index(after: colon)...])
        return Problem(
            .notFound,
            .unknownPath,
            "no such action: \"\(verb)\"",
            hint: Spelling.hint(for: verb, among: verbs) ?? "known: " + verbs.sorted().joined(separator: ", ")
        )
    }

    private func problem(_ error: any Error, request: Request, trace: TraceContext) -> Problem {
        switch error {
        case let error as Problem: return error
        case let error as OperationError: return Problem(error)
        case is CancellationError:
            return Problem(
                .serviceUnavailable,
                .notReady,
                "the node is shutting down",
                headers: [.retryAfter: "2"]
            )
        default:
            environment.logger.error(
                "A request failed for an unexpected reason.",
                metadata: [
                    LogKeys.path: "\(request.uri.path)", LogKeys.method: "\(request.method.rawValue)",
                    LogKeys.trace: "\(trace.traceID)", LogKeys.error: "\(error)",
                ]
            )
            return Problem(
                .internalServerError,
                .internalError,
                "internal error; the node's log has it under this trace",
                hint: "trace \(trace.traceID)"
            )
        }
    }
}

extension HTTPField.Name {
    static let traceparent = HTTPField.Name("traceparent")!  // A token, as the initializer demands.
    static let contentTypeOptions = HTTPField.Name("x-content-type-options")!  // As above.
}
