/// Reads and writes durations as users write them: `250ms`, `30s`, `10m`, `1h30m`, `2d`.
///
/// Units are `d`, `h`, `m`, `s` and `ms`, each at most once and from large to small. A day is 24 hours.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads a duration. Never negative; `0s` is a duration, the empty text is not.
    package static func milliseconds(parsing text: String) throws(CronError) -> Int64 {
        let characters = Array(text)
        func error(_ message: String, at offset: Int, hint: String? = nil) -> CronError {
            CronError(.invalidDuration, message, in: text, at: offset, hint: hint)
        }
        guard !characters.isEmpty else {
            throw CronError(
                .invalidDuration,
                "the duration is empty",
                in: text,
                hint: "write it like 30s or 1h30m"
            )
        }
        var total: Int64 = 0
        var index = 0
        var nextUnit = 0
        while index < characters.count {
            let start = index
            var value: Int64 = 0
            while index < characters.count, let digit = asciiDigit(characters[index]) {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflowInSum) = product.addingReportingOverflow(Int64(digit))
                if overflow || overflowInSum { throw error("the number is too large", at: start) }
                value = sum
                index += 1
            }
            guard index > start else {
                throw error(
                    "expected a number, found \"\(characters[index])\"",
                    at: index,
                    hint: characters[index] == "-"
                        ? "a duration cannot be negative" : "write it like 30s or 1h30m"
                )
            }
            let unitStart = index
            while index < characters.count, characters[index].isLetter { index += 1 }
            let name = String(characters[unitStart..<index])
            guard !name.isEmpty else {
                if index < characters.count, characters[index] == "." || characters[index] == "," {
                    throw error("fractions are not allowed", at: index, hint: "write 1h30m instead of 1.5h")
                }
                throw error(
                    "the unit is missing",
                    at: unitStart,
                    hint: "write \(value)s, \(value)m, \(value)h or \(value)d"
                )
            }
            guard let unit = units.firstIndex(where: { $0.name == name }) else {
                throw error(
                    "\"\(name)\" is not a unit",
                    at: unitStart,
                    hint: "the units are d, h, m, s and ms"
                )
            }
            guard unit >= nextUnit else {
                throw error(
                    "unit \"\(name)\" must come once, and larger units first",
                    at: unitStart,
                    hint: "write it like 1d2h30m"
                )
            }
            nextUnit = unit + 1
            let (part, overflow) = value.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, overflowInSum) = total.addingReportingOverflow(part)
            if overflow || overflowInSum { throw error("the duration is too long", at: start) }
            total = sum
        }
        return total
    }

    /// Writes a duration in the fewest units, such that reading it back gives the same: 5,400,000 is `1h30m`.
    ///
    /// A negative duration is written with a leading minus, which reading refuses.
    package static func text(milliseconds: Int64) -> String {
        guard milliseconds != 0 else { return "0s" }
        var rest = milliseconds.magnitude
        var text = milliseconds < 0 ? "-" : ""
        for unit in units {
            let size = UInt64(unit.milliseconds)
            if rest >= size { text += "\(rest / size)\(unit.name)" }
            rest %= size
        }
        return text
    }
}
