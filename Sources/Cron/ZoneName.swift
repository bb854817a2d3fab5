/// What the text of a zone name may be, and what a mistaken one was meant to be.
enum ZoneName {
    private static let longest = 128

    /// Refuses what could leave the zone directory, and names that depend on the machine.
    static func check(_ name: String) throws(CronError) {
        guard !name.isEmpty else {
            throw CronError(
                .invalidZoneName,
                "the time zone is empty",
                in: name,
                hint: "write it like Asia/Shanghai"
            )
        }
        guard name.utf8.count <= longest else {
            throw CronError(.invalidZoneName, "the time zone is longer than \(longest) bytes", in: name)
        }
        for (offset, character) in name.enumerated() where !isAllowed(character) {
            throw CronError(
                .invalidZoneName,
                "\"\(character)\" cannot be in the name of a time zone",
                in: name,
                at: offset,
                hint: character == ":" ? offsetHint : "write it like Asia/Shanghai"
            )
        }
        for part in name.split(separator: "/", omittingEmptySubsequences: false)
        where part.isEmpty || part.hasPrefix(".") {
            throw CronError(
                .invalidZoneName,
                "a time zone is a name like Asia/Shanghai, not a path",
                in: name
            )
        }
        if name == "localtime" || name == "posixrules" {
            throw CronError(
                .invalidZoneName,
                "\"\(name)\" is another zone on another machine",
                in: name,
                hint: "name the zone itself, like Asia/Shanghai"
            )
        }
        for tree in ["posix/", "right/"] where name.hasPrefix(tree) {
            throw CronError(
                .invalidZoneName,
                "zones below \(tree) are not supported",
                in: name,
                hint: "write \(name.dropFirst(tree.count))"
            )
        }
    }

    /// Whether a path in the zone directory is a zone or a directory of zones, by its name.
    static func isZone(_ path: String) -> Bool {
        guard let first = path.utf8.first, (65...90).contains(first), path != "Factory" else { return false }
        return path.allSatisfy(isAllowed) && !path.contains(".")
    }

    /// A hint at the zone that was probably meant; nil when nothing is near.
    static func suggestion(for name: String, among names: [String]) -> String? {
        let written = name.lowercased()
        if written.hasPrefix("utc+") || written.hasPrefix("utc-") || written.hasPrefix("gmt+")
            || written.hasPrefix("gmt-") || name.first == "+" || name.first == "-"
        {
            return offsetHint
        }
        var best: [(distance: Int, name: String)] = []
        for candidate in names {
            let lowered = candidate.lowercased()
            let city = lowered.split(separator: "/").last.map(String.init) ?? lowered
            let distance = min(
                editDistance(Array(written.utf8), Array(lowered.utf8)),
                // A city without its continent, "Shanghai", is one step worse than the full name.
                editDistance(Array(written.utf8), Array(city.utf8)) + (lowered == city ? 0 : 1)
            )
            if distance <= max(1, written.utf8.count / 4) { best.append((distance, candidate)) }
        }
        best.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard !best.isEmpty else { return nil }
        return "did you mean \(best.prefix(3).map(\.name).joined(separator: ", "))?"
    }

    private static let offsetHint =
        "name a place like Asia/Shanghai; for a fixed offset the IANA name of UTC+8 is Etc/GMT-8"

    private static func isAllowed(_ character: Character) -> Bool {
        guard let byte = character.asciiValue else { return false }
        switch byte {
        case 48...57, 65...90, 97...122: return true
        default: return "/_+-.".utf8.contains(byte)
        }
    }

    /// The number of letters to insert, remove or replace (Levenshtein), by one row at a time.
    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}
