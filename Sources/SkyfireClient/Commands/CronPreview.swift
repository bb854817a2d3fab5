internal import Cron
internal import Scheduling

/// When an expression fires, and what the clocks of its zone do to it, in words.
struct CronPreview {
    struct Firing {
        var at: UnixTime
        var note: String?
    }

    let expression: CronExpression
    let zone: TimeZoneRules
    let policy: DaylightSavingPolicy
    let language: ScheduleLanguage

    private static let year: Int64 = 366 * 86_400

    func firings(after start: UnixTime, count: Int) -> [Firing] {
        Schedule.cron(expression, zone, policy).occurrences(after: start, through: .latest, limit: count).map
        {
            Firing(at: $0, note: note(at: $0))
        }
    }

    /// What happens at the changes of the clocks in the next year.
    func notes(after start: UnixTime) -> [String] {
        var notes: [String] = []
        var time = start
        while notes.count < 6, let change = zone.nextTransition(after: time),
            change.seconds - start.seconds <= Self.year
        {
            time = change
            let before = zone.offset(at: change.adding(seconds: -1))
            let after = zone.offset(at: change)
            guard before != after else { continue }
            notes.append(self.note(onChange: change, from: before, to: after))
            guard !expression.runsOnElapsedTime else { continue }
            let window = Schedule.cron(expression, zone, policy).occurrences(
                after: change.adding(seconds: -10_800),
                through: change.adding(seconds: 10_800),
                limit: 400
            )
            if let at = window.first(where: { note(at: $0) != nil }), let text = note(at: at) {
                let local = at.rfc3339(in: zone)
                notes.append(words("then: \(local), \(text)", "届时：\(local)，\(text)"))
            }
        }
        if !notes.isEmpty, expression.runsOnElapsedTime {
            notes.append(
                words(
                    "it runs on elapsed time, so that changes of the clocks do not touch it",
                    "它按流逝的时间运行，不受时钟调整影响"
                )
            )
        }
        return notes
    }

    private func words(_ english: String, _ chinese: String) -> String {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    private func note(onChange change: UnixTime, from before: Int, to after: Int) -> String {
        let seconds = Int64(abs(after - before))
        let local = change.rfc3339(in: zone)
        switch language {
        case .english:
            return "the clocks of \(zone.name) are put \(after > before ? "forward" : "back") by "
                + "\(TimeText.span(seconds * 1000)), to \(local)"
        case .chinese:
            let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60)
            let parts = [(hours, "小时"), (minutes, "分钟"), (seconds % 60, "秒")]
            let span = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
            return "\(zone.name) 的时钟拨\(after > before ? "快" : "慢") \(span)，变为 \(local)"
        }
    }

    private func note(at time: UnixTime) -> String? {
        expression.daylightSavingNote(at: time, zone: zone).map { note in
            switch (note, language) {
            case (.movedOutOfGap(let wall), .english):
                "\(wall) does not exist that day; it runs right after the gap"
            case (.movedOutOfGap(let wall), .chinese): "当天不存在 \(wall)；在空缺之后立即运行"
            case (.firstOfTwo, .english): "the clocks show this time twice that day; this is the first"
            case (.firstOfTwo, .chinese): "当天这一时刻出现两次，这是第一次"
            case (.secondOfTwo, .english): "the clocks show this time twice that day; this is the second"
            case (.secondOfTwo, .chinese): "当天这一时刻出现两次，这是第二次"
            }
        }
    }
}
