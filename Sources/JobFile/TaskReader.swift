internal import Scheduling

/// A task as it was read, with what is needed to check it against the others.
struct ReadTask {
    /// Nil where the id is missing or wrong.
    var definition: TaskDefinition?
    let field: Field
    var id: Field?
    /// The items of `needs`, as many as `definition.needs`.
    var needs: [Field] = []
    var templates: [TemplateUse] = []
    /// How many partitions it has, 1 without.
    var partitionCount = 1
}

/// Reads one item of `tasks`.
struct TaskReader {
    static let keys = MappingKeys([
        "id", "needs", "when", "type", "run", "http", "env", "cwd", "partitions", "retry", "timeout", "kill",
        "resources", "outputs", "exclusive", "on_lost",
    ])

    let findings: Findings
    let defaults: MappingFields?

    func task(_ field: Field) -> ReadTask {
        var task = ReadTask(field: field)
        guard
            var fields = findings.mapping(
                field,
                Self.keys,
                expected: "a mapping like {id: hello, run: echo hello}"
            )
        else { return task }
        if let defaults { fields.fill(from: defaults) }
        var definition = readID(fields, &task)
        readNeeds(fields, &definition, &task)
        if let when = fields["when"] { definition.when = condition(when) }
        readWork(fields, &definition, &task)
        if let env = fields["env"] { definition.env = environment(env, &task) }
        if let cwd = fields["cwd"], let text = findings.filledString(cwd) {
            definition.cwd = text
            add(findings.template(text, .text, in: cwd), &task)
        }
        if let partitions = fields["partitions"] {
            definition.partitions = PartitionsReader(findings: findings).partitions(partitions)
            task.partitionCount = definition.partitions?.total ?? 1
        }
        if let retry = fields["retry"] { definition.retry = RetryReader(findings: findings).retry(retry) }
        if let timeout = fields["timeout"] { definition.timeout = findings.duration(timeout) }
        if let kill = fields["kill"] { definition.kill = self.kill(kill) }
        if let resources = fields["resources"] { definition.resources = self.resources(resources) }
        if let outputs = fields["outputs"] { definition.outputs = self.outputs(outputs) }
        if let exclusive = fields["exclusive"], let value = findings.boolean(exclusive) {
            definition.exclusive = value
        }
        if let onLost = fields["on_lost"],
            let text = findings.choice(onLost, among: ["rerun", "fail", "hold"])
        {
            definition.onLost = TaskDefinition.OnLost(rawValue: text)
        }
        if task.id != nil { task.definition = definition }
        return task
    }

    /// A definition with the task's id, or with a stand-in where that is wrong, so that the rest is checked anyway.
    private func readID(_ fields: MappingFields, _ task: inout ReadTask) -> TaskDefinition {
        if let field = findings.required("id", in: fields),
            let text = findings.string(field, expected: "a task id")
        {
            do throws(NameError) {
                let id = try TaskID(text)
                task.id = field
                return TaskDefinition(id: id)
            } catch {
                let limit = text.utf8.allSatisfy { isASCIIWord($0) || $0 == 0x2D } ? 40 : nil
                findings.addName("E1302", "task id", text, error, in: field, limit: limit)
            }
        }
        return TaskDefinition(id: Self.standIn)
    }

    private static let standIn: TaskID = {
        do throws(NameError) { return try TaskID("x") } catch { preconditionFailure("\"x\" is a task id") }
    }()

    private func readNeeds(
        _ fields: MappingFields,
        _ definition: inout TaskDefinition,
        _ task: inout ReadTask
    ) {
        guard let needs = fields["needs"],
            let items = findings.list(needs, of: "task ids", most: ReadingLimits.tasks)
        else { return }
        var ids: [TaskID] = []
        var seen: Set<TaskID> = []
        for item in items {
            guard let text = findings.string(item, expected: "a task id") else { continue }
            do throws(NameError) {
                let id = try TaskID(text)
                guard seen.insert(id).inserted else {
                    findings.add("E1308", "\(needs.path.words) has \"\(id)\" twice", in: item)
                    continue
                }
                ids.append(id)
                task.needs.append(item)
            } catch {
                findings.addName("E1302", "task id", text, error, in: item, limit: nil)
            }
        }
        definition.needs = ids.isEmpty ? nil : ids
    }

    private func condition(_ field: Field) -> TaskDefinition.Condition? {
        if case .scalar(let scalar) = field.node.content, scalar.kind == .string,
            !scalar.text.utf8.allSatisfy(isASCIIWord)
        {
            let choices = TaskDefinition.Condition.allCases.map(\.rawValue).joined(separator: ", ")
            findings.unsupported(
                "an expression for \(field.path.words)",
                at: field.node.position,
                path: field.path,
                hint: "use one of \(choices)"
            )
            return nil
        }
        return findings.choice(TaskDefinition.Condition.self, field)
    }

    /// `type`, `run` and `http`.
    private func readWork(_ fields: MappingFields, _ definition: inout TaskDefinition, _ task: inout ReadTask)
    {
        var type: TaskDefinition.Kind? = .command
        if let field = fields["type"] {
            type = findings.choice(TaskDefinition.Kind.self, field, planned: ["sql", "flow"])
            definition.type = type
        }
        if let run = fields["run"] {
            definition.run = command(run, &task)
            refuse(run, unless: type, is: .command)
        } else if type == .command {
            _ = findings.required("run", in: fields, hint: "write run: COMMAND, or another type: http, noop")
        }
        if let http = fields["http"] {
            definition.http = HTTPCallReader(findings: findings).call(http) { add($0, &task) }
            refuse(http, unless: type, is: .http)
        } else if type == .http {
            _ = findings.required("http", in: fields, hint: "write http: {url: …}")
        }
    }

    private func refuse(_ field: Field, unless type: TaskDefinition.Kind?, is owner: TaskDefinition.Kind) {
        guard let type, type != owner else { return }
        findings.add(
            "E1212",
            "\(field.path.words) goes with type \(owner.rawValue) only, not with \(type.rawValue)",
            in: field,
            hint: type == .command ? "add type: \(owner.rawValue)" : nil
        )
    }

    private func command(_ field: Field, _ task: inout ReadTask) -> TaskDefinition.Command? {
        switch field.node.content {
        case .sequence:
            guard let items = findings.list(field, of: "arguments", least: 1) else { return nil }
            var arguments: [String] = []
            for (index, item) in items.enumerated() {
                guard let text = findings.literal(item) else { continue }
                if index == 0, text.isEmpty { findings.add("E1213", "\(item.path.words) is empty", in: item) }
                arguments.append(text)
                add(findings.template(text, .text, in: item), &task)
            }
            return .argv(arguments)
        case .scalar, .mapping:
            guard let line = findings.string(field, expected: "a shell line or a list of arguments") else {
                return nil
            }
            guard !line.allSatisfy(\.isWhitespace) else {
                findings.add("E1213", "\(field.path.words) is empty", in: field)
                return nil
            }
            add(findings.template(line, .shell, in: field), &task)
            return .shell(line)
        }
    }

    private func environment(_ field: Field, _ task: inout ReadTask) -> [String: String]? {
        guard let entries = findings.entries(field, of: "environment variables") else { return nil }
        var environment: [String: String] = [:]
        for (name, position, value) in entries {
            let bytes = Array(name.utf8)
            if bytes.isEmpty || !bytes.allSatisfy(isASCIIWord) || (48...57).contains(bytes[0]) {
                findings.add(
                    "E1310",
                    "\"\(SourceScalar.shortened(name))\" cannot be the name of an environment variable",
                    at: position,
                    path: value.path,
                    hint: "it is a letter or \"_\", then letters, digits and \"_\""
                )
            } else if name.hasPrefix("SKYFIRE_") {
                findings.add(
                    "E1310",
                    "the environment variables SKYFIRE_… are set by the scheduler",
                    at: position,
                    path: value.path,
                    hint: "choose another name than \(name)"
                )
            }
            guard let text = findings.literal(value) else { continue }
            environment[name] = text
            add(findings.template(text, .text, in: value), &task)
        }
        return environment
    }

    private static let signals = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL"]

    private func kill(_ field: Field) -> TaskDefinition.Kill? {
        guard let fields = findings.mapping(field, MappingKeys(["signal", "grace"])) else { return nil }
        return TaskDefinition.Kill(
            signal: fields["signal"].flatMap { findings.choice($0, among: Self.signals) },
            grace: fields["grace"].flatMap { findings.duration($0, most: .day) }
        )
    }

    private func resources(_ field: Field) -> TaskDefinition.Resources? {
        guard let fields = findings.mapping(field, MappingKeys(["cpu", "memory", "labels"])) else {
            return nil
        }
        return TaskDefinition.Resources(
            cpu: fields["cpu"].flatMap { findings.number($0, in: 0...4096, aboveLowest: true) },
            memory: fields["memory"].flatMap { findings.byteCount($0) },
            labels: fields["labels"].flatMap { findings.labels($0) }
        )
    }

    private func outputs(_ field: Field) -> [String]? {
        guard let items = findings.list(field, of: "names", most: ReadingLimits.names) else { return nil }
        var names: [String] = []
        for item in items {
            guard let name = findings.string(item, expected: "the name of an output") else { continue }
            if !NameGrammar.isIdentifier(name.utf8, maximumLength: 64) {
                findings.add(
                    "E1309",
                    "\"\(SourceScalar.shortened(name))\" cannot be the name of an output",
                    in: item,
                    hint:
                        "an output's name is a letter or digit, then letters, digits, \"_\" or \"-\", 64 at most"
                )
            } else if names.contains(name) {
                findings.add("E1308", "\(field.path.words) has \"\(name)\" twice", in: item)
            }
            names.append(name)
        }
        return names
    }

    private func add(_ use: TemplateUse?, _ task: inout ReadTask) {
        if let use { task.templates.append(use) }
    }
}

extension Findings {
    /// Reports a name that breaks its grammar, at the first character that is not allowed.
    func addName(
        _ code: String,
        _ what: String,
        _ text: String,
        _ error: NameError,
        in field: Field,
        limit: Int?
    ) {
        let scalars = Array(text.unicodeScalars)
        let wrong = scalars.firstIndex { scalar in
            !(scalar.isASCII && (isASCIIWord(UInt8(scalar.value)) || scalar == "-" || scalar == "."))
                || (scalar == "." && code == "E1302")
        }
        if text.isEmpty {
            add(code, "the \(what) is empty", in: field, hint: error.description)
        } else if let wrong {
            let offset = scalars[..<wrong].reduce(into: String.UnicodeScalarView()) { $0.append($1) }
            let character = text[String(offset).endIndex...].first.map(String.init) ?? String(scalars[wrong])
            let shown = scalars[wrong].value < 0x20 ? "a control character" : "\"\(character)\""
            let name = "U+" + String(scalars[wrong].value, radix: 16, uppercase: true)
            add(
                code,
                "the \(what) \"\(SourceScalar.shortened(text))\" holds \(shown)\(scalars[wrong].isASCII ? "" : " (\(name))"), which is not allowed",
                in: field,
                offset: wrong,
                hint: error.description
            )
        } else {
            let isLong = limit.map { text.utf8.count > $0 } ?? false
            add(
                code,
                isLong
                    ? "the \(what) has \(text.utf8.count) characters"
                    : "\"\(SourceScalar.shortened(text))\" cannot be a \(what)",
                in: field,
                hint: error.description
            )
        }
    }
}
