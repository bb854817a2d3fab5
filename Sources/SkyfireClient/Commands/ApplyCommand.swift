internal import ArgumentParser
internal import JobFile
internal import Scheduling

/// `skyfire apply -f PATH`
struct ApplyCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Create or update the jobs of files.",
        discussion: "All files are checked before anything is sent; with a mistake in one, nothing is."
    )

    @Option(
        name: [.customShort("f"), .customLong("file")],
        help: ArgumentHelp("A file, a directory, or - for stdin; may be repeated.", valueName: "path")
    )
    var files: [String]

    @Flag(help: "Only say what would happen.")
    var dryRun = false

    @Option(help: ArgumentHelp("Update only this version of the job.", valueName: "n"))
    var ifVersion: Int?

    @OptionGroup var globals: GlobalOptions

    private static let columns = [
        Column("NAME", "name"), Column("RESULT", "result", .state),
        Column("VERSION", "version", isRight: true),
    ]

    func perform(_ session: ClientSession) async throws {
        let definitions = try read(session)
        if ifVersion != nil, definitions.count != 1 {
            throw ClientError(.usage, "--if-version goes with one job; the files hold \(definitions.count)")
        }
        let isForPeople = session.format == .table || session.format == .wide
        var results: [JSONTree] = []
        var worst: ClientError?
        for definition in definitions {
            do {
                let (result, version) = try await apply(definition, session)
                if isForPeople {
                    let at = version.map { " (version \($0))" } ?? ""
                    session.console.line("job \(definition.name) \(result)\(at)\(dryRun ? " (dry run)" : "")")
                }
                var item: [String: JSONTree] = [
                    "name": .string(definition.name.description), "result": .string(result),
                ]
                if let version { item["version"] = .integer(Int64(version)) }
                results.append(.object(item))
            } catch let error as ClientError {
                session.console.error("job \(definition.name) failed")
                session.console.error(error.description)
                worst = worst ?? error
                if error.isTransient { break }
            }
        }
        if !isForPeople { session.list(results, Self.columns, empty: "") }
        if let worst { throw ClientError.silent(worst.exit) }
    }

    private func read(_ session: ClientSession) throws -> [JobDefinition] {
        var definitions: [JobDefinition] = []
        var places: [JobName: String] = [:]
        var hasMistakes = false
        for source in try JobFileSource.read(files) {
            switch source.jobs(zones: session.zones) {
            case .success(let jobs):
                for job in jobs {
                    if let first = places.updateValue(source.name, forKey: job.name) {
                        session.console.error("error: job \(job.name) is in \(first) and in \(source.name)")
                        hasMistakes = true
                    }
                    definitions.append(job)
                }
            case .failure(let error):
                session.console.error(String(source.text(of: error).dropLast()))
                hasMistakes = true
            }
        }
        if hasMistakes { throw ClientError.silent(.invalidDefinition) }
        return definitions
    }

    /// Creates or updates a job; tells what became of it.
    private func apply(_ definition: JobDefinition, _ session: ClientSession) async throws -> (String, Int?) {
        let path = APIPath("jobs", definition.name.description)
        let current = try await session.api.find(path)?.decode(JobView.self)
        if let ifVersion, current?.version != ifVersion {
            let found = current.map { "it has version \($0.version)" } ?? "there is none"
            throw ClientError(.conflict, "\(definition.name) is not at version \(ifVersion): \(found)")
        }
        if let current, current.definition == definition { return ("unchanged", current.version) }
        if dryRun { return (current == nil ? "created" : "updated", current?.version) }
        let body = try CanonicalJSON.encode(definition)
        if current == nil {
            let answer = try await session.api.send(.post, APIPath("jobs").description, json: body)
            if answer.status < 400 { return ("created", try answer.decode(JobView.self).version) }
            // Another client has made it since it was looked for: then it is updated.
            guard answer.status == 409 else { throw answer.problem() }
        }
        let headers = ifVersion.map { [("If-Match", "\"\($0)\"")] } ?? []
        let answer = try await session.api.checked(.put, path.description, json: body, headers: headers)
        return (answer.status == 201 ? "created" : "updated", try answer.decode(JobView.self).version)
    }
}
