internal import ArgumentParser

/// How much of a list is wanted.
struct ListOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Conditions, all of which must hold.", valueName: "key=value …"))
    var filter: String?

    @Option(help: ArgumentHelp("How many at most.", valueName: "n"))
    var limit = 100

    mutating func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be 1 or more") }
    }

    /// The conditions.
    ///
    /// - Parameter keys: those that the list knows.
    /// - Returns: what `--filter` says, empty where it is not given.
    /// - Throws: a usage error for other keys and what cannot be read.
    func conditions(_ keys: String...) throws(ClientError) -> FilterExpression {
        try FilterExpression(filter ?? "", keys: keys)
    }
}

/// Reads lists page by page.
struct ListReading: Sendable {
    let session: ClientSession
    let limit: Int

    private static let largestPage = 1000

    /// The items that hold a condition, up to the limit.
    ///
    /// - Returns: the items, and whether there may be more.
    func items(
        _ path: APIPath,
        where holds: (JSONTree) -> Bool = { _ in true }
    ) async throws -> (items: [JSONTree], hasMore: Bool) {
        var found: [JSONTree] = []
        var cursor: String?
        while true {
            let page = try await session.api.get(
                path.with("limit", String(min(limit - found.count, Self.largestPage))).with("cursor", cursor)
            ).tree()
            let items = page["items"]?.items ?? []
            for item in items where holds(item) {
                if found.count == limit { return (found, true) }
                found.append(item)
            }
            guard let next = page["next_cursor"]?.text, next != cursor else { return (found, false) }
            if found.count >= limit { return (found, true) }
            cursor = next
        }
    }

    /// Reads and prints a list, and says where it was cut.
    func show(
        _ path: APIPath,
        _ columns: [Column],
        empty: String,
        where holds: (JSONTree) -> Bool = { _ in true }
    ) async throws {
        let (items, hasMore) = try await items(path, where: holds)
        session.list(items, columns, empty: empty)
        if hasMore { session.console.note("there are more than \(limit); see --limit and --filter") }
    }
}
