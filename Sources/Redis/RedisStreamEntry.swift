/// The place of an entry in a stream: the server's milliseconds and a number within them.
package struct RedisStreamID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970 by the server's clock when the entry was added, unless the writer chose the
    /// id.
    package let milliseconds: UInt64

    /// The number among the entries of one millisecond.
    package let sequence: UInt64

    /// Makes an id from its parts.
    package init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Parses `milliseconds-sequence`; `nil` for any other text.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = UInt64(parts[0]), let sequence = UInt64(parts[1]) else {
            return nil
        }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    /// The id before every entry.
    package static let zero = RedisStreamID(milliseconds: 0, sequence: 0)

    /// The form that Redis writes: `milliseconds-sequence`.
    package var description: String { "\(milliseconds)-\(sequence)" }

    /// Orders ids as the stream does.
    package static func < (left: Self, right: Self) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }
}

/// One entry of a stream.
package struct RedisStreamEntry: Sendable, Hashable {
    /// One field of an entry.
    package struct Field: Sendable, Hashable {
        /// The field's name.
        package let name: String
        /// The field's value: any bytes.
        package let value: [UInt8]
    }

    /// The entry's place.
    package let id: RedisStreamID

    /// The fields in the order of the writer, repeated names included.
    package let fields: [Field]

    /// The value of the first field of that name.
    package subscript(name: String) -> [UInt8]? {
        fields.first { $0.name == name }?.value
    }

    /// Reads an entry as `XREAD` and `XRANGE` reply it; throws `unexpectedReply` for anything else.
    package init(_ reply: RedisValue) throws(RedisError) {
        let parts = try reply.asArray
        guard parts.count == 2, let id = RedisStreamID(try parts[0].asString) else {
            throw RedisError(.unexpectedReply, "a stream entry is an id and its fields")
        }
        var fields: [Field] = []
        // A null in place of the fields is an entry deleted meanwhile; it has none.
        if !parts[1].isNull {
            for (name, value) in try parts[1].asPairs {
                fields.append(Field(name: name, value: try value.asBytes))
            }
        }
        self.id = id
        self.fields = fields
    }
}
