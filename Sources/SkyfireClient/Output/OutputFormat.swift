internal import ArgumentParser

/// The forms in which verbs print data (`-o`).
package enum OutputFormat: String, Hashable, Sendable, CaseIterable, ExpressibleByArgument {
    /// Columns for people.
    case table
    /// All columns for people.
    case wide
    /// One JSON value as the API has it; lists are arrays.
    case json
    /// One line of JSON for each item.
    case jsonl
    case yaml
    /// Names or ids alone, one on each line.
    case name
    /// All columns, after RFC 4180, times as RFC 3339.
    case csv
}
