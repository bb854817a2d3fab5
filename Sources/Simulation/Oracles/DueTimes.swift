import Cron
import Scheduling

/// The due times of a definition, by the plainest way there is: every second is looked at.
struct DueTimes {
    private let triggers: [TriggerDefinition]
    /// The second in which the definition was stored.
    let anchor: Int64

    init(_ definition: JobDefinition, storedAt: Int64) {
        triggers = definition.schedule ?? []
        anchor = storedAt
    }

    var isEmpty: Bool { triggers.isEmpty }

    /// The due seconds in `after < second <= through`.
    func times(after: Int64, through: Int64) -> [Int64] {
        guard !triggers.isEmpty, after < through else { return [] }
        return (after + 1...through).filter { second in triggers.contains { isDue($0, second) } }
    }

    private func isDue(_ trigger: TriggerDefinition, _ second: Int64) -> Bool {
        if let every = trigger.every {
            return second > anchor && (second - anchor) * 1000 % every.milliseconds == 0
        }
        if let cron = trigger.cron {
            // The workload knows one form: every so many seconds of a minute.
            guard let step = Int64(cron.split(separator: " ").first?.dropFirst(2) ?? "") else { return false }
            return second % 60 % step == 0
        }
        // The workload writes UTC, as it is printed.
        if let at = trigger.at { return UnixTime(seconds: second).rfc3339 == at }
        return false
    }
}
