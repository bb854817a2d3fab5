/// The names of jobs that one page of a list may hold: those with a prefix, after a cursor.
struct JobNameRange {
    /// The names begin here.
    let least: String
    /// Whether `least` itself is left out.
    let isAfterLeast: Bool
    /// The names end before this; `nil`: they do not end.
    let bound: String?

    /// `~` comes after every character of a job's name.
    init(prefix: String?, cursor: String?) {
        let prefix = prefix ?? ""
        isAfterLeast = cursor.map { $0 >= prefix } ?? false
        least = isAfterLeast ? cursor ?? prefix : prefix
        bound = prefix.isEmpty ? nil : prefix + "~"
    }
}
