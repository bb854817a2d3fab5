internal import CYaml

/// Reads the documents of a YAML text as trees in which every value and key has its place.
///
/// It works on the parser's events rather than on a composed tree, so that nesting and what aliases add are bounded
/// before anything is built, compared or hashed.
struct YAMLReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var anchors: [String: (node: SourceNode, count: Int)] = [:]
    private var aliasedNodes = 0

    /// Reads all documents; empty ones are left out.
    static func read(_ bytes: [UInt8]) throws(SyntaxError) -> [SourceNode] {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw SyntaxError("E1003", "out of memory", at: SourcePosition(line: 1, column: 1))
        }
        defer {
            yaml_parser_delete(parser)
            parser.deallocate()
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        // The buffer must outlive the parser's use of it, which ends with this closure.
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<[SourceNode], SyntaxError> in
            yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
            do throws(SyntaxError) {
                var reader = YAMLReader(parser: parser)
                return .success(try reader.documents())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(parser: UnsafeMutablePointer<yaml_parser_t>) {
        self.parser = parser
    }

    private mutating func documents() throws(SyntaxError) -> [SourceNode] {
        var documents: [SourceNode] = []
        while true {
            let event = try next()
            switch event.kind {
            case .streamEnd: return documents
            case .documentStart:
                anchors = [:]
                let (node, _) = try node(try next(), depth: 1)
                if !node.isNull { documents.append(node) }
                guard documents.count <= ReadingLimits.documents else {
                    throw SyntaxError(
                        "E1007",
                        "the file has more than \(ReadingLimits.documents) documents",
                        at: node.position
                    )
                }
            case .other, .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd: continue
            }
        }
    }

    /// The value that begins with an event, and the number of values in it.
    private mutating func node(_ event: Event, depth: Int) throws(SyntaxError) -> (SourceNode, Int) {
        guard depth <= ReadingLimits.depth else {
            throw SyntaxError(
                "E1005",
                "the values are nested more than \(ReadingLimits.depth) deep",
                at: event.start
            )
        }
        var count = 1
        let content: SourceNode.Content
        switch event.kind {
        case .alias(let name):
            guard let anchored = anchors[name] else {
                throw SyntaxError(
                    "E1003",
                    "there is no anchor \"\(name)\" before this alias",
                    at: event.start
                )
            }
            aliasedNodes += anchored.count
            guard aliasedNodes <= ReadingLimits.aliasedNodes else {
                throw SyntaxError(
                    "E1006",
                    "the file's aliases add more than \(ReadingLimits.aliasedNodes) values",
                    at: event.start
                )
            }
            return (anchored.node, anchored.count)
        case .scalar(let scalar):
            content = .scalar(scalar)
            count += scalar.text.utf8.count / 32
        case .sequenceStart:
            var items: [SourceNode] = []
            while true {
                let next = try next()
                if case .sequenceEnd = next.kind { break }
                let (item, added) = try node(next, depth: depth + 1)
                items.append(item)
                count += added
            }
            content = .sequence(items)
        case .mappingStart:
            var entries: [SourceEntry] = []
            var places: [String: SourcePosition] = [:]
            while true {
                let keyEvent = try next()
                if case .mappingEnd = keyEvent.kind { break }
                let key = try key(keyEvent)
                if let earlier = places.updateValue(keyEvent.start, forKey: key) {
                    throw SyntaxError.duplicateKey(key, at: keyEvent.start, earlier: earlier)
                }
                let (value, added) = try node(try next(), depth: depth + 1)
                entries.append(SourceEntry(key: key, keyPosition: keyEvent.start, value: value))
                count += added + 1
            }
            content = .mapping(entries)
        case .streamEnd, .documentStart, .sequenceEnd, .mappingEnd, .other:
            throw SyntaxError("E1003", "a value is missing", at: event.start)
        }
        let node = SourceNode(content: content, position: event.start)
        if let anchor = event.anchor { anchors[anchor] = (node, count) }
        return (node, count)
    }

    /// A key is the text that was written, whatever it would mean as a value (`on`, `1`, `true`).
    private mutating func key(_ event: Event) throws(SyntaxError) -> String {
        guard case .scalar(let scalar) = event.kind, event.anchor == nil else {
            throw SyntaxError(
                "E1008",
                "a key must be a plain or quoted text",
                at: event.start,
                hint: "lists, mappings, anchors and aliases cannot be keys"
            )
        }
        return scalar.text
    }

    // MARK: Events

    private struct Event {
        enum Kind {
            case streamEnd, documentStart, other
            case alias(String)
            case scalar(SourceScalar)
            case sequenceStart, sequenceEnd, mappingStart, mappingEnd
        }

        let kind: Kind
        let start: SourcePosition
        let anchor: String?
    }

    private mutating func next() throws(SyntaxError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        let start = Self.position(event.start_mark)
        switch event.type {
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, start: start, anchor: nil)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, start: start, anchor: nil)
        case YAML_ALIAS_EVENT:
            return Event(kind: .alias(Self.text(event.data.alias.anchor) ?? ""), start: start, anchor: nil)
        case YAML_SCALAR_EVENT:
            let scalar = try scalar(event, start)
            return Event(kind: .scalar(scalar), start: start, anchor: Self.text(event.data.scalar.anchor))
        case YAML_SEQUENCE_START_EVENT:
            try checkTag(Self.text(event.data.sequence_start.tag), "seq", start)
            return Event(
                kind: .sequenceStart,
                start: start,
                anchor: Self.text(event.data.sequence_start.anchor)
            )
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, start: start, anchor: nil)
        case YAML_MAPPING_START_EVENT:
            try checkTag(Self.text(event.data.mapping_start.tag), "map", start)
            return Event(
                kind: .mappingStart,
                start: start,
                anchor: Self.text(event.data.mapping_start.anchor)
            )
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, start: start, anchor: nil)
        default: return Event(kind: .other, start: start, anchor: nil)
        }
    }

    private func scalar(_ event: yaml_event_t, _ start: SourcePosition) throws(SyntaxError) -> SourceScalar {
        let data = event.data.scalar
        // libyaml keeps `length` bytes at `value` until the event is deleted, which is after this; the text is a copy.
        let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
        let style: SourceScalar.Style =
            switch data.style {
            case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
            case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
            case YAML_LITERAL_SCALAR_STYLE: .literal
            case YAML_FOLDED_SCALAR_STYLE: .folded
            default: .plain
            }
        let kind: SourceScalar.Kind
        switch Self.text(data.tag) {
        case nil: kind = style == .plain ? SourceScalar.plainKind(text) : .string
        case "!", "tag:yaml.org,2002:str": kind = .string
        case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
            "tag:yaml.org,2002:null":
            kind = SourceScalar.plainKind(text)
        case .some(let tag): throw Self.unsupportedTag(tag, start)
        }
        // With a tag or an anchor the mark is theirs, which only makes a place inside the value less exact.
        return SourceScalar(text: text, kind: kind, style: style, endLine: Int(event.end_mark.line) + 1)
    }

    private func checkTag(_ tag: String?, _ own: String, _ start: SourcePosition) throws(SyntaxError) {
        if let tag, tag != "!", tag != "tag:yaml.org,2002:\(own)" { throw Self.unsupportedTag(tag, start) }
    }

    private static func unsupportedTag(_ tag: String, _ start: SourcePosition) -> SyntaxError {
        SyntaxError(
            "E1008",
            "the tag \"\(tag)\" means nothing in a job file",
            at: start,
            hint: "leave it out"
        )
    }

    private func syntaxError() -> SyntaxError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
        let context = parser.pointee.context.map { String(cString: $0) }
        switch parser.pointee.error {
        case YAML_MEMORY_ERROR:
            return SyntaxError("E1003", "out of memory", at: SourcePosition(line: 1, column: 1))
        case YAML_READER_ERROR:
            return SyntaxError("E1003", problem, at: Self.position(parser.pointee.mark))
        default:
            let isAlias = context?.contains("alias") == true
            return SyntaxError(
                "E1003",
                context.map { "\(problem) (\($0))" } ?? problem,
                at: Self.position(isAlias ? parser.pointee.context_mark : parser.pointee.problem_mark),
                hint: Self.hint(problem, context)
            )
        }
    }

    private static func hint(_ problem: String, _ context: String?) -> String? {
        if context?.contains("alias") == true {
            return "an unquoted * begins an alias; put cron expressions in quotes"
        }
        if problem.contains("cannot start any token") {
            return "indent with spaces, and quote texts with special characters"
        }
        if problem.contains("mapping values are not allowed") { return "quote a text that holds \": \"" }
        if problem.contains("expected ',' or") { return "quote a text that holds any of { } [ ] and ," }
        return nil
    }

    private static func position(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}
