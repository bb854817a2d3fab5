import HTTPTypes
import Hummingbird
import NIOCore
import Scheduling

/// A request as the handlers of routes see it: path parts decoded, query checked for unknown names.
struct APIRequest {
    /// The largest body that is taken, in bytes.
    static let largestBody = 1 << 20

    let base: Request
    /// The values of the parts in braces.
    let parameters: [String: String]
    var query: Query
    let trace: TraceContext
    /// When the request came.
    let now: WallTime

    var headers: HTTPFields { base.headers }

    /// A part of the path that the route's pattern names.
    func parameter(_ name: String) -> String {
        guard let value = parameters[name] else {
            preconditionFailure("the route has no path part {\(name)}")
        }
        return value
    }

    /// The job that a part of the path names.
    func job(_ name: String = "name") throws(Problem) -> JobName {
        let text = parameter(name)
        do {
            return try JobName(text)
        } catch {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(text)\" is no job name: \(error.description)",
                pointer: "path/\(name)"
            )
        }
    }

    /// The run that the path names.
    func run() throws(Problem) -> RunID {
        let text = parameter("id")
        guard let id = RunID(text) else {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(text)\" is no run id",
                pointer: "path/id",
                hint: "a run id is JOB@yyyyMMddTHHmmssZ, then .mN or .rN for manual and repeated runs"
            )
        }
        return id
    }

    /// The worker that the path names.
    func worker() throws(Problem) -> WorkerID {
        let text = parameter("id")
        guard let id = WorkerID(text) else {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(text)\" is no worker id (worker-N)",
                pointer: "path/id"
            )
        }
        return id
    }

    /// A task, and the partition where brackets name one: `clean[3]`.
    static func task(_ text: String, pointer: String) throws(Problem) -> (id: TaskID, partition: Int?) {
        var name = Substring(text)
        var partition: Int?
        if text.last == "]", let open = text.firstIndex(of: "[") {
            let digits = text[text.index(after: open)...].dropLast()
            guard let number = Int(digits), number >= 0, String(number) == digits else {
                throw Problem(
                    .badRequest,
                    .badValue,
                    "\"\(text)\" names no partition",
                    pointer: pointer,
                    hint: "a partition is TASK[N], N from 0"
                )
            }
            partition = number
            name = text[..<open]
        }
        do {
            return (try TaskID(String(name)), partition)
        } catch {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(text)\" is no task id: \(error.description)",
                pointer: pointer
            )
        }
    }

    /// The task that the path names.
    func task() throws(Problem) -> (id: TaskID, partition: Int?) {
        try Self.task(parameter("task"), pointer: "path/task")
    }

    /// The number of the attempt that the path names, from 1.
    func attempt() throws(Problem) -> Int {
        let text = parameter("n")
        guard let number = Int(text), number > 0, String(number) == text else {
            throw Problem(
                .badRequest,
                .badValue,
                "\"\(text)\" is no attempt number; they count from 1",
                pointer: "path/n"
            )
        }
        return number
    }
}

extension APIRequest {
    /// The body as text, with its form by content type.
    ///
    /// A body over the limit is refused with 413; the server underneath reads what is left of it and drops it.
    func text() async throws -> (text: String, isJSON: Bool) {
        let isJSON = try contentTypeIsJSON()
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > Self.largestBody {
            throw Self.tooLarge
        }
        var buffer: ByteBuffer
        do {
            buffer = try await base.body.collect(upTo: Self.largestBody)
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge
        }
        let bytes = buffer.readBytes(length: buffer.readableBytes) ?? []
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.badRequest, .invalidBody, "the body is not UTF-8")
        }
        let first = text.utf8.first { !" \t\r\n".utf8.contains($0) }
        return (text, isJSON ?? (first == UInt8(ascii: "{") || first == UInt8(ascii: "[")))
    }

    private static var tooLarge: Problem {
        Problem(.contentTooLarge, .bodyTooLarge, "the body is larger than \(largestBody) bytes")
    }

    /// Whether the content type says JSON; nil where it says nothing.
    private func contentTypeIsJSON() throws(Problem) -> Bool? {
        guard let header = headers[.contentType] else { return nil }
        let essence = header.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch essence {
        case "application/json", "text/json": return true
        case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml":
            return false
        default:
            if essence.hasSuffix("+json") { return true }
            if essence.hasSuffix("+yaml") { return false }
            throw Problem(
                .unsupportedMediaType,
                .unsupportedMediaType,
                "content type \(essence) is not taken",
                pointer: "header/content-type",
                hint: "send application/json or application/yaml",
                headers: [.accept: "application/json, application/yaml"]
            )
        }
    }
}
