/// The path of a route: `/v1/runs/{id}:cancel`. Parts in braces take one path part each, a verb follows a colon.
package struct PathPattern: Hashable, Sendable, CustomStringConvertible {
    private enum Part: Hashable, Sendable {
        case literal(String)
        case parameter(String, verb: String?)
    }

    /// As written, and as OpenAPI writes it.
    package let description: String
    /// The names in braces, in order.
    package let parameters: [String]
    private let parts: [Part]

    package init(_ text: String) {
        description = text
        parts = text.split(separator: "/").map { part in
            guard part.first == "{", let end = part.firstIndex(of: "}") else { return .literal(String(part)) }
            let name = String(part[part.index(after: part.startIndex)..<end])
            let rest = part[part.index(after: end)...]
            return .parameter(name, verb: rest.isEmpty ? nil : String(rest.dropFirst()))
        }
        parameters = parts.compactMap { part in
            guard case .parameter(let name, _) = part else { return nil }
            return name
        }
    }

    /// The verb that ends the pattern behind a parameter, if one does.
    var verb: String? {
        guard case .parameter(_, let verb) = parts.last else { return nil }
        return verb
    }

    /// Finds the values of the parameters where a path fits.
    ///
    /// - Parameter path: the decoded parts of a path. A part with a colon is split at its last colon and fits only
    ///   patterns with that verb: no name or id has a colon.
    /// - Returns: nil where the path does not fit.
    func match(_ path: [String]) -> [String: String]? {
        guard path.count == parts.count else { return nil }
        var values: [String: String] = [:]
        for (part, text) in zip(parts, path) {
            switch part {
            case .literal(let literal):
                guard literal == text else { return nil }
            case .parameter(let name, let verb):
                let (value, foundVerb) = Self.split(text)
                guard foundVerb == verb, !value.isEmpty else { return nil }
                values[name] = value
            }
        }
        return values
    }

    /// Whether the pattern fits a path up to the verb of its last part.
    func matchesWithoutVerb(_ path: [String]) -> Bool {
        guard verb != nil, let last = path.last, let verb else { return false }
        return match(path.dropLast() + [Self.split(last).value + ":" + verb]) != nil
    }

    private static func split(_ text: String) -> (value: String, verb: String?) {
        guard let colon = text.lastIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}
