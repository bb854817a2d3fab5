package import HTTPTypes
import Hummingbird

/// One route: what the router matches, and what the description of the API tells of it.
package struct Route: Sendable {
    typealias Handler = @Sendable (APIRequest, APIEnvironment) async throws -> Response

    /// What a request carries.
    package enum Body: Hashable, Sendable {
        case none
        /// A schema of the description, by name.
        case required(String)
        case optional(String)
    }

    package let method: HTTPRequest.Method
    package let pattern: PathPattern
    /// The name of the operation, unique.
    package let operation: String
    package let summary: String
    package let query: [QueryParameter]
    package let body: Body
    /// The status of success.
    package let status: Int
    /// The status where an earlier request with the same id has done it already.
    package let replayStatus: Int?
    /// The schema of the answer; nil where there is no body of JSON.
    package let answer: String?
    /// The content type of the answer.
    package let contentType: String
    let handler: Handler

    init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ operation: String,
        _ summary: String,
        query: [QueryParameter] = [],
        body: Body = .none,
        status: Int = 200,
        replayStatus: Int? = nil,
        answer: String? = nil,
        contentType: String = "application/json",
        handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = PathPattern(path)
        self.operation = operation
        self.summary = summary
        self.query = query
        self.body = body
        self.status = status
        self.replayStatus = replayStatus
        self.answer = answer
        self.contentType = contentType
        self.handler = handler
    }
}

/// All routes, and the search in them.
package struct RouteTable: Sendable {
    enum Match {
        case found(Route, [String: String])
        /// The path exists for other methods.
        case otherMethods([HTTPRequest.Method])
        /// No such path; where only the verb is unknown, the verbs that are.
        case unknown(verbs: [String])
    }

    package let routes: [Route]

    /// The table that the server serves and `/openapi.json` describes.
    package static let all = RouteTable(
        routes: jobRoutes + runRoutes + taskRoutes + logRoutes + eventRoutes + clusterRoutes + scheduleRoutes
            + healthRoutes
    )

    /// Finds the route of a path given by its decoded parts.
    func match(_ method: HTTPRequest.Method, _ path: [String]) -> Match {
        var others: [HTTPRequest.Method] = []
        let wanted: HTTPRequest.Method = method == .head ? .get : method
        for route in routes {
            guard let values = route.pattern.match(path) else { continue }
            if route.method == wanted { return .found(route, values) }
            others.append(route.method)
            if route.method == .get { others.append(.head) }
        }
        if !others.isEmpty { return .otherMethods(others) }
        return .unknown(
            verbs: routes.filter { $0.pattern.matchesWithoutVerb(path) }.compactMap(\.pattern.verb)
        )
    }
}
