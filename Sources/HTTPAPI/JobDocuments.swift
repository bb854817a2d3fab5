import Cron
import HTTPTypes
import JobFile
import Scheduling

/// Reads the jobs of a request's body.
enum JobDocuments {
    /// All jobs of a body, one at least; all mistakes of all documents at once.
    static func all(
        in request: APIRequest,
        zones: TimeZoneDatabase,
        file: String? = nil
    ) async throws -> [JobDefinition] {
        let (text, isJSON) = try await request.text()
        do throws(JobFileError) {
            return try JobFileParser(zones: zones).parse(
                text,
                fileName: file ?? "body",
                format: isJSON ? .json : .yaml
            )
        } catch {
            throw problem(error)
        }
    }

    /// The one job of a body.
    static func one(in request: APIRequest, zones: TimeZoneDatabase) async throws -> JobDefinition {
        let definitions = try await all(in: request, zones: zones)
        guard definitions.count == 1 else {
            throw Problem(
                .unprocessableContent,
                .invalidBody,
                "the body holds \(definitions.count) jobs, one is wanted here",
                hint: "POST several to /v1/jobs:apply"
            )
        }
        return definitions[0]
    }

    /// The file, or a definition in canonical form, has too many bytes.
    private static let tooLarge = ["E1001", "E1314"]

    private static func problem(_ error: JobFileError) -> Problem {
        let details = error.diagnostics.map { diagnostic in
            ProblemDetail(
                code: diagnostic.code,
                message: diagnostic.message,
                pointer: diagnostic.pointer,
                line: diagnostic.line,
                column: diagnostic.column,
                hint: diagnostic.hint
            )
        }
        let status: HTTPResponse.Status
        if details.contains(where: { tooLarge.contains($0.code) }) {
            status = .contentTooLarge
        } else if details.contains(where: { $0.code.hasPrefix("E10") }) {
            status = .badRequest  // E10xx are mistakes of the text as such.
        } else {
            status = .unprocessableContent
        }
        return Problem(status, errors: details)
    }
}
