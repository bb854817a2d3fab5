/// A text that is not a number of bytes, with the reason in words.
package struct ByteCountError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// Where in the text the mistake begins, counted in characters from 0.
    package let offset: Int
}

extension ByteCount: Codable, CustomStringConvertible {
    private static let units: [(name: String, bytes: Int64)] = [
        ("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("PB", 1_000_000_000_000_000), ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000),
        ("kB", 1000), ("KB", 1000), ("B", 1),
    ]

    /// Reads `512MiB`, `4GiB`, `1.5GB` or a plain number of bytes. The result is a whole number of bytes.
    package init(parsing text: String) throws(ByteCountError) {
        let characters = Array(text)
        var index = 0
        var digits: Int64 = 0
        var scale: Int64 = 1
        var sawPoint = false
        while index < characters.count {
            if characters[index] == ".", !sawPoint, index > 0 {
                sawPoint = true
            } else if let byte = characters[index].asciiValue, (48...57).contains(byte) {
                let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
                let (sum, overflowInSum) = product.addingReportingOverflow(Int64(byte) - 48)
                if overflow || overflowInSum || scale > 1_000_000_000 {
                    throw ByteCountError(description: "the number has too many digits", offset: 0)
                }
                digits = sum
                if sawPoint { scale *= 10 }
            } else {
                break
            }
            index += 1
        }
        guard index > 0, characters[index - 1] != "." else {
            throw ByteCountError(description: "a size is a number and a unit, like 512MiB", offset: index)
        }
        let name = String(characters[index...])
        guard let unit = name.isEmpty ? 1 : Self.units.first(where: { $0.name == name })?.bytes else {
            throw ByteCountError(
                description:
                    "\"\(name)\" is not a unit; the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB",
                offset: index
            )
        }
        let (product, overflow) = digits.multipliedReportingOverflow(by: unit)
        if overflow { throw ByteCountError(description: "the size is too large", offset: 0) }
        guard product % scale == 0 else {
            throw ByteCountError(description: "the size is not a whole number of bytes", offset: 0)
        }
        self.init(bytes: product / scale)
    }

    /// The text in the largest binary unit that divides it, such that reading it back gives the same: `512MiB`.
    package var description: String {
        for unit in Self.units.prefix(5) where bytes > 0 && bytes % unit.bytes == 0 {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return String(bytes)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(ByteCountError) {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
