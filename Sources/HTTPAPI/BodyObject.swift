import FoundationEssentials
import HTTPTypes
import Yams

/// A small body: one object of known keys, read strictly from JSON or YAML. Mistakes are collected.
struct BodyObject {
    private struct Member {
        var value: JSONValue
        var line: Int?
        var column: Int?
    }

    private var members: [String: Member] = [:]
    private(set) var errors: [ProblemDetail] = []

    /// An empty object.
    init() {}

    /// Reads a text. An empty one is an empty object.
    init(_ text: String, isJSON: Bool, keys: [String]) throws(Problem) {
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        members = try isJSON ? Self.readJSON(text) : Self.readYAML(text)
        for (key, member) in members.sorted(by: { $0.key < $1.key }) where !keys.contains(key) {
            errors.append(
                ProblemDetail(
                    code: APICode.invalidBody.rawValue,
                    message: "unknown key \"\(key)\"",
                    pointer: "/\(key)",
                    line: member.line,
                    column: member.column,
                    hint: Spelling.hint(for: key, among: keys) ?? "known: " + keys.joined(separator: ", ")
                )
            )
        }
    }

    /// Refuses the request where anything was wrong. Called once all values were read.
    func check() throws(Problem) {
        guard errors.isEmpty else { throw Problem(.unprocessableContent, errors: errors) }
    }

    mutating func refuse(_ key: String, _ message: String, hint: String? = nil) {
        let member = members[key]
        errors.append(
            ProblemDetail(
                code: APICode.invalidBody.rawValue,
                message: "\"\(key)\" \(message)",
                pointer: "/\(key)",
                line: member?.line,
                column: member?.column,
                hint: hint
            )
        )
    }

    func has(_ key: String) -> Bool { members[key] != nil }

    mutating func string(_ key: String) -> String? {
        switch members[key]?.value {
        case nil, .null: return nil
        case .string(let text): return text
        default:
            refuse(key, "must be a string")
            return nil
        }
    }

    mutating func bool(_ key: String) -> Bool? {
        switch members[key]?.value {
        case nil, .null: return nil
        case .bool(let value): return value
        default:
            refuse(key, "must be true or false")
            return nil
        }
    }

    /// A whole number of a range. In YAML, whose members have lines, it is read from how it was written.
    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        let value: Int?
        switch members[key]?.value {
        case nil, .null: return nil
        case .integer(let number): value = Int(number)
        case .string(let text): value = members[key]?.line == nil ? nil : Int(text)
        default: value = nil
        }
        guard let value, range.contains(value) else {
            refuse(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// A mapping of names to plain values; numbers and booleans become their text.
    mutating func texts(_ key: String) -> [String: String] {
        switch members[key]?.value {
        case nil, .null: return [:]
        case .object(let values):
            var texts: [String: String] = [:]
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                switch value {
                case .string(let text): texts[name] = text
                case .bool(let value): texts[name] = String(value)
                case .integer(let value): texts[name] = String(value)
                case .number(let value): texts[name] = String(value)
                case .null, .array, .object: refuse(key, "has \"\(name)\", which is no plain value")
                }
            }
            return texts
        default:
            refuse(key, "must be a mapping of names to plain values")
            return [:]
        }
    }

    private static func readJSON(_ text: String) throws(Problem) -> [String: Member] {
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        } catch {
            var reason = "the body is not valid JSON"
            if case DecodingError.dataCorrupted(let context) = error, let cause = context.underlyingError {
                reason += ": \(cause)"
            }
            throw Problem(.badRequest, .invalidBody, reason)
        }
        guard case .object(let object) = value else {
            throw Problem(.unprocessableContent, .invalidBody, "the body must be an object", pointer: "")
        }
        return object.mapValues { Member(value: $0) }
    }

    private static func readYAML(_ text: String) throws(Problem) -> [String: Member] {
        guard !hasAlias(text) else {
            throw Problem(.badRequest, .invalidBody, "anchors and aliases are not taken here")
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw malformed(error)
        } catch {
            throw Problem(.badRequest, .invalidBody, "the body is not valid YAML: \(error)")
        }
        guard let node else { return [:] }
        guard case .mapping(let mapping) = node else {
            throw Problem(.unprocessableContent, .invalidBody, "the body must be a mapping", pointer: "")
        }
        var members: [String: Member] = [:]
        for (key, value) in mapping {
            members[key.string ?? ""] = Member(
                value: json(value, depth: 0),
                line: key.mark?.line,
                column: key.mark?.column
            )
        }
        return members
    }

    private static func malformed(_ error: YamlError) -> Problem {
        var detail = ProblemDetail(
            code: APICode.invalidBody.rawValue,
            message: "the body is not valid YAML: \(error)"
        )
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            detail.message = "the body is not valid YAML: \(problem)"
            detail.line = mark.line
            detail.column = mark.column
        default: break
        }
        return Problem(.badRequest, errors: [detail])
    }

    /// Whether anything stands where an alias could; texts in quotes count too, which a small body can bear.
    private static func hasAlias(_ text: String) -> Bool {
        var before = UInt8(ascii: "\n")
        var hasAnchor = false
        var hasStar = false
        for byte in text.utf8 {
            if " \t\r\n[{,?".utf8.contains(before) {
                if byte == UInt8(ascii: "&") { hasAnchor = true }
                if byte == UInt8(ascii: "*") { hasStar = true }
            }
            before = byte
        }
        return hasAnchor && hasStar
    }

    private static func json(_ node: Node, depth: Int) -> JSONValue {
        // Nothing that is read lies deeper than this.
        guard depth < 4 else { return .null }
        switch node {
        case .scalar(let scalar):
            guard scalar.style == .plain else { return .string(scalar.string) }
            if scalar.string == "true" || scalar.string == "false" { return .bool(scalar.string == "true") }
            if ["", "~", "null"].contains(scalar.string) { return .null }
            // Numbers stay as they were written: only texts are made of them.
            return .string(scalar.string)
        case .sequence(let sequence): return .array(sequence.map { json($0, depth: depth + 1) })
        case .mapping(let mapping):
            var object: [String: JSONValue] = [:]
            for (key, value) in mapping { object[key.string ?? ""] = json(value, depth: depth + 1) }
            return .object(object)
        case .alias: return .null
        }
    }
}

extension APIRequest {
    /// The body as an object of these keys; a missing body is an empty one.
    func object(keys: [String]) async throws -> BodyObject {
        if headers[.contentType] == nil, headers[.contentLength] == nil || headers[.contentLength] == "0",
            headers[.transferEncoding] == nil
        {
            return BodyObject()
        }
        let (text, isJSON) = try await text()
        return try BodyObject(text, isJSON: isJSON, keys: keys)
    }
}
