/// Something that can stand in a command as one argument.
package protocol RedisArgument {
    /// The argument's bytes as sent.
    var redisBytes: [UInt8] { get }
}

extension String: RedisArgument {
    /// The text in UTF-8.
    package var redisBytes: [UInt8] { Array(utf8) }
}

extension [UInt8]: RedisArgument {
    /// The bytes themselves.
    package var redisBytes: [UInt8] { self }
}

extension Int: RedisArgument {
    /// The number in decimal.
    package var redisBytes: [UInt8] { Array(String(self).utf8) }
}

extension Int64: RedisArgument {
    /// The number in decimal.
    package var redisBytes: [UInt8] { Array(String(self).utf8) }
}

extension UInt64: RedisArgument {
    /// The number in decimal.
    package var redisBytes: [UInt8] { Array(String(self).utf8) }
}

/// One command with its arguments; arguments are any bytes, NUL included.
///
/// Never send commands that change the connection itself (`SUBSCRIBE`, `MONITOR`, `HELLO`, `SELECT`, `CLIENT
/// REPLY`, a `MULTI` without its `EXEC` in the same pipeline): callers share one connection.
package struct RedisCommand: Sendable, Hashable {
    /// All arguments one after the other, the command's name first.
    let storage: [UInt8]

    /// The length of each argument in ``storage``; never empty.
    let lengths: [Int]

    /// Makes a command from its name and arguments, such as `RedisCommand("SET", key, bytes)`.
    package init(_ name: String, _ arguments: any RedisArgument...) {
        self.init(name, arguments: arguments)
    }

    /// Makes a command from its name and a list of arguments.
    package init(_ name: String, arguments: [any RedisArgument]) {
        self.init([Array(name.utf8)] + arguments.map(\.redisBytes))
    }

    /// Makes a command from all its parts, the name first; an empty list is a programmer's error.
    package init(_ parts: [[UInt8]]) {
        precondition(!parts.isEmpty, "a Redis command has a name")
        lengths = parts.map(\.count)
        var storage: [UInt8] = []
        storage.reserveCapacity(lengths.reduce(0, +))
        for part in parts { storage.append(contentsOf: part) }
        self.storage = storage
    }

    /// The command's parts, the name first.
    package var parts: [[UInt8]] {
        var offset = 0
        return lengths.map { length in
            defer { offset += length }
            return Array(storage[offset..<offset + length])
        }
    }

    /// What the command counts for in the queue's bound: its bytes and a flat 16 per argument for framing.
    package var queuedBytes: Int { storage.count + 16 * lengths.count }
}
