internal import ArgumentParser
internal import Scheduling
internal import JobFile

/// `skyfire validate FILE…`
struct ValidateCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check job files without a server; exit 65 where there are mistakes."
    )

    @Argument(help: "Files, directories, or - for stdin.")
    var files: [String]

    @OptionGroup var globals: GlobalOptions

    private static let columns = [
        Column("FILE", "file"), Column("LINE", "line", isRight: true),
        Column("COLUMN", "column", isRight: true),
        Column("CODE", "code"), Column("MESSAGE", "message"), Column("HINT", "hint"),
    ]

    func perform(_ session: ClientSession) async throws {
        let isForPeople = session.format == .table || session.format == .wide
        var mistakes: [JSONTree] = []
        for source in try JobFileSource.read(files) {
            switch source.jobs(zones: session.zones) {
            case .success(let jobs):
                if isForPeople {
                    let names = jobs.map(\.name.description).joined(separator: ", ")
                    session.console.line(Console.printable("\(source.name) valid (\(names))"))
                }
            case .failure(let error):
                for diagnostic in error.diagnostics { mistakes.append(try JSONTree(encoding: diagnostic)) }
                if isForPeople { session.console.error(String(source.text(of: error).dropLast())) }
            }
        }
        if !isForPeople { session.list(mistakes, Self.columns, empty: "") }
        if !mistakes.isEmpty { throw ClientError.silent(.invalidDefinition) }
    }
}
