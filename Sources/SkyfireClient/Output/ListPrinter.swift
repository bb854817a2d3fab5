/// Prints items in the form that was asked for.
package struct ListPrinter: Sendable {
    let format: OutputFormat
    let hasHeaders: Bool
    let isColored: Bool
    let times: TimeText

    package init(format: OutputFormat, hasHeaders: Bool = true, isColored: Bool = false, times: TimeText) {
        self.format = format
        self.hasHeaders = hasHeaders
        self.isColored = isColored
        self.times = times
    }

    /// The text of a list, with its last line end. The first column names an item.
    package func text(_ items: [JSONTree], _ columns: [Column]) -> String {
        switch format {
        case .table: table(items, columns.filter { !$0.isWide })
        case .wide: table(items, columns)
        case .json: JSONTree.array(items).json(isPretty: true) + "\n"
        case .jsonl: items.map { $0.json(isPretty: false) + "\n" }.joined()
        case .yaml: YAMLText.write(.array(items))
        case .name: items.map { Console.printable(columns[0].raw($0)) + "\n" }.joined()
        case .csv: csv(items, columns)
        }
    }

    /// The text of one item: fields below each other for people.
    package func text(one item: JSONTree, _ columns: [Column]) -> String {
        switch format {
        case .table, .wide: fields(item, columns.filter { format == .wide || !$0.isWide })
        case .json: item.json(isPretty: true) + "\n"
        case .jsonl: item.json(isPretty: false) + "\n"
        case .yaml: YAMLText.write(item)
        case .name: Console.printable(columns[0].raw(item)) + "\n"
        case .csv: csv([item], columns)
        }
    }

    private func table(_ items: [JSONTree], _ columns: [Column]) -> String {
        let rows = items.map { item in columns.map { Self.cell($0.shown(item, times)) } }
        var widths = columns.map { hasHeaders ? DisplayWidth.of($0.title) : 0 }
        for row in rows {
            for (index, cell) in row.enumerated() {
                widths[index] = max(widths[index], DisplayWidth.of(cell))
            }
        }
        var text = ""
        if hasHeaders { text += line(columns.map(\.title), columns, widths, isHeader: true) }
        for row in rows { text += line(row, columns, widths, isHeader: false) }
        return text
    }

    private func line(_ cells: [String], _ columns: [Column], _ widths: [Int], isHeader: Bool) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let isLast = index == cells.count - 1
            let blanks = String(repeating: " ", count: widths[index] - DisplayWidth.of(cell))
            let painted =
                !isHeader && columns[index].kind == .state
                ? StateColor.paint(cell, isColored: isColored) : cell
            line += columns[index].isRight ? blanks + painted : painted + (isLast ? "" : blanks)
            if !isLast { line += "  " }
        }
        return line + "\n"
    }

    private func fields(_ item: JSONTree, _ columns: [Column]) -> String {
        let width = columns.map { DisplayWidth.of($0.title) }.max() ?? 0
        var text = ""
        for column in columns {
            let shown = Self.cell(column.shown(item, times))
            let painted = column.kind == .state ? StateColor.paint(shown, isColored: isColored) : shown
            text += DisplayWidth.padded(column.title, to: width) + "  " + painted + "\n"
        }
        return text
    }

    private func csv(_ items: [JSONTree], _ columns: [Column]) -> String {
        var lines = items.map { item in columns.map { Self.csvField($0.raw(item)) } }
        if hasHeaders {
            lines.insert(
                columns.map { $0.title.lowercased().split(separator: " ").joined(separator: "_") },
                at: 0
            )
        }
        return lines.map { $0.joined(separator: ",") + "\r\n" }.joined()
    }

    private static func csvField(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else {
            return text
        }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            + "\""
    }

    /// A row is one line, whatever its values hold.
    private static func cell(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return Console.printable(
            line.split(separator: "\t", omittingEmptySubsequences: false).joined(separator: " ")
        )
    }
}

/// Colours of states. They repeat what the word says.
package enum StateColor {
    /// The word, between the signs for its colour where colour is on.
    package static func paint(_ state: String, isColored: Bool) -> String {
        guard isColored, let code = code(state) else { return state }
        return "\u{1B}[\(code)m\(state)\u{1B}[0m"
    }

    private static func code(_ state: String) -> String? {
        switch state {
        case "succeeded", "ready", "ok": "32"
        case "failed", "failing", "timed_out", "lost", "refused", "system_failed": "31"
        case "running", "assigned": "36"
        case "retrying", "killing", "killed", "cancelled", "paused", "draining": "33"
        case "skipped", "waiting", "queued": "2"
        default: nil
        }
    }
}
