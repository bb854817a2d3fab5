/// The path and query of a request, percent-encoded.
package struct APIPath: Hashable, Sendable, CustomStringConvertible {
    private var path: String
    private var query: [String] = []

    /// Makes a path below `/v1`.
    ///
    /// - Parameters:
    ///   - parts: the parts between slashes, as they are meant.
    ///   - verb: what follows the last part after a colon.
    package init(_ parts: String..., verb: String? = nil) {
        path = "/v1" + parts.map { "/" + Self.encode($0) }.joined()
        if let verb { path += ":" + verb }
    }

    /// Adds a parameter; nil adds none.
    package func with(_ name: String, _ value: String?) -> APIPath {
        guard let value else { return self }
        var result = self
        result.query.append("\(name)=\(Self.encode(value))")
        return result
    }

    package var description: String { query.isEmpty ? path : path + "?" + query.joined(separator: "&") }

    /// All bytes but RFC 3986's unreserved ones, `@` and `,` are written as %XX.
    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "@"), UInt8(ascii: ","):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
