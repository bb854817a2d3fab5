/// Why a verb did not do what it was asked for: words for people, and the exit code for scripts.
package struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One of several mistakes that a server named.
    package struct Detail: Hashable, Sendable {
        package var code: String?
        package var message: String
        /// Where in the request: a JSON pointer, `query/state` …
        package var place: String?
        package var hint: String?
    }

    package var exit: ClientExit
    /// A code of the catalogue, `E2004`.
    package var code: String?
    package var message: String
    package var hint: String?
    /// More mistakes of the same request, in order.
    package var details: [Detail] = []

    package init(
        _ exit: ClientExit,
        code: String? = nil,
        _ message: String,
        hint: String? = nil,
        details: [Detail] = []
    ) {
        self.exit = exit
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }

    /// The end of a verb whose outcome was told already: nothing more is printed.
    package static func silent(_ exit: ClientExit) -> ClientError { ClientError(exit, "") }

    /// Whether a waiting verb may simply ask again.
    var isTransient: Bool { exit == .unreachable }

    /// What goes to stderr: `error[E2004] there is no job "x"; did you mean "y"?`, then where to read on.
    package var description: String {
        guard !message.isEmpty else { return "" }
        var lines: [String] = []
        if details.isEmpty {
            lines.append(Self.line(code, message, place: nil, hint: hint))
        } else {
            for detail in details {
                lines.append(Self.line(detail.code, detail.message, place: detail.place, hint: detail.hint))
            }
        }
        var named: [String] = []
        for code in details.compactMap(\.code) + [code].compactMap({ $0 }) where !named.contains(code) {
            named.append(code)
        }
        for code in named { lines.append("see: skyfire explain \(code)") }
        return lines.joined(separator: "\n")
    }

    private static func line(_ code: String?, _ message: String, place: String?, hint: String?) -> String {
        var line = code.map { "error[\($0)] " } ?? "error: "
        if let place, !place.isEmpty { line += "\(place): " }
        line += message
        if let hint { line += "; \(hint)" }
        return Console.printable(line)
    }
}
