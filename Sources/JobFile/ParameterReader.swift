internal import Scheduling

/// Reads `params`.
struct ParameterReader {
    private static let keys = MappingKeys(["type", "default", "enum", "description"])
    private static let most = 200

    let findings: Findings

    func parameters(_ field: Field, templates: inout [TemplateUse]) -> [String: Parameter]? {
        guard let entries = findings.entries(field, of: "parameters") else { return nil }
        if entries.count > Self.most {
            findings.add("E1207", "\(field.path.words) has more than \(Self.most) parameters", in: field)
        }
        var parameters: [String: Parameter] = [:]
        for (name, position, value) in entries.prefix(Self.most) {
            if !NameGrammar.isIdentifier(name.utf8, maximumLength: 64) {
                findings.add(
                    "E1309",
                    "\"\(SourceScalar.shortened(name))\" cannot be the name of a parameter",
                    at: position,
                    path: value.path,
                    hint:
                        "a parameter's name is a letter or digit, then letters, digits, \"_\" or \"-\", 64 at most"
                )
            }
            // The parameter counts as declared even if it is wrong, so that its uses are not reported as well.
            parameters[name] = parameter(value, &templates) ?? Parameter()
        }
        return parameters
    }

    private func parameter(_ field: Field, _ templates: inout [TemplateUse]) -> Parameter? {
        guard
            let fields = findings.mapping(
                field,
                Self.keys,
                expected: "a mapping like {type: string, default: full}"
            )
        else { return nil }
        var parameter = Parameter()
        var isTyped = true
        if let type = fields["type"] {
            parameter.type = findings.choice(Parameter.Kind.self, type)
            isTyped = parameter.type != nil
        }
        if let description = fields["description"] {
            parameter.description = findings.localizedText(description)
        }
        let kind = parameter.type ?? .string
        if let list = fields["enum"],
            let items = findings.list(list, of: "values", least: 1, most: ReadingLimits.names)
        {
            var values: [String] = []
            for item in items {
                guard let text = findings.literal(item) else { continue }
                if isTyped { check(text, kind, item) }
                if values.contains(text) {
                    findings.add(
                        "E1308",
                        "the value \"\(SourceScalar.shortened(text))\" stands twice",
                        in: item
                    )
                }
                values.append(text)
            }
            parameter.enum = values
        }
        if let field = fields["default"], let text = findings.literal(field) {
            parameter.default = text
            let before = findings.count
            if let use = findings.template(text, .text, in: field) {
                templates.append(use)
            } else if findings.count == before, isTyped {
                checkDefault(text, kind, parameter.enum, field)
            }
        }
        return parameter
    }

    private func checkDefault(_ text: String, _ kind: Parameter.Kind, _ choices: [String]?, _ field: Field) {
        guard check(text, kind, field), let choices, !choices.contains(text) else { return }
        findings.add(
            "E1601",
            "\(field.path.words) \"\(SourceScalar.shortened(text))\" is not one of its enum",
            in: field,
            hint: Suggestion.hint(for: text, among: choices)
                ?? "use one of \(choices.joined(separator: ", "))"
        )
    }

    @discardableResult
    private func check(_ text: String, _ kind: Parameter.Kind, _ field: Field) -> Bool {
        guard !ParameterValue.isValid(text, kind) else { return true }
        findings.add(
            "E1601",
            "\(field.path.words) must be \(ParameterValue.expectation(kind)), found \"\(SourceScalar.shortened(text))\"",
            in: field
        )
        return false
    }
}
