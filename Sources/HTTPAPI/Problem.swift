package import HTTPTypes
import Hummingbird
import NIOCore
package import Node
import Scheduling
import Synchronization

/// One mistake of a request, as precise as it is known.
package struct ProblemDetail: Hashable, Sendable, Codable {
    /// A code of the catalogue (`E2002`).
    package var code: String
    package var message: String
    /// A JSON pointer into the body, or `query/NAME`, `path/NAME`, `header/NAME`.
    package var pointer: String?
    /// From 1, in the body as sent.
    package var line: Int?
    /// From 1.
    package var column: Int?
    package var hint: String?

    package init(
        code: String,
        message: String,
        pointer: String? = nil,
        line: Int? = nil,
        column: Int? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.pointer = pointer
        self.line = line
        self.column = column
        self.hint = hint
    }
}

/// An answer of type `application/problem+json` (RFC 9457) that carries all mistakes of a request at once.
package struct Problem: Error, Sendable, CustomStringConvertible {
    package var status: HTTPResponse.Status
    package var code: String
    package var detail: String
    package var errors: [ProblemDetail]
    /// Headers that go with the status: `Allow`, `Retry-After` …
    package var headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status,
        code: String,
        _ detail: String,
        errors: [ProblemDetail] = [],
        hint: String? = nil,
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        if errors.isEmpty {
            self.errors = [ProblemDetail(code: code, message: detail, hint: hint)]
        }
    }

    /// A problem made of the mistakes themselves; the first one gives code and detail.
    package init(_ status: HTTPResponse.Status, errors: [ProblemDetail]) {
        precondition(!errors.isEmpty, "a problem has a mistake at least")
        let more = errors.count == 1 ? "" : " (and \(errors.count - 1) more)"
        self.init(status, code: errors[0].code, errors[0].message + more, errors: errors)
    }

    /// The answer to an operation that was refused.
    package init(_ error: OperationError) {
        var headers: HTTPFields = [:]
        let status: HTTPResponse.Status
        switch error.kind {
        case .invalid: status = .unprocessableContent
        case .notFound: status = .notFound
        case .conflict: status = .conflict
        case .staleVersion: status = .preconditionFailed
        case .tooLarge: status = .contentTooLarge
        case .saturated:
            status = .tooManyRequests
            headers[.retryAfter] = "1"
        case .unavailable:
            status = .serviceUnavailable
            headers[.retryAfter] = "2"
        case .unknownOutcome: status = .gatewayTimeout
        }
        self.init(status, code: error.code, error.message, hint: error.hint, headers: headers)
    }

    package var description: String { "\(status.code) \(code) \(detail)" }

    private struct Body: Encodable {
        var type: String
        var title: String
        var status: Int
        var code: String
        var detail: String
        var errors: [ProblemDetail]
    }

    /// The body of the answer.
    var json: ByteBuffer {
        let body = Body(
            type: "urn:skyfire:error:\(code)",
            title: status.reasonPhrase,
            status: status.code,
            code: code,
            detail: detail,
            errors: errors
        )
        return JSONBody.buffer(body)
    }

    /// The answer itself.
    var response: Response {
        var headers = headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: json))
    }
}

/// How many problems of each code were answered.
final class ProblemCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func note(_ code: String) { counts.withLock { $0[code, default: 0] += 1 } }

    /// In the order of the codes.
    var all: [(code: String, count: Int)] {
        counts.withLock { $0.sorted { $0.key < $1.key } }.map { ($0.key, $0.value) }
    }
}

/// The codes of the catalogue that this module gives by itself. Those of operations and of job files come from there.
package enum APICode: String, CaseIterable, Sendable {
    /// The body is not JSON or YAML, or its keys or values cannot be.
    case invalidBody = "E2001"
    /// A query parameter that the route does not take, or a value that cannot be.
    case badQuery = "E2002"
    /// No such task, partition, attempt or worker.
    case notFound = "E2003"
    /// `If-None-Match: *`, and the name is taken.
    case nameTaken = "E2004"
    /// The body is larger than 1 MiB.
    case bodyTooLarge = "E2006"
    /// The content type is neither JSON nor YAML.
    case unsupportedMediaType = "E2016"
    /// The name in the path and the name in the body differ.
    case nameMismatch = "E2017"
    /// No such path.
    case unknownPath = "E2018"
    /// The path exists, the method does not.
    case methodNotAllowed = "E2019"
    /// A part of the path or a header has a value that cannot be.
    case badValue = "E2020"
    /// The node that has the log cannot be reached.
    case nodeUnreachable = "E2021"
    /// A request was passed on and came to a node that does not have the log either.
    case notHere = "E2022"
    /// The node is not ready, or no more.
    case notReady = "E2023"
    /// The mistake is the server's; its log tells more.
    case internalError = "E2024"
    /// The node, or the client's address, has as many connections as it may have.
    case tooManyConnections = "E2025"
    /// The client took too long with its request.
    case tooSlow = "E2026"
    /// The node has as many streams open as it takes.
    case tooManyStreams = "E2027"
}

extension Problem {
    /// A problem with one of this module's own codes.
    package init(
        _ status: HTTPResponse.Status,
        _ code: APICode,
        _ detail: String,
        pointer: String? = nil,
        hint: String? = nil,
        headers: HTTPFields = [:]
    ) {
        self.init(
            status,
            code: code.rawValue,
            detail,
            errors: [ProblemDetail(code: code.rawValue, message: detail, pointer: pointer, hint: hint)],
            headers: headers
        )
    }
}
