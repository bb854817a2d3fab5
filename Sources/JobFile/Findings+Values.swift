internal import Cron
internal import Scheduling

extension Findings {
    /// The scalar of a field that is written as text.
    func string(_ field: Field, expected: String = "a text") -> String? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind == .string else {
            var hint: String?
            if case .scalar(let scalar) = field.node.content, scalar.kind != .null {
                hint = "put it in quotes to make it a text"
            }
            wrongType(field, expected: expected, hint: hint)
            return nil
        }
        return withoutNUL(scalar.text, field)
    }

    /// The text that was written, be it a text, a number or a boolean.
    func literal(_ field: Field) -> String? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind != .null else {
            wrongType(field, expected: "a text, a number or a boolean")
            return nil
        }
        return withoutNUL(scalar.text, field)
    }

    private func withoutNUL(_ text: String, _ field: Field) -> String? {
        guard let offset = text.unicodeScalars.firstIndex(of: "\0") else { return text }
        add(
            "E1214",
            "\(field.path.words) holds a NUL character",
            in: field,
            offset: text.unicodeScalars.distance(from: text.unicodeScalars.startIndex, to: offset)
        )
        return nil
    }

    /// A text that is not empty.
    func filledString(_ field: Field, expected: String = "a text") -> String? {
        guard let text = string(field, expected: expected) else { return nil }
        guard !text.isEmpty else {
            add("E1213", "\(field.path.words) is empty", in: field)
            return nil
        }
        return text
    }

    func boolean(_ field: Field) -> Bool? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind == .boolean else {
            var hint: String?
            if case .scalar(let scalar) = field.node.content {
                switch scalar.text.lowercased() {
                case "yes", "on", "y": hint = "write true"
                case "no", "off", "n": hint = "write false"
                default: hint = nil
                }
            }
            wrongType(field, expected: "true or false", hint: hint)
            return nil
        }
        return scalar.text.lowercased() == "true"
    }

    func integer(_ field: Field, in range: ClosedRange<Int>) -> Int? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind == .integer else {
            wrongType(field, expected: "an integer")
            return nil
        }
        guard let value = Self.integer(scalar.text), range.contains(value) else {
            outOfRange(field, "\(range.lowerBound) to \(range.upperBound)", scalar.text)
            return nil
        }
        return value
    }

    private static func integer(_ text: String) -> Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        return Int(text)
    }

    func number(_ field: Field, in range: ClosedRange<Double>, aboveLowest: Bool = false) -> Double? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind == .integer || scalar.kind == .number
        else {
            wrongType(field, expected: "a number")
            return nil
        }
        guard let value = Double(scalar.text), range.contains(value), !aboveLowest || value > range.lowerBound
        else {
            let bounds =
                aboveLowest
                ? "above \(range.lowerBound), \(range.upperBound) at most"
                : "\(range.lowerBound) to \(range.upperBound)"
            outOfRange(field, bounds, scalar.text)
            return nil
        }
        return value
    }

    private func outOfRange(_ field: Field, _ bounds: String, _ found: String) {
        add(
            "E1207",
            "\(field.path.words) must be \(bounds), found \(SourceScalar.shortened(found))",
            in: field
        )
    }

    /// A duration from 1 ms (or `least`) to `most`.
    func duration(
        _ field: Field,
        least: DurationValue = DurationValue(milliseconds: 1),
        most: DurationValue = .longest
    ) -> DurationValue? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind != .null, scalar.kind != .boolean
        else {
            wrongType(field, expected: "a duration like 30s or 1h30m")
            return nil
        }
        do throws(CronError) {
            let value = try DurationValue(parsing: scalar.text)
            guard value >= least, value <= most else {
                outOfRange(field, "\(least) to \(most)", scalar.text)
                return nil
            }
            return value
        } catch {
            add(
                "E1208",
                "\(field.path.words) is not a duration: \(error.message)",
                in: field,
                offset: scalarOffset(error),
                hint: error.hint
            )
            return nil
        }
    }

    /// A number of bytes, 1 at least.
    func byteCount(_ field: Field) -> ByteCount? {
        guard case .scalar(let scalar) = field.node.content, scalar.kind != .null, scalar.kind != .boolean
        else {
            wrongType(field, expected: "a size like 512MiB")
            return nil
        }
        do throws(ByteCountError) {
            let value = try ByteCount(parsing: scalar.text)
            guard value.bytes >= 1, value.bytes <= 1 << 50 else {
                outOfRange(field, "1 to 1PiB", scalar.text)
                return nil
            }
            return value
        } catch {
            let before = scalar.text.prefix(error.offset).unicodeScalars.count
            add("E1209", "\(field.path.words) is not a size: \(error)", in: field, offset: before)
            return nil
        }
    }

    /// One of the words of an enumeration. `planned` words are documented but not built.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ type: Choice.Type,
        _ field: Field,
        planned: [String] = []
    ) -> Choice? {
        choice(field, among: Choice.allCases.map(\.rawValue), planned: planned).flatMap {
            Choice(rawValue: $0)
        }
    }

    func choice(_ field: Field, among choices: [String], planned: [String] = []) -> String? {
        let list = choices.joined(separator: ", ")
        guard let text = string(field, expected: "one of \(list)") else { return nil }
        if planned.contains(text) {
            unsupported(
                "\"\(text)\" for \(field.path.words)",
                at: field.node.position,
                path: field.path,
                hint: "use one of \(list)"
            )
            return nil
        }
        guard choices.contains(text) else {
            add(
                "E1206",
                "\(field.path.words) cannot be \"\(SourceScalar.shortened(text))\"",
                in: field,
                hint: Suggestion.hint(for: text, among: choices) ?? "use one of \(list)"
            )
            return nil
        }
        return text
    }

    /// The items of a list, `least` at least and `most` at most.
    func list(_ field: Field, of what: String, least: Int = 0, most: Int = .max) -> [Field]? {
        guard case .sequence(let items) = field.node.content else {
            wrongType(field, expected: "a list of \(what)")
            return nil
        }
        guard items.count >= least else {
            add("E1213", "\(field.path.words) is empty", in: field)
            return nil
        }
        guard items.count <= most else {
            add("E1207", "\(field.path.words) has \(items.count) items, more than \(most)", in: field)
            return nil
        }
        return items.enumerated().map { field.appending($0, $1) }
    }

    /// The offset of a mistake in Unicode scalars.
    func scalarOffset(_ error: CronError) -> Int {
        error.text.prefix(error.offset ?? 0).unicodeScalars.count
    }
}

extension DurationValue {
    /// The bound of every duration in a job file: 366 days.
    static let longest = DurationValue(milliseconds: 366 * 86_400_000)
    static let day = DurationValue(milliseconds: 86_400_000)
    static let hour = DurationValue(milliseconds: 3_600_000)
    static let second = DurationValue(milliseconds: 1000)
}
