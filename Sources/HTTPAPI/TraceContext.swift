/// The trace that a request belongs to, in the form of the W3C's `traceparent` header.
package struct TraceContext: Hashable, Sendable {
    /// 32 hexadecimal digits.
    package var traceID: String
    /// 16 hexadecimal digits: this server's part of the trace.
    package var spanID: String
    /// 2 hexadecimal digits.
    package var flags: String

    /// Goes on with the caller's trace, or begins one where the header is missing or broken.
    package init(header: String?, random: inout some RandomNumberGenerator) {
        spanID = Self.hex(UInt64.random(in: 1...UInt64.max, using: &random))
        let parts = (header ?? "").split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if parts.count >= 4,
            parts[0] == "00" ? parts.count == 4 : parts[0].utf8.count == 2 && parts[0] != "ff",
            Self.isHex(parts[0], 2), Self.isHex(parts[1], 32), Self.isHex(parts[2], 16),
            Self.isHex(parts[3], 2),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
        {
            traceID = parts[1]
            flags = parts[3]
        } else {
            traceID =
                Self.hex(UInt64.random(in: 1...UInt64.max, using: &random))
                + Self.hex(UInt64.random(in: 0...UInt64.max, using: &random))
            flags = "01"
        }
    }

    /// The header to send on.
    package var header: String { "00-\(traceID)-\(spanID)-\(flags)" }

    private static func hex(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    private static func isHex(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
