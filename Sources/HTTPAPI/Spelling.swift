/// Finds what was probably meant by a word that is not known.
enum Spelling {
    /// "did you mean …", when a known word is near enough.
    static func hint(for word: String, among known: some Sequence<String>) -> String? {
        let limit = max(1, word.utf8.count / 3)
        let nearest = known.map { ($0, distance(word, $0)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let (name, distance) = nearest, distance <= limit else { return nil }
        return "did you mean \"\(name)\"?"
    }

    /// How many letters must be inserted, dropped, changed or swapped with their neighbour.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.lowercased().utf8.prefix(64))
        let right = Array(right.lowercased().utf8.prefix(64))
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var row = [i + 1]
            for (j, b) in right.enumerated() {
                var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a == b ? 0 : 1))
                if i > 0, j > 0, a == right[j - 1], left[i - 1] == b {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[right.count]
    }
}
