package import Cron
package import Scheduling

/// Reads and checks job files: YAML with one job per document, or JSON with one job.
///
/// A definition that comes out is valid by itself. Whether its name is free and the jobs of `after` exist, only a
/// server knows. Pure but for the zone database, and safe to call from any thread.
package struct JobFileParser: Sendable {
    package enum Format: Hashable, Sendable {
        case yaml, json
    }

    private let zones: TimeZoneDatabase

    package init(zones: TimeZoneDatabase) {
        self.zones = zones
    }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - bytes: the file as it is, at most 1 MiB.
    ///   - fileName: stands in the diagnostics; its ending says the format where `format` does not.
    ///   - format: nil to go by the file's name, then by the text: `{` or `[` at its beginning is JSON.
    /// - Returns: the jobs in the order of the file, at least one.
    /// - Throws: all mistakes of all documents at once. A text that is not YAML or JSON has one.
    package func parse(
        _ bytes: [UInt8],
        fileName: String,
        format: Format? = nil
    ) throws(JobFileError) -> [JobDefinition] {
        guard bytes.count <= ReadingLimits.inputBytes else {
            throw Self.error(
                SyntaxError(
                    "E1001",
                    "the file has \(bytes.count) bytes, more than \(ReadingLimits.inputBytes)",
                    at: SourcePosition(line: 1, column: 1)
                ),
                fileName
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.error(
                SyntaxError("E1002", "the file is not UTF-8", at: Self.invalidPlace(bytes)),
                fileName
            )
        }
        let documents: [SourceNode]
        do throws(SyntaxError) {
            documents =
                switch format ?? Self.format(bytes, fileName) {
                case .json: [try JSONReader.read(bytes)]
                case .yaml: try YAMLReader.read(bytes)
                }
            if documents.isEmpty {
                throw SyntaxError(
                    "E1007",
                    "the file holds no job",
                    at: SourcePosition(line: 1, column: 1),
                    hint: "the smallest job is {version: 1, name: hello, tasks: [{id: hi, run: echo hello}]}"
                )
            }
        } catch {
            throw Self.error(error, fileName)
        }
        return try jobs(documents, SourceText(text), fileName)
    }

    /// Reads a text.
    package func parse(
        _ text: String,
        fileName: String,
        format: Format? = nil
    ) throws(JobFileError) -> [JobDefinition] {
        try parse(Array(text.utf8), fileName: fileName, format: format)
    }

    private func jobs(
        _ documents: [SourceNode],
        _ source: SourceText,
        _ fileName: String
    ) throws(JobFileError) -> [JobDefinition] {
        let findings = Findings(source: source, file: fileName)
        let reader = JobReader(findings: findings, zones: zones)
        var jobs: [JobDefinition] = []
        var names: Set<JobName> = []
        for document in documents {
            guard let job = reader.job(document) else { continue }
            if !names.insert(job.name).inserted {
                findings.add(
                    "E1308",
                    "the file has two jobs named \"\(job.name)\"",
                    in: Field(node: document, path: FieldPath())
                )
            }
            jobs.append(job)
        }
        guard findings.count == 0 else { throw JobFileError(findings.sorted) }
        return jobs
    }

    private static func format(_ bytes: [UInt8], _ fileName: String) -> Format {
        let name = fileName.lowercased()
        if name.hasSuffix(".json") { return .json }
        if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return .yaml }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        let first = text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .json : .yaml
    }

    private static func error(_ error: SyntaxError, _ fileName: String) -> JobFileError {
        JobFileError([
            Diagnostic(
                code: error.code,
                message: error.message,
                pointer: "",
                line: error.position.line,
                column: error.position.column,
                hint: error.hint,
                file: fileName
            )
        ])
    }

    /// Where the first byte stands that is not UTF-8.
    private static func invalidPlace(_ bytes: [UInt8]) -> SourcePosition {
        var position = SourcePosition(line: 1, column: 1)
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" {
                position = SourcePosition(line: position.line + 1, column: 1)
            } else {
                position.column += 1
            }
        }
        return position
    }
}
