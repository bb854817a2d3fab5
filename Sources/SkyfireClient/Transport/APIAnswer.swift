internal import FoundationEssentials
internal import NIOHTTP1

/// What a server answered.
package struct APIAnswer: Sendable {
    package let status: Int
    let headers: HTTPHeaders
    package let body: [UInt8]

    /// A header of the answer, by its name in any case.
    package func header(_ name: String) -> String? { headers.first(name: name) }

    /// The body as any JSON.
    package func tree() throws(ClientError) -> JSONTree { try JSONTree(parsing: body) }

    /// The body as a value.
    package func decode<Value: Decodable>(_ type: Value.Type) throws(ClientError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw ClientError(
                .failure,
                "the server's answer is not understood: \(error)",
                hint: "are this client and the server of one version?"
            )
        }
    }

    /// The error that an answer of 400 or above is.
    package func problem() -> ClientError {
        let problem: ProblemBody
        do {
            problem = try JSONDecoder().decode(ProblemBody.self, from: Data(body))
        } catch {
            // Something between here and the server has answered.
            let text =
                String(decoding: body.prefix(200), as: UTF8.self).split(whereSeparator: \.isNewline).first
                ?? ""
            return ClientError(
                ClientExit(httpStatus: status, code: nil),
                "the server answered \(status)\(text.isEmpty ? "" : ": \(text)")"
            )
        }
        let details = (problem.errors ?? []).map { error in
            ClientError.Detail(
                code: error.code ?? problem.code,
                message: error.message,
                place: Self.place(error),
                hint: error.hint
            )
        }
        return ClientError(
            ClientExit(httpStatus: status, code: problem.code),
            code: problem.code,
            problem.detail ?? problem.title ?? "the server answered \(status)",
            details: details
        )
    }

    private static func place(_ error: ProblemBody.Mistake) -> String? {
        if let line = error.line { return error.column.map { "\(line):\($0)" } ?? "\(line)" }
        return error.pointer
    }
}

/// A problem document (RFC 9457).
private struct ProblemBody: Decodable {
    struct Mistake: Decodable {
        var code: String?
        var message: String
        var pointer: String?
        var line: Int?
        var column: Int?
        var hint: String?
    }

    var title: String?
    var code: String?
    var detail: String?
    var errors: [Mistake]?
}
