/// A line of an NDJSON file, with its place.
package struct Line: Hashable, Sendable {
    package var json: JSON
    /// `file:line`.
    package var place: String

    package init(json: JSON, place: String) {
        self.json = json
        self.place = place
    }
}

/// Reads NDJSON.
package enum Lines {
    /// The lines of a file. Text behind the last line end was cut off by a crash and is left out.
    package static func read(_ path: String) throws(UnreadableInput) -> [Line] {
        try parse(try InputFile.bytes(of: path), name: path)
    }

    /// The lines of a text.
    package static func parse(_ bytes: [UInt8], name: String) throws(UnreadableInput) -> [Line] {
        var lines: [Line] = []
        var number = 0
        var start = 0
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            number += 1
            if end > start {
                guard let json = JSON(bytes[start..<end]), json.object != nil else {
                    throw UnreadableInput("\(name):\(number)", "not a JSON object")
                }
                lines.append(Line(json: json, place: "\(name):\(number)"))
            }
            start = end + 1
        }
        return lines
    }
}
