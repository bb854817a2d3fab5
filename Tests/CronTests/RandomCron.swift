@testable import Cron

/// Makes random cron expressions as text.
struct RandomCron {
    var generator: SeededGenerator

    /// An expression whose days are mostly unrestricted when `isDense`, so that it fires within two days.
    mutating func expression(seconds: Bool, isDense: Bool) -> String {
        var fields: [String] = []
        if seconds { fields.append(generator.chance(20) ? "*" : list(0...59, names: [], stars: 10)) }
        fields.append(list(0...59, names: [], stars: 35))
        fields.append(
            generator.chance(40) ? list(0...4, names: [], stars: 0) : list(0...23, names: [], stars: 50)
        )
        fields.append(generator.chance(isDense ? 85 : 40) ? "*" : dayOfMonth())
        fields.append(
            generator.chance(isDense ? 95 : 60) ? "*" : list(1...12, names: CronField.month.names, stars: 10)
        )
        fields.append(generator.chance(isDense ? 85 : 40) ? "*" : dayOfWeek())
        return fields.joined(separator: " ")
    }

    private mutating func list(_ range: ClosedRange<Int>, names: [String], stars: Int) -> String {
        if generator.chance(stars) {
            return generator.chance(50) ? "*" : "*/\(generator.int(2...max(2, range.count / 2)))"
        }
        return (0..<generator.pick([1, 1, 1, 2, 3])).map { _ in item(range, names: names) }.joined(
            separator: ","
        )
    }

    private mutating func item(_ range: ClosedRange<Int>, names: [String]) -> String {
        let low = generator.int(range)
        func text(_ number: Int) -> String {
            !names.isEmpty && number - range.lowerBound < names.count
                ? names[number - range.lowerBound] : "\(number)"
        }
        let start = generator.chance(50) ? text(low) : "\(low)"
        switch generator.int(1...10) {
        case 1...5: return start
        case 6...7: return "\(start)-\(generator.int(low...range.upperBound))"
        case 8:
            return
                "\(start)-\(generator.int(low...range.upperBound))/\(generator.int(1...max(1, range.count / 3)))"
        default: return "\(low)/\(generator.int(2...max(2, range.count / 3)))"
        }
    }

    private mutating func dayOfMonth() -> String {
        switch generator.int(1...12) {
        case 1: "L"
        case 2: "LW"
        case 3: "L-\(generator.int(1...27))"
        case 4: "\(generator.int(1...28))W"
        case 5: "\(generator.int(1...28)),L"
        case 6: "?"
        default: list(1...31, names: [], stars: 20)
        }
    }

    private mutating func dayOfWeek() -> String {
        switch generator.int(1...10) {
        case 1: "\(generator.pick(CronField.dayOfWeek.names))#\(generator.int(1...5))"
        case 2: "\(generator.int(0...7))L"
        case 3: "5-7"
        case 4: "fri-sun"
        default: list(0...6, names: CronField.dayOfWeek.names, stars: 20)
        }
    }
}
