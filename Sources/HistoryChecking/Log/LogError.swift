/// Input that cannot be read: the history cannot be judged at all (exit 65).
package struct UnreadableInput: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// `place` is a file, with a line or an offset where that helps.
    package init(_ place: String, _ what: String) {
        description = "\(place): \(what)"
    }
}
