import Cron
import HTTPTypes
import Node
import Scheduling

/// The triggers of a job, ready to say when they fire.
struct JobTriggers {
    /// One firing as the API shows it.
    struct Firing: Encodable {
        var at: WallTime
        /// The same instant on the clocks of the trigger's zone, with the offset.
        var local: String
        var zone: String?
        /// What daylight saving did to it.
        var note: String?
    }

    /// One trigger as the API shows it.
    struct TriggerView: Encodable {
        var trigger: TriggerDefinition
        var words: Words?
        var next: WallTime?
    }

    struct Words: Encodable {
        var en: String
        var zh: String

        init(_ expression: CronExpression) {
            en = expression.describe(in: .english)
            zh = expression.describe(in: .chinese)
        }
    }

    private var triggers: [(definition: TriggerDefinition, schedule: Schedule)] = []

    /// Makes the triggers of a stored job. They were checked when it was stored, on a node whose zones may differ.
    init(_ job: JobView, zones: TimeZoneDatabase) throws {
        for definition in job.definition.schedule ?? [] {
            do {
                let schedule = try Schedule(definition, anchor: job.storedAt.second, zones: zones)
                triggers.append((definition, schedule))
            } catch {
                throw Problem(
                    .serviceUnavailable,
                    .internalError,
                    "this node cannot tell when \(job.name) fires: \(error.message)",
                    hint: error.hint
                )
            }
        }
    }

    /// The next firings of all triggers together; those that coincide are one.
    func firings(after time: UnixTime, count: Int) -> [Firing] {
        var firings: [Firing] = []
        var last = time
        while firings.count < count {
            let next = triggers.compactMap { trigger in
                trigger.schedule.next(after: last).map { ($0, trigger.schedule) }
            }
            .min { $0.0 < $1.0 }
            guard let (at, schedule) = next else { break }
            firings.append(Self.firing(at, schedule))
            last = at
        }
        return firings
    }

    /// The earliest firing of all triggers.
    func next(after time: UnixTime) -> WallTime? {
        triggers.compactMap { $0.schedule.next(after: time) }.min().map { WallTime($0) }
    }

    /// The triggers in words.
    func views(after time: UnixTime) -> [TriggerView] {
        triggers.map { trigger in
            var words: Words?
            if case .cron(let expression, _, _) = trigger.schedule { words = Words(expression) }
            return TriggerView(
                trigger: trigger.definition,
                words: words,
                next: trigger.schedule.next(after: time).map { WallTime($0) }
            )
        }
    }

    static func firing(_ at: UnixTime, _ schedule: Schedule) -> Firing {
        guard case .cron(let expression, let zone, _) = schedule else {
            return Firing(at: WallTime(at), local: at.rfc3339)
        }
        let note = expression.daylightSavingNote(at: at, zone: zone).map { note in
            switch note {
            case .movedOutOfGap(let wall): "\(wall) does not exist that day; it runs right after the gap"
            case .firstOfTwo: "the clocks show this time twice that day; this is the first"
            case .secondOfTwo: "the clocks show this time twice that day; this is the second"
            }
        }
        return Firing(at: WallTime(at), local: at.rfc3339(in: zone), zone: zone.name, note: note)
    }
}
