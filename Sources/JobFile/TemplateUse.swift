internal import Scheduling

/// A template of a file, kept until all tasks are known and its names can be checked.
struct TemplateUse {
    let template: Template
    let field: Field
    let text: String
}

extension Findings {
    /// Parses a template and reports what is wrong with it.
    func template(_ text: String, _ mode: Template.Mode, in field: Field) -> TemplateUse? {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return nil }
        do throws(TemplateError) {
            let template = try Template.parse(text, mode: mode)
            return template.references.isEmpty
                ? nil : TemplateUse(template: template, field: field, text: text)
        } catch {
            let code =
                switch error.kind {
                case .malformed, .unresolved: "E1501"
                case .unknownName: "E1502"
                case .unsafePlace: "E1506"
                case .unsupported: "E1205"
                }
            add(code, error.message, in: field, offset: Self.scalars(text, error.offset), hint: error.hint)
            return nil
        }
    }

    /// Reports a mistake in one reference of a template.
    func add(
        _ code: String,
        _ message: String,
        _ use: TemplateUse,
        _ reference: Template.Reference,
        hint: String?
    ) {
        add(code, message, in: use.field, offset: Self.scalars(use.text, reference.offset), hint: hint)
    }

    /// How many Unicode scalars the first bytes of a text are.
    private static func scalars(_ text: String, _ bytes: Int) -> Int {
        text.utf8.prefix(bytes).count { $0 & 0xC0 != 0x80 }
    }
}
