/// Conditions as `--filter` takes them: `state=failed,killed job=hello since=24h`. All of them must hold.
package struct FilterExpression: Hashable, Sendable {
    /// One `key=value[,value]…`.
    package struct Condition: Hashable, Sendable {
        package var key: String
        /// One of them must match; never empty.
        package var values: [String]
    }

    package let conditions: [Condition]

    /// Reads conditions divided by blanks. A value with blanks stands in quotes: `owner="Li Lei"`.
    ///
    /// - Parameters:
    ///   - text: what was written.
    ///   - keys: those that the list knows. Others are refused.
    /// - Throws: a usage error that says what cannot be read.
    package init(_ text: String, keys: [String]) throws(ClientError) {
        var conditions: [Condition] = []
        for word in try Self.words(text) {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw ClientError(
                    .usage,
                    "\"\(word)\" in --filter is no condition",
                    hint: "write it like state=failed"
                )
            }
            let key = String(word[..<equals])
            guard keys.contains(key) else {
                throw ClientError(
                    .usage,
                    "this list has no filter \"\(key)\"",
                    hint: "known: \(keys.joined(separator: ", "))"
                )
            }
            guard !conditions.contains(where: { $0.key == key }) else {
                throw ClientError(
                    .usage,
                    "\"\(key)\" stands twice in --filter",
                    hint: "several values go with commas: \(key)=a,b"
                )
            }
            let values = word[word.index(after: equals)...].split(separator: ",").map(String.init)
            guard !values.isEmpty else { throw ClientError(.usage, "\"\(key)\" in --filter has no value") }
            conditions.append(Condition(key: key, values: values))
        }
        self.conditions = conditions
    }

    /// The values of a key; nil where it is not among the conditions.
    package subscript(_ key: String) -> [String]? { conditions.first { $0.key == key }?.values }

    private static func words(_ text: String) throws(ClientError) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character.isWhitespace {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        guard quote == nil else { throw ClientError(.usage, "a quote in --filter is not closed") }
        if !word.isEmpty { words.append(word) }
        return words
    }
}
