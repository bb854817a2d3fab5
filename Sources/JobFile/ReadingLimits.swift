/// The bounds of what is read.
package enum ReadingLimits {
    /// Of a file, in bytes.
    package static let inputBytes = 1 << 20
    /// Of a job in canonical form, in bytes.
    package static let canonicalBytes = 256 << 10
    package static let tasks = 2000
    /// Of all partitions of a run together, tasks without partitions counted as one.
    package static let partitions = 10_000
    /// Jobs in one file.
    static let documents = 1000
    static let depth = 64
    /// Values that aliases may add to a file; of a text every 32 bytes count as one.
    static let aliasedNodes = 10_000
    /// Names in one list that must be different.
    static let names = 1000
    /// Of all `needs` of a job together. More do not fit into the canonical form.
    static let needs = 65_536
    /// Of `defaults` times the number of tasks, in bytes of text and values. Far more than fits into the canonical
    /// form, so that only what tasks replace is ever missed.
    static let mergedDefaults = 1 << 20
    static let diagnostics = 200
}

/// What stops the reading of a file: its text is not YAML or JSON that can be read.
struct SyntaxError: Error {
    let code: String
    let message: String
    let position: SourcePosition
    let hint: String?

    init(_ code: String, _ message: String, at position: SourcePosition, hint: String? = nil) {
        self.code = code
        self.message = message
        self.position = position
        self.hint = hint
    }
}
