internal import Scheduling

/// Reads `partitions` of a task.
struct PartitionsReader {
    private static let keys = MappingKeys(
        ["count", "list", "range", "max_parallel", "on_failure", "min_success"],
        planned: ["over"]
    )

    let findings: Findings

    func partitions(_ field: Field) -> TaskDefinition.Partitions? {
        guard let fields = findings.mapping(field, Self.keys, expected: "a mapping like {count: 16}") else {
            return nil
        }
        var partitions = TaskDefinition.Partitions()
        let kinds = ["count", "list", "range"].filter { fields[$0] != nil }
        if kinds.count != 1, fields["over"] == nil {
            findings.add(
                "E1211",
                kinds.isEmpty
                    ? "\(field.path.words) has no count, list or range"
                    : "\(field.path.words) has \(kinds.joined(separator: " and ")), which exclude each other",
                in: field,
                hint: "partitions have exactly one of count, list and range"
            )
        }
        if let count = fields["count"] {
            partitions.count = findings.integer(count, in: 1...ReadingLimits.partitions)
        }
        if let list = fields["list"] { partitions.list = values(list) }
        if let range = fields["range"] { partitions.range = bounds(range) }
        if let parallel = fields["max_parallel"] {
            partitions.maxParallel = findings.integer(parallel, in: 1...ReadingLimits.partitions)
        }
        if let onFailure = fields["on_failure"] {
            partitions.onFailure = findings.choice(TaskDefinition.Partitions.OnFailure.self, onFailure)
        }
        if let field = fields["min_success"], let share = findings.number(field, in: 0...1) {
            partitions.minSuccess = share
            if share < 1, fields["on_failure"] == nil || partitions.onFailure == .stop {
                findings.add(
                    "E1212",
                    "\(field.path.words) below 1 goes with on_failure: continue only",
                    in: field,
                    hint: "add on_failure: continue"
                )
            }
        }
        return partitions
    }

    private func values(_ field: Field) -> [String]? {
        guard let items = findings.list(field, of: "values", least: 1) else { return nil }
        guard items.count <= ReadingLimits.partitions else {
            findings.add(
                "E1313",
                "\(field.path.words) has more than \(ReadingLimits.partitions) values",
                in: field
            )
            return nil
        }
        return items.compactMap(findings.literal)
    }

    private func bounds(_ field: Field) -> [Int]? {
        guard let items = findings.list(field, of: "two integers") else { return nil }
        let limit = 1_000_000_000_000
        let bounds = items.prefix(3).compactMap { findings.integer($0, in: -limit...limit) }
        guard items.count == 2 else {
            findings.add("E1207", "\(field.path.words) must have two bounds, found \(items.count)", in: field)
            return nil
        }
        guard bounds.count == 2 else { return nil }
        guard bounds[0] <= bounds[1] else {
            findings.add("E1207", "\(field.path.words) begins after its end", in: field)
            return nil
        }
        guard bounds[1] - bounds[0] < ReadingLimits.partitions else {
            findings.add(
                "E1313",
                "\(field.path.words) has more than \(ReadingLimits.partitions) values",
                in: field
            )
            return nil
        }
        return bounds
    }
}

/// Reads `retry` of a task.
struct RetryReader {
    let findings: Findings

    func retry(_ field: Field) -> TaskDefinition.Retry? {
        guard
            let fields = findings.mapping(
                field,
                MappingKeys(["max", "backoff", "on"]),
                expected: "a mapping like {max: 2}"
            )
        else { return nil }
        let max = findings.required("max", in: fields).flatMap { findings.integer($0, in: 0...100) }
        var retry = TaskDefinition.Retry(max: max ?? 0)
        if let backoff = fields["backoff"] { retry.backoff = self.backoff(backoff) }
        if let on = fields["on"], let items = findings.list(on, of: "causes", least: 1) {
            var causes: [TaskDefinition.Retry.Cause] = []
            for item in items {
                guard let cause = findings.choice(TaskDefinition.Retry.Cause.self, item, planned: ["lost"])
                else { continue }
                if causes.contains(cause) {
                    findings.add("E1308", "\(on.path.words) has \"\(cause.rawValue)\" twice", in: item)
                } else {
                    causes.append(cause)
                }
            }
            retry.on = causes
        }
        return retry
    }

    private func backoff(_ field: Field) -> TaskDefinition.Retry.Backoff? {
        guard let fields = findings.mapping(field, MappingKeys(["kind", "initial", "max", "jitter"])) else {
            return nil
        }
        let backoff = TaskDefinition.Retry.Backoff(
            kind: fields["kind"].flatMap { findings.choice(TaskDefinition.Retry.Backoff.Kind.self, $0) },
            initial: fields["initial"].flatMap { findings.duration($0, most: .day) },
            max: fields["max"].flatMap { findings.duration($0) },
            jitter: fields["jitter"].flatMap { findings.number($0, in: 0...1) }
        )
        if let initial = backoff.initial, let most = backoff.max, initial > most, let field = fields["max"] {
            findings.add(
                "E1207",
                "\(field.path.words) is shorter than the initial wait \(initial)",
                in: field
            )
        }
        return backoff
    }
}

/// Reads `http` of a task.
struct HTTPCallReader {
    private static let keys = MappingKeys(["method", "url", "headers", "body", "expect", "timeout"])
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    let findings: Findings

    func call(_ field: Field, use: (TemplateUse?) -> Void) -> TaskDefinition.HTTPCall? {
        guard let fields = findings.mapping(field, Self.keys, expected: "a mapping like {url: \"https://…\"}")
        else {
            return nil
        }
        var call = TaskDefinition.HTTPCall(url: "")
        if let field = findings.required("url", in: fields),
            let url = findings.filledString(field, expected: "a URL")
        {
            call.url = url
            checkURL(url, field)
            use(findings.template(url, .text, in: field))
        }
        if let method = fields["method"] { call.method = findings.choice(method, among: Self.methods) }
        if let headers = fields["headers"] { call.headers = self.headers(headers, use) }
        if let body = fields["body"], let text = findings.string(body) {
            call.body = text
            use(findings.template(text, .text, in: body))
        }
        if let expect = fields["expect"] {
            call.expect = findings.list(expect, of: "status codes", least: 1)?
                .compactMap { findings.integer($0, in: 100...599) }
        }
        if let timeout = fields["timeout"] { call.timeout = findings.duration(timeout, most: .day) }
        return call
    }

    private func checkURL(_ url: String, _ field: Field) {
        let lowered = url.lowercased()
        if !lowered.hasPrefix("${") {
            guard let scheme = ["http://", "https://"].first(where: lowered.hasPrefix) else {
                findings.add("E1311", "\(field.path.words) must begin with http:// or https://", in: field)
                return
            }
            let host = lowered.dropFirst(scheme.utf8.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            if host.isEmpty || host.hasPrefix(":") {
                findings.add("E1311", "\(field.path.words) has no host", in: field)
            }
        }
        // Blanks may stand inside templates only.
        var isInTemplate = false
        for (offset, scalar) in url.unicodeScalars.enumerated() {
            if scalar == "{" { isInTemplate = true }
            if scalar == "}" { isInTemplate = false }
            if !isInTemplate, scalar.value <= 0x20 || scalar.value == 0x7F {
                findings.add(
                    "E1311",
                    "\(field.path.words) holds a blank or control character",
                    in: field,
                    offset: offset
                )
                return
            }
        }
    }

    private func headers(_ field: Field, _ use: (TemplateUse?) -> Void) -> [String: String]? {
        guard let entries = findings.entries(field, of: "headers") else { return nil }
        var headers: [String: String] = [:]
        for (name, position, value) in entries {
            let isToken =
                !name.isEmpty
                && name.utf8.allSatisfy { isASCIIWord($0) || "!#$%&'*+-.^`|~".utf8.contains($0) }
            if !isToken {
                findings.add(
                    "E1309",
                    "\"\(SourceScalar.shortened(name))\" cannot be the name of a header",
                    at: position,
                    path: value.path
                )
            }
            guard let text = findings.literal(value) else { continue }
            if text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) {
                findings.add("E1214", "\(value.path.words) holds a control character", in: value)
            }
            headers[name] = text
            use(findings.template(text, .text, in: value))
        }
        return headers
    }
}
