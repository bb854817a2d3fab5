/// Walks over one item of a field's list.
struct CronItemScanner {
    let characters: [Character]
    var index: Int
    let end: Int

    var isAtEnd: Bool { index >= end }
    var peek: Character? { isAtEnd ? nil : characters[index] }

    mutating func skip(_ character: Character) -> Bool {
        guard peek == character else { return false }
        index += 1
        return true
    }

    /// Skips a letter of the dialect in either case.
    mutating func skipLetter(_ letter: String) -> Bool {
        guard let peek, peek.uppercased() == letter else { return false }
        index += 1
        return true
    }

    /// Reads digits; more than nine of them are read as the largest number, which no field has.
    mutating func number() -> Int? {
        let start = index
        var value = 0
        while let peek, let digit = asciiDigit(peek) {
            value = index - start < 9 ? value * 10 + digit : 999_999_999
            index += 1
        }
        return index > start ? value : nil
    }

    /// Reads ASCII letters, at most `limit`.
    mutating func word(limit: Int) -> String {
        let start = index
        while let peek, peek.isASCII, peek.isLetter, index - start < limit { index += 1 }
        return String(characters[start..<index])
    }
}
