/// A name that breaks its grammar, with the reason in words.
package struct NameError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The name of a job: `[project.]name`, unique in the cluster. `default.hello` is the same job as `hello`.
///
/// Each part is `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`; the whole is at most 100 characters.
package struct JobName: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package static let maximumLength = 100
    private static let maximumPartLength = 64

    /// The canonical form: without the project where that is `default`.
    package let description: String

    package init(_ text: String) throws(NameError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2 else {
            throw NameError("a job name is NAME or PROJECT.NAME, with one dot at most")
        }
        for part in parts {
            guard NameGrammar.isIdentifier(part, maximumLength: Self.maximumPartLength) else {
                throw NameError(
                    "each part of a job name is a letter or digit, then letters, digits, \"_\" or \"-\" (64 at most)"
                )
            }
        }
        guard text.utf8.count <= Self.maximumLength else {
            throw NameError("a job name has \(Self.maximumLength) characters at most")
        }
        description =
            parts.count == 2 && parts[0].elementsEqual("default".utf8) ? String(text.dropFirst(8)) : text
    }

    /// The project: the part before the dot, or `default`.
    package var project: Substring {
        description.firstIndex(of: ".").map { description[..<$0] } ?? "default"
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package static func < (left: JobName, right: JobName) -> Bool { left.description < right.description }
}

/// The id of a task within its job: `[A-Za-z0-9][A-Za-z0-9_-]{0,39}`.
package struct TaskID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let description: String

    package init(_ text: String) throws(NameError) {
        guard NameGrammar.isIdentifier(text.utf8, maximumLength: 40) else {
            throw NameError(
                "a task id is a letter or digit, then letters, digits, \"_\" or \"-\", 40 characters at most"
            )
        }
        description = text
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package static func < (left: TaskID, right: TaskID) -> Bool { left.description < right.description }
}

/// The characters that names are made of.
package enum NameGrammar {
    /// Whether the bytes are a letter or digit followed by letters, digits, `_` or `-`.
    package static func isIdentifier(_ bytes: some Collection<UInt8>, maximumLength: Int) -> Bool {
        guard let first = bytes.first, isAlphanumeric(first), bytes.count <= maximumLength else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
