internal import Cron
internal import Scheduling

/// Reads `schedule`.
struct TriggerReader {
    private static let keys = MappingKeys(
        ["cron", "zone", "seconds", "dst", "every", "from", "at"],
        planned: ["jitter", "calendar"]
    )
    private static let most = 100

    let findings: Findings
    let zones: TimeZoneDatabase

    func triggers(_ field: Field) -> [TriggerDefinition]? {
        if case .mapping = field.node.content { return trigger(field).map { [$0] } }
        guard case .sequence = field.node.content else {
            findings.wrongType(
                field,
                expected: "a mapping or a list of mappings, like {cron: \"0 3 * * *\", zone: UTC}"
            )
            return nil
        }
        return findings.list(field, of: "triggers", least: 1, most: Self.most)?.compactMap(trigger)
    }

    private func trigger(_ field: Field) -> TriggerDefinition? {
        guard let fields = findings.mapping(field, Self.keys, expected: "a mapping with cron, every or at")
        else {
            return nil
        }
        let kinds = ["cron", "every", "at"].filter { fields[$0] != nil }
        guard kinds.count == 1, let kind = kinds.first else {
            findings.add(
                "E1211",
                kinds.isEmpty
                    ? "\(field.path.words) has no cron, every or at"
                    : "\(field.path.words) has \(kinds.joined(separator: " and ")), which exclude each other",
                in: field,
                hint: kinds.isEmpty ? "a trigger has exactly one of them" : "make them two triggers of a list"
            )
            return nil
        }
        for (key, owner) in [("zone", "cron"), ("seconds", "cron"), ("dst", "cron"), ("from", "every")] {
            guard let extra = fields[key], owner != kind else { continue }
            findings.add("E1212", "\(extra.path.words) goes with \(owner) only", in: extra)
        }
        var trigger = TriggerDefinition()
        switch kind {
        case "cron": readCron(fields, into: &trigger)
        case "every": readInterval(fields, into: &trigger)
        default:
            if let at = fields["at"] { trigger.at = instant(at) }
        }
        return trigger
    }

    private func readCron(_ fields: MappingFields, into trigger: inout TriggerDefinition) {
        var isReadable = true
        if let seconds = fields["seconds"] {
            trigger.seconds = findings.boolean(seconds)
            isReadable = trigger.seconds != nil
        }
        if let cron = fields["cron"], let text = findings.filledString(cron, expected: "a cron expression"),
            isReadable
        {
            trigger.cron = text
            do throws(CronError) {
                _ = try CronExpression(text, seconds: trigger.seconds ?? false)
            } catch {
                findings.add(
                    error.code == .neverFires ? "E1404" : "E1401",
                    "\(cron.path.words): \(error.message)",
                    in: cron,
                    offset: findings.scalarOffset(error),
                    hint: error.hint
                )
            }
        }
        if let zone = fields["zone"] {
            if let name = findings.filledString(zone, expected: "the name of a time zone") {
                trigger.zone = name
                do throws(CronError) {
                    _ = try zones.zone(named: name)
                } catch {
                    findings.add(
                        "E1403",
                        "\(zone.path.words): \(error.message)",
                        in: zone,
                        offset: findings.scalarOffset(error),
                        hint: error.hint
                    )
                }
            }
        } else {
            findings.add(
                "E1402",
                "a cron expression needs a zone",
                in: fields.field,
                hint: "add zone: with an IANA name like Asia/Shanghai, or UTC"
            )
        }
        if let dst = fields["dst"], let policy = findings.mapping(dst, MappingKeys(["gap", "overlap"])) {
            trigger.dst = TriggerDefinition.DaylightSaving(
                gap: policy["gap"].flatMap { findings.choice(DaylightSavingPolicy.Gap.self, $0)?.rawValue },
                overlap: policy["overlap"].flatMap {
                    findings.choice(DaylightSavingPolicy.Overlap.self, $0)?.rawValue
                }
            )
        }
    }

    private func readInterval(_ fields: MappingFields, into trigger: inout TriggerDefinition) {
        if let every = fields["every"], let period = findings.duration(every, least: .second) {
            trigger.every = period
            if period.milliseconds % 1000 != 0 {
                findings.add("E1207", "\(every.path.words) must be whole seconds, found \(period)", in: every)
            }
        }
        if let from = fields["from"] { trigger.from = instant(from) }
    }

    private func instant(_ field: Field) -> String? {
        guard let text = findings.filledString(field, expected: "a time like 2026-11-20T21:00:00+08:00")
        else { return nil }
        do throws(CronError) {
            _ = try UnixTime(rfc3339: text)
            return text
        } catch {
            findings.add(
                "E1210",
                "\(field.path.words) is not a time: \(error.message)",
                in: field,
                offset: findings.scalarOffset(error),
                hint: error.hint
            )
            return nil
        }
    }
}
