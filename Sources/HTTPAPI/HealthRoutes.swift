import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import Node
import Scheduling

/// What machines ask: whether the node lives, whether it is ready, how it does, and what it offers.
let healthRoutes: [Route] = [
    Route(.get, "/livez", "live", "Answers while the process serves.", contentType: "text/plain") { _, _ in
        Response(
            status: .ok,
            headers: [.contentType: "text/plain"],
            body: .init(byteBuffer: ByteBuffer(string: "ok\n"))
        )
    },
    Route(.get, "/readyz", "ready", "200 when ready, 503 with what is missing.", answer: "Readiness") {
        _,
        environment in
        let missing = await environment.operations.missingForReady()
        guard !missing.isEmpty else { return JSONBody.response(Readiness(ready: true, missing: [])) }
        throw Problem(
            .serviceUnavailable,
            errors: missing.map { ProblemDetail(code: APICode.notReady.rawValue, message: $0) }
        )
    },
    Route(.get, "/metrics", "metrics", "Figures for Prometheus.", contentType: "text/plain") {
        _,
        environment in
        let text = await Metrics.text(environment)
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    },
    Route(.get, "/openapi.json", "describe", "This description.", contentType: "application/json") {
        request,
        _ in
        JSONBody.cacheableResponse(OpenAPIDocument.make(RouteTable.all), to: request)
    },
]

private struct Readiness: Encodable {
    var ready: Bool
    var missing: [String]
}
