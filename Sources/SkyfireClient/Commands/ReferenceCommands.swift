internal import ArgumentParser
internal import Cron
internal import JobFile

/// `skyfire explain CODE`
struct ExplainCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain an error code; without one, list them all."
    )

    @Argument(help: ArgumentHelp("A code such as E1203.", valueName: "code"))
    var code: String?

    @OptionGroup var globals: GlobalOptions

    private static let columns = [
        Column("CODE", "code"), Column("TITLE", "title"), Column("CAUSE", "cause", isWide: true),
        Column("MEND", "mend", isWide: true), Column("EXAMPLE", "example", isWide: true),
    ]

    func perform(_ session: ClientSession) async throws {
        guard let code else {
            return session.list(
                try ErrorCatalogue.entries.map { try JSONTree(encoding: $0) },
                Self.columns,
                empty: ""
            )
        }
        guard let entry = ErrorCatalogue.entry(code) else {
            throw ClientError(
                .notFound,
                "there is no error code \"\(code)\"",
                hint: "list them: skyfire explain"
            )
        }
        session.one(
            try JSONTree(encoding: entry),
            Self.columns,
            lines: [
                "\(entry.code): \(entry.title)", "", "Cause:   \(entry.cause)", "Mend:    \(entry.mend)",
                "Example: \(entry.example)",
            ]
        )
    }
}

/// `skyfire version`
struct VersionCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show this program's version."
    )

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        session.one(
            .object([
                "version": .string(ClientCommands.version),
                "tzdata": session.zones.version.map { .string($0) } ?? .null,
            ]),
            [Column("VERSION", "version"), Column("TZDATA", "tzdata")],
            lines: ["skyfire \(ClientCommands.version)"]
        )
    }
}

/// `skyfire completion SHELL`
struct CompletionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a completion script for bash, zsh or fish."
    )

    @Argument(help: "bash, zsh or fish.")
    var shell: String

    func run() async throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw ValidationError("there is no completion for \"\(shell)\"; there is for bash, zsh and fish")
        }
        throw CompletionRequest(shell: shell)
    }
}

/// `skyfire api METHOD PATH`
struct APICommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Send a request as it is, and print the answer's body.",
        discussion:
            "For example: skyfire api GET /v1/cluster; skyfire api POST /v1/runs -d '{\"job\": \"hello\"}'"
    )

    @Argument(help: "GET, POST, PUT, PATCH or DELETE.")
    var method: MethodArgument

    @Argument(help: "The path with its query, percent-encoded; /v1/ is put before one without a slash.")
    var path: String

    @Option(
        name: [.customShort("d"), .customLong("data")],
        help: ArgumentHelp("The body; @FILE reads a file, @- stdin.", valueName: "body")
    )
    var body: String?

    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp("A header; may be repeated.", valueName: "name: value")
    )
    var headers: [String] = []

    @OptionGroup var globals: GlobalOptions

    mutating func validate() throws {
        if path.contains(where: { $0.isWhitespace || $0 == "#" }) {
            throw ValidationError("the path must be percent-encoded")
        }
        if let header = headers.first(where: { !$0.contains(":") }) {
            throw ValidationError("\"\(header)\" is no header; write it like 'If-Match: \"3\"'")
        }
    }

    func perform(_ session: ClientSession) async throws {
        var bytes: [UInt8]?
        if let body {
            bytes =
                body.hasPrefix("@")
                ? try JobFileSource.read([String(body.dropFirst())])[0].bytes : Array(body.utf8)
        }
        var fields = headers.map { header -> (String, String) in
            let parts = header.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), String(parts[1].drop { $0 == " " }))
        }
        if let first = bytes?.first(where: { !" \t\r\n".utf8.contains($0) }), !"{[\"".utf8.contains(first),
            !fields.contains(where: { $0.0.lowercased() == "content-type" })
        {
            fields.append(("Content-Type", "application/yaml"))
        }
        let answer = try await session.api.send(
            method.method,
            path.hasPrefix("/") ? path : "/v1/\(path)",
            json: bytes,
            headers: fields
        )
        if !answer.body.isEmpty {
            session.console.data(answer.body)
            if answer.body.last != UInt8(ascii: "\n"), session.console.isTerminal {
                session.console.data([10])
            }
        }
        if answer.status >= 400 { throw answer.problem() }
    }
}

/// An HTTP method in any case.
struct MethodArgument: Hashable, Sendable, ExpressibleByArgument {
    let method: APIClient.Method

    init?(argument: String) {
        guard let method = APIClient.Method(rawValue: argument.uppercased()) else { return nil }
        self.method = method
    }
}
