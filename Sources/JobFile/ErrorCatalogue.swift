/// What `skyfire explain CODE` and the reference say about each error code.
package enum ErrorCatalogue {
    package struct Entry: Hashable, Sendable, Codable {
        package let code: String
        /// A few words.
        package let title: String
        /// Why it happens.
        package let cause: String
        /// What to do.
        package let mend: String
        /// A text that is wrong, or the situation, in a line.
        package let example: String

        init(_ code: String, _ title: String, cause: String, mend: String, example: String) {
            self.code = code
            self.title = title
            self.cause = cause
            self.mend = mend
            self.example = example
        }
    }

    /// All entries in the order of their codes.
    package static let entries: [Entry] =
        (readingEntries + shapeEntries + nameEntries + contentEntries + apiEntries + runEntries).sorted {
            $0.code < $1.code
        }

    private static let byCode = Dictionary(entries.map { ($0.code, $0) }) { first, _ in first }

    /// The entry of a code; `e1203` and `1203` are read as well.
    package static func entry(_ code: String) -> Entry? {
        let upper = code.uppercased()
        return byCode[upper] ?? byCode["E" + upper]
    }
}
