internal import Cron
internal import Scheduling

/// Reads one document as one job.
struct JobReader {
    private static let keys = MappingKeys(
        [
            "version", "name", "title", "description", "owner", "labels", "schedule", "after", "overlap",
            "misfire",
            "priority", "timeout", "pool", "params", "defaults", "tasks",
        ],
        planned: ["secrets", "sla", "finally", "notify", "retention"]
    )
    private static let plannedOverlaps = ["buffer_one", "buffer_all", "cancel_other", "terminate_other"]
    private static let mostUpstreams = 1000

    let findings: Findings
    let zones: TimeZoneDatabase

    /// The job, if the document is right.
    func job(_ root: SourceNode) -> JobDefinition? {
        let before = findings.count
        let field = Field(node: root, path: FieldPath())
        guard case .mapping = root.content else {
            findings.add(
                "E1201",
                "a job file is a mapping, found \(root.found)",
                in: field,
                hint: "the smallest one is {version: 1, name: hello, tasks: [{id: hi, run: echo hello}]}"
            )
            return nil
        }
        guard let fields = findings.mapping(field, Self.keys) else { return nil }
        readVersion(fields)
        let name = readName(fields)
        var templates: [TemplateUse] = []
        let tasks = readTasks(fields)
        var params: [String: Parameter]?
        if let field = fields["params"] {
            params = ParameterReader(findings: findings).parameters(field, templates: &templates)
        }
        var upstreams: [Upstream]?
        if let after = fields["after"] { upstreams = self.upstreams(after, of: name) }
        FlowCheck(findings: findings, tasks: tasks, params: params ?? [:]).run(parameterTemplates: templates)
        // With a stand-in for a wrong name the rest is checked anyway.
        var job = JobDefinition(name: name ?? Self.standIn, tasks: tasks.compactMap(\.definition))
        job.params = params
        job.after = upstreams
        readDescription(fields, into: &job)
        readPolicies(fields, into: &job)
        guard findings.count == before else { return nil }
        return checkSize(job, field) ? job : nil
    }

    private static let standIn: JobName = {
        do throws(NameError) { return try JobName("x") } catch { preconditionFailure("\"x\" is a job name") }
    }()

    private func readVersion(_ fields: MappingFields) {
        guard let version = findings.required("version", in: fields, hint: "write version: 1") else { return }
        guard case .scalar(let scalar) = version.node.content, scalar.kind == .integer, scalar.text == "1"
        else {
            findings.add("E1312", "version must be the number 1, found \(version.node.found)", in: version)
            return
        }
    }

    private func readName(_ fields: MappingFields) -> JobName? {
        guard let field = findings.required("name", in: fields),
            let text = findings.string(field, expected: "a job name")
        else { return nil }
        return jobName(text, field)
    }

    private func jobName(_ text: String, _ field: Field) -> JobName? {
        do throws(NameError) {
            return try JobName(text)
        } catch {
            findings.addName("E1301", "job name", text, error, in: field, limit: JobName.maximumLength)
            return nil
        }
    }

    private func readDescription(_ fields: MappingFields, into job: inout JobDefinition) {
        if let title = fields["title"] { job.title = findings.localizedText(title) }
        if let description = fields["description"] { job.description = findings.localizedText(description) }
        if let owner = fields["owner"], let text = findings.filledString(owner) {
            if text.utf8.count > 256 { findings.add("E1207", "owner is longer than 256 bytes", in: owner) }
            job.owner = text
        }
        if let labels = fields["labels"] { job.labels = findings.labels(labels) }
    }

    private func readPolicies(_ fields: MappingFields, into job: inout JobDefinition) {
        if let schedule = fields["schedule"] {
            job.schedule = TriggerReader(findings: findings, zones: zones).triggers(schedule)
        }
        if let overlap = fields["overlap"] {
            job.overlap = findings.choice(Overlap.self, overlap, planned: Self.plannedOverlaps)
        }
        if let misfire = fields["misfire"],
            let policy = findings.mapping(misfire, MappingKeys(["policy", "window"]))
        {
            job.misfire = Misfire(
                policy: policy["policy"].flatMap { findings.choice(Misfire.Policy.self, $0) } ?? .runOnce,
                window: policy["window"].flatMap { findings.duration($0, least: .second) }
            )
        }
        if let priority = fields["priority"] { job.priority = findings.integer(priority, in: 0...100) }
        if let timeout = fields["timeout"] { job.timeout = findings.duration(timeout) }
        if let pool = fields["pool"], let text = findings.string(pool, expected: "the name of a pool") {
            if !NameGrammar.isIdentifier(text.utf8, maximumLength: 64) {
                findings.add(
                    "E1309",
                    "\"\(SourceScalar.shortened(text))\" cannot be the name of a pool",
                    in: pool,
                    hint:
                        "a pool's name is a letter or digit, then letters, digits, \"_\" or \"-\", 64 at most"
                )
            }
            job.pool = text
        }
    }

    private func upstreams(_ field: Field, of name: JobName?) -> [Upstream]? {
        guard let items = findings.list(field, of: "jobs", least: 1, most: Self.mostUpstreams) else {
            return nil
        }
        var upstreams: [Upstream] = []
        for item in items {
            var nameField = item
            if case .mapping = item.node.content {
                let keys = MappingKeys(["job"], planned: ["runs", "require", "wait_up_to"])
                guard let fields = findings.mapping(item, keys),
                    let job = findings.required("job", in: fields)
                else {
                    continue
                }
                nameField = job
            }
            guard let text = findings.string(nameField, expected: "a job name"),
                let upstream = jobName(text, nameField)
            else { continue }
            if upstream == name {
                findings.add("E1307", "the job waits for itself", in: nameField)
            } else if upstreams.contains(where: { $0.job == upstream }) {
                findings.add("E1308", "after has \"\(upstream)\" twice", in: nameField)
            }
            upstreams.append(Upstream(job: upstream))
        }
        return upstreams
    }

    private func readTasks(_ fields: MappingFields) -> [ReadTask] {
        var defaults: MappingFields?
        if let field = fields["defaults"] {
            let keys = MappingKeys(TaskReader.keys.known.filter { $0 != "id" })
            defaults = findings.mapping(field, keys)
        }
        guard let field = findings.required("tasks", in: fields, hint: "a job has at least one task") else {
            return []
        }
        guard let items = findings.list(field, of: "tasks", least: 1) else { return [] }
        guard items.count <= ReadingLimits.tasks else {
            findings.add(
                "E1313",
                "the job has \(items.count) tasks, more than \(ReadingLimits.tasks)",
                in: field
            )
            return []
        }
        if let field = defaults?.field {
            let (size, overflow) = field.node.weight.multipliedReportingOverflow(by: items.count)
            guard !overflow, size <= ReadingLimits.mergedDefaults else {
                findings.add(
                    "E1314",
                    "the defaults are too large for \(items.count) tasks",
                    in: field,
                    hint: "defaults become part of every task; move long scripts into files"
                )
                return []
            }
        }
        let reader = TaskReader(findings: findings, defaults: defaults)
        let tasks = items.map(reader.task)
        guard tasks.reduce(0, { $0 + $1.needs.count }) <= ReadingLimits.needs else {
            findings.add(
                "E1313",
                "the job's tasks have more than \(ReadingLimits.needs) needs together",
                in: field
            )
            return []
        }
        let partitions = tasks.reduce(0) { $0 + $1.partitionCount }
        if partitions > ReadingLimits.partitions {
            findings.add(
                "E1313",
                "the job's tasks have \(partitions) partitions together, more than \(ReadingLimits.partitions)",
                in: field
            )
        }
        return tasks
    }

    private func checkSize(_ job: JobDefinition, _ field: Field) -> Bool {
        let size: Int
        do {
            size = try CanonicalJSON.encode(job).count
        } catch {
            findings.add("E1314", "the job cannot be written in canonical form: \(error)", in: field)
            return false
        }
        guard size <= ReadingLimits.canonicalBytes else {
            findings.add(
                "E1314",
                "the job has \(size) bytes in canonical form, more than \(ReadingLimits.canonicalBytes)",
                in: field,
                hint: "move long scripts into files, or split the job"
            )
            return false
        }
        return true
    }
}
