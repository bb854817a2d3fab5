package import ArgumentParser
internal import Cron
internal import Glibc

/// When words are coloured.
package enum ColorChoice: String, Hashable, Sendable, CaseIterable, ExpressibleByArgument {
    case auto, always, never
}

/// A duration as an argument: `30s`, `1h30m`.
package struct DurationArgument: Hashable, Sendable, ExpressibleByArgument {
    package let milliseconds: Int64

    package init?(argument: String) {
        do {
            milliseconds = try DurationText.milliseconds(parsing: argument)
        } catch {
            return nil
        }
    }

    package var duration: Duration { .milliseconds(milliseconds) }
}

/// What every verb takes.
package struct GlobalOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "The server; several with commas are tried in turn. Default: $SKYFIRE_SERVER, else http://127.0.0.1:8080.",
            valueName: "url"
        )
    )
    package var server: String?

    @Option(name: [.customShort("o"), .customLong("output")], help: "How data is printed.")
    package var output: OutputFormat?

    @Flag(help: "Leave out the titles of columns.")
    package var noHeaders = false

    @Option(help: "When to colour; NO_COLOR counts as never.")
    package var color: ColorChoice = .auto

    @Flag(name: .shortAndLong, help: "No words on stderr but errors.")
    package var quiet = false

    @Flag(name: .shortAndLong, help: "Tell of each request on stderr.")
    package var verbose = false

    @Option(
        help: ArgumentHelp("Give up after this long (30s, 5m), with exit code 124.", valueName: "duration")
    )
    package var timeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "A key of yours for the request; asking again with it does not start a second run.",
            valueName: "key"
        )
    )
    package var requestID: String?

    package init() {}

    /// Refuses values that cannot be, with exit code 64; called by the parser.
    package mutating func validate() throws {
        if let requestID {
            guard !requestID.isEmpty, requestID.utf8.count <= 200,
                requestID.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { throw ValidationError("--request-id is 1 to 200 visible ASCII characters") }
        }
        if let timeout, timeout.milliseconds == 0 {
            throw ValidationError("--timeout must be longer than 0s")
        }
        if let server { _ = try ServerList(server) }
    }
}

/// The servers that may be asked: each answers for the whole cluster.
package struct ServerList: Hashable, Sendable {
    /// Without a slash at the end, at least one.
    package let urls: [String]

    /// Reads `URL[,URL]…`; `http://` may be left out.
    package init(_ text: String) throws(ValidationError) {
        var urls: [String] = []
        for part in text.split(separator: ",") {
            var url = part.drop { $0 == " " }
            let hasScheme = url.contains("://")
            while url.last == "/" || url.last == " " { url.removeLast() }
            let full = hasScheme ? String(url) : "http://\(url)"
            guard full.hasPrefix("http://") || full.hasPrefix("https://"),
                let host = full.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).first,
                !host.isEmpty, host.last != ":",
                !full.contains(where: { $0.isWhitespace || $0 == "?" || $0 == "#" })
            else { throw ValidationError("\"\(part)\" is no server; write it like http://127.0.0.1:8080") }
            urls.append(full)
        }
        guard !urls.isEmpty else {
            throw ValidationError("no server is named; write it like http://127.0.0.1:8080")
        }
        self.urls = urls
    }
}
