/// Reads the text of a cron expression.
struct CronParser {
    let text: String
    let hasSeconds: Bool
    private let characters: [Character]

    private typealias Piece = (range: Range<Int>, field: CronField)

    init(text: String, hasSeconds: Bool) {
        self.text = text
        self.hasSeconds = hasSeconds
        characters = Array(text)
    }

    private static let macros = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    func parse() throws(CronError) -> CronExpression {
        guard characters.count <= 1000 else {
            throw CronError(.invalidExpression, "the cron expression is longer than 1000 characters", in: "")
        }
        let pieces = fieldRanges()
        guard let first = pieces.first else {
            throw CronError(
                .invalidExpression,
                "the cron expression is empty",
                in: text,
                hint: "daily at 00:10 is 10 0 * * *"
            )
        }
        if characters[first.lowerBound] == "@" { return try macro(pieces) }
        if characters[first].contains("=") {
            throw error(
                "a cron expression cannot set variables",
                at: first.lowerBound,
                hint: "set the zone beside it"
            )
        }
        let fields = hasSeconds ? CronField.allCases : Array(CronField.allCases.dropFirst())
        try checkCount(pieces, fields)
        var result = CronExpression(traits: hasSeconds ? .hasSeconds : [])
        for (range, field) in zip(pieces, fields) {
            if let trait = starTrait(field),
                characters[range.lowerBound] == "*" || characters[range.lowerBound] == "?"
            {
                result.traits.insert(trait)
            }
            if field == .second { result.seconds = 0 }
            for item in items(of: range) { try read(item, field, into: &result) }
        }
        return result
    }

    private func fieldRanges() -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start: Int?
        for index in 0...characters.count {
            if index < characters.count, characters[index] != " ", characters[index] != "\t" {
                start = start ?? index
            } else if let begun = start {
                ranges.append(begun..<index)
                start = nil
            }
        }
        return ranges
    }

    private func macro(_ pieces: [Range<Int>]) throws(CronError) -> CronExpression {
        let start = pieces[0].lowerBound
        let name = String(characters[pieces[0]]).lowercased()
        guard pieces.count == 1 else {
            throw error("\(name) stands alone, without fields", at: pieces[1].lowerBound)
        }
        guard let expansion = Self.macros[name] else {
            let hint: String
            switch name {
            case "@reboot": hint = "nothing here has a boot to wait for"
            case "@every": hint = "write the trigger as `every: 30s`"
            default: hint = "there are \(Self.macros.keys.sorted().joined(separator: ", "))"
            }
            throw error("\(name) is not supported", at: start, hint: hint)
        }
        return try CronParser(text: expansion, hasSeconds: false).parse()
    }

    private func checkCount(_ pieces: [Range<Int>], _ fields: [CronField]) throws(CronError) {
        guard pieces.count != fields.count else { return }
        let names = fields.map(\.rawValue).joined(separator: ", ")
        let message = "expected \(fields.count) fields (\(names)), found \(pieces.count)"
        switch (pieces.count, hasSeconds) {
        case (6, false):
            throw error(
                message,
                at: pieces[5].lowerBound,
                hint: "for a seconds field in front set `seconds: true`"
            )
        case (5, true):
            throw error(
                message,
                at: pieces[4].upperBound,
                hint: "put the second in front, or drop `seconds: true`"
            )
        case (7, _):
            throw error(message, at: pieces[6].lowerBound, hint: "a year field is not supported")
        default:
            let offset = pieces.count > fields.count ? pieces[fields.count].lowerBound : characters.count
            throw error(message, at: offset)
        }
    }

    private func starTrait(_ field: CronField) -> CronExpression.Traits? {
        switch field {
        case .second: .startsWithSecondStar
        case .minute: .startsWithMinuteStar
        case .hour: .startsWithHourStar
        case .dayOfMonth: .startsWithDayOfMonthStar
        case .dayOfWeek: .startsWithDayOfWeekStar
        case .month: nil
        }
    }

    private func items(of range: Range<Int>) -> [Range<Int>] {
        var items: [Range<Int>] = []
        var start = range.lowerBound
        for index in range where characters[index] == "," {
            items.append(start..<index)
            start = index + 1
        }
        return items + [start..<range.upperBound]
    }

    private func read(
        _ item: Range<Int>,
        _ field: CronField,
        into result: inout CronExpression
    ) throws(CronError) {
        var scan = CronItemScanner(characters: characters, index: item.lowerBound, end: item.upperBound)
        guard !scan.isAtEnd else {
            throw error("an item of the \(field.rawValue) list is empty", at: item.lowerBound)
        }
        if scan.skip("*") {
            return try finish(&scan, field, field.starRange, into: &result)
        }
        if scan.skip("?") {
            guard field == .dayOfMonth || field == .dayOfWeek, scan.isAtEnd else {
                throw error(
                    "\"?\" stands alone in day of month or day of week",
                    at: item.lowerBound,
                    hint: "use *"
                )
            }
            return insert(field, field.starRange, step: 1, into: &result)
        }
        if field == .dayOfMonth, scan.skipLetter("L") { return try readLast(&scan, into: &result) }
        let start = scan.index
        let low = try value(&scan, field)
        if field == .dayOfMonth, scan.skipLetter("W") {
            result.nearestWeekdays |= 1 << low.number
            return try expectEnd(scan, field)
        }
        if field == .dayOfWeek, scan.skipLetter("L") {
            result.nthWeekdays |= 1 << UInt64(35 + low.number % 7)
            return try expectEnd(scan, field)
        }
        if field == .dayOfWeek, scan.skip("#") {
            let offset = scan.index
            guard let nth = scan.number(), (1...5).contains(nth) else {
                throw error(
                    "expected 1 to 5 after \"#\"",
                    at: offset,
                    hint: "fri#2 is the second Friday; friL is the last"
                )
            }
            result.nthWeekdays |= 1 << UInt64((nth - 1) * 7 + low.number % 7)
            return try expectEnd(scan, field)
        }
        var range = low.number...low.number
        if scan.skip("-") {
            var high = try value(&scan, field)
            if field == .dayOfWeek, high.isName, high.number == 0, low.number > 0 { high.number = 7 }
            guard low.number <= high.number else {
                throw error(
                    "the \(field.rawValue) range \(String(characters[start..<scan.index])) runs backwards",
                    at: start,
                    hint: wrapHint(low.number, high.number, field)
                )
            }
            range = low.number...high.number
        } else if scan.peek == "/" {
            range = low.number...max(low.number, field.starRange.upperBound)
        }
        try finish(&scan, field, range, into: &result)
    }

    /// Reads a step if there is one, and enters the numbers.
    private func finish(
        _ scan: inout CronItemScanner,
        _ field: CronField,
        _ range: ClosedRange<Int>,
        into result: inout CronExpression
    ) throws(CronError) {
        var step = 1
        if scan.skip("/") {
            let offset = scan.index
            guard let number = scan.number() else { throw error("expected a number after \"/\"", at: offset) }
            let span = field.range
            guard number >= 1 else { throw error("step 0 would never advance", at: offset) }
            guard number <= span.upperBound - span.lowerBound else {
                var hint: String?
                switch field {
                case .minute:
                    hint =
                        number == 60 ? "hourly is 0 * * * *" : "for longer intervals use `every: \(number)m`"
                case .hour:
                    hint =
                        number == 24 ? "daily is 0 0 * * *" : "for longer intervals use `every: \(number)h`"
                case .second: hint = "for longer intervals use `every: \(number)s`"
                case .dayOfMonth, .month, .dayOfWeek: hint = nil
                }
                throw error(
                    "\(field.rawValue) step \(number) is larger than the field \(span.lowerBound)-\(span.upperBound)",
                    at: offset,
                    hint: hint
                )
            }
            step = number
        }
        try expectEnd(scan, field)
        insert(field, range, step: step, into: &result)
    }

    private func readLast(_ scan: inout CronItemScanner, into result: inout CronExpression) throws(CronError)
    {
        if scan.skipLetter("W") {
            result.nearestWeekdays |= 1
        } else if scan.skip("-") {
            let offset = scan.index
            guard let days = scan.number(), (1...30).contains(days) else {
                throw error(
                    "expected 1 to 30 after \"L-\"",
                    at: offset,
                    hint: "L-3 is three days before the last of the month"
                )
            }
            result.daysFromEnd |= 1 << days
        } else {
            result.daysFromEnd |= 1
        }
        try expectEnd(scan, .dayOfMonth)
    }

    private func value(
        _ scan: inout CronItemScanner,
        _ field: CronField
    ) throws(CronError) -> (number: Int, isName: Bool) {
        let start = scan.index
        if let number = scan.number() {
            guard field.range.contains(number) else {
                throw error(
                    "\(field.rawValue) \(number) is outside \(field.range.lowerBound)-\(field.range.upperBound)",
                    at: start
                )
            }
            return (number, false)
        }
        let word = scan.word(limit: field.names.isEmpty ? .max : 3)
        if let number = field.value(named: word) { return (number, true) }
        guard !word.isEmpty else { throw unexpected(scan, field, wanted: "a number") }
        if field == .dayOfWeek, word.lowercased() == "l" {
            throw error(
                "\"L\" alone does not say which weekday",
                at: start,
                hint: "the last Friday of the month is friL"
            )
        }
        if field.names.isEmpty {
            let hint: String? =
                switch word.lowercased() {
                case "h": "there is no hash of the job's name here; choose a number, or use `jitter`"
                case "w": "write the day before it: 15W, or LW"
                default: nil
                }
            throw error("\"\(word)\" cannot be a \(field.rawValue)", at: start, hint: hint)
        }
        throw error(
            "\"\(word)\" is not a \(field.rawValue)",
            at: start,
            hint: "the names are \(field.names.joined(separator: ", "))"
        )
    }

    private func expectEnd(_ scan: CronItemScanner, _ field: CronField) throws(CronError) {
        if !scan.isAtEnd { throw unexpected(scan, field, wanted: nil) }
    }

    private func unexpected(_ scan: CronItemScanner, _ field: CronField, wanted: String?) -> CronError {
        guard let found = scan.peek else {
            return error(
                "the \(field.rawValue) field ends where \(wanted ?? "more") is needed",
                at: scan.index
            )
        }
        var hint: String?
        if let scalar = found.unicodeScalars.first, (0xFF01...0xFF5E).contains(scalar.value),
            let plain = Unicode.Scalar(scalar.value - 0xFEE0)
        {
            hint = "this is a full-width character; write \(plain)"
        } else if found == "~" {
            hint = "random times are not supported; use `jitter`"
        } else if found == "#" || found == "L" || found == "W" {
            hint = "L and W belong to the day of month, # and L to the day of week"
        }
        return error("unexpected \"\(found)\" in the \(field.rawValue) field", at: scan.index, hint: hint)
    }

    /// A range that passes the end of its field, in two ranges.
    private func wrapHint(_ low: Int, _ high: Int, _ field: CronField) -> String {
        func text(_ range: ClosedRange<Int>) -> String {
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        let span = field.starRange
        guard span.contains(low), span.contains(high) else { return "write the smaller number first" }
        return "write \(text(low...span.upperBound)),\(text(span.lowerBound...high))"
    }

    private func insert(
        _ field: CronField,
        _ range: ClosedRange<Int>,
        step: Int,
        into result: inout CronExpression
    ) {
        for number in stride(from: range.lowerBound, through: range.upperBound, by: step) {
            switch field {
            case .second: result.seconds |= 1 << UInt64(number)
            case .minute: result.minutes |= 1 << UInt64(number)
            case .hour: result.hours |= 1 << UInt32(number)
            case .dayOfMonth: result.daysOfMonth |= 1 << UInt32(number)
            case .month: result.months |= 1 << UInt16(number)
            case .dayOfWeek: result.weekdays |= 1 << UInt8(number % 7)
            }
        }
    }

    private func error(_ message: String, at offset: Int, hint: String? = nil) -> CronError {
        CronError(.invalidExpression, message, in: text, at: offset, hint: hint)
    }
}
