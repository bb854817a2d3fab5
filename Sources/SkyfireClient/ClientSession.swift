package import ArgumentParser
package import Cron
package import Scheduling

/// What a verb works with: the server, the console, the clock, the options.
package struct ClientSession: Sendable {
    package let console: Console
    package let api: APIClient
    package let zones: TimeZoneDatabase
    /// The zone that times are shown in.
    package let zone: TimeZoneRules
    package let now: @Sendable () -> WallTime
    package let options: GlobalOptions

    package init(
        options: GlobalOptions,
        console: Console,
        servers: ServerList,
        zones: TimeZoneDatabase,
        zone: TimeZoneRules,
        now: @escaping @Sendable () -> WallTime
    ) {
        self.options = options
        self.console = console
        self.zones = zones
        self.zone = zone
        self.now = now
        api = APIClient(servers: servers, requestID: options.requestID, console: console)
    }

    /// The session of a process: its console, environment and clock.
    package static func standard(_ options: GlobalOptions) throws -> ClientSession {
        var console = Console.standard()
        console.isQuiet = options.quiet
        console.isVerbose = options.verbose
        switch options.color {
        case .always: console.isColored = true
        case .never: console.isColored = false
        case .auto:
            console.isColored =
                console.isTerminal && Environment.value("NO_COLOR") == nil
                && Environment.value("TERM") != "dumb"
        }
        let servers = try ServerList(
            options.server ?? Environment.value("SKYFIRE_SERVER") ?? "http://127.0.0.1:8080"
        )
        let zones = TimeZoneDatabase()
        return ClientSession(
            options: options,
            console: console,
            servers: servers,
            zones: zones,
            zone: Environment.zone(in: zones),
            now: Environment.now
        )
    }

    package var format: OutputFormat { options.output ?? .table }
    package var times: TimeText { TimeText(zone: zone, now: now()) }

    private var printer: ListPrinter {
        ListPrinter(
            format: format,
            hasHeaders: !options.noHeaders,
            isColored: console.isColored,
            times: times
        )
    }

    /// Prints a list. Where it is empty, people are told so on stderr.
    package func list(_ items: [JSONTree], _ columns: [Column], empty: String) {
        let isForPeople = format == .table || format == .wide
        if items.isEmpty, isForPeople {
            console.note(empty)
        } else {
            console.data(Array(printer.text(items, columns).utf8))
        }
    }

    /// Prints one item.
    package func one(_ item: JSONTree, _ columns: [Column]) {
        console.data(Array(printer.text(one: item, columns).utf8))
    }

    /// Prints one item in a form for machines, or lines for people.
    package func one(_ item: JSONTree, _ columns: [Column], lines: @autoclosure () -> [String]) {
        if format == .table || format == .wide {
            for line in lines() { console.line(Console.printable(line)) }
        } else {
            one(item, columns)
        }
    }
}

/// A verb of the command line: parsed by ArgumentParser, done with a session.
package protocol ClientVerb: AsyncParsableCommand, Sendable {
    var globals: GlobalOptions { get }
    /// Does what was asked for. Throws `ClientError` for everything that people should read.
    func perform(_ session: ClientSession) async throws
}

extension ClientVerb {
    /// Does what was asked for in this process, as the parser calls it.
    package func run() async throws {
        Interruption.install()
        try await performWithinTimeout(ClientSession.standard(globals))
    }

    /// Does what was asked for, within `--timeout` where it is given.
    package func performWithinTimeout(_ session: ClientSession) async throws {
        guard let timeout = globals.timeout else { return try await perform(session) }
        try await Deadline.within(timeout.duration, DurationText.text(milliseconds: timeout.milliseconds)) {
            try await perform(session)
        }
    }
}

/// The bound that `--timeout` sets.
enum Deadline {
    /// Runs a body, and cancels it once the time has passed.
    static func within(
        _ duration: Duration,
        _ text: String,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                // The time limit itself; cancelled with the group once the body is done.
                try await Task.sleep(for: duration)
                throw ClientError(.timedOut, "not done within \(text)", hint: "what was started goes on")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
