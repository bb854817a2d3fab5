private import CZlib

/// What is in a znode.
package enum Content {
    /// No content of ours is larger when inflated.
    private static let maximumLength = 8 << 20

    /// The JSON of a znode; a definition of 512 bytes or more is stored compressed. `nil` where there is no
    /// JSON in it.
    package static func json(_ data: [UInt8]) -> JSON? {
        guard let first = data.first else { return nil }
        // The first byte of zlib's format with its usual window.
        if first == 0x78, let plain = inflated(data) { return JSON(plain) }
        return JSON(data)
    }

    private static func inflated(_ data: [UInt8]) -> [UInt8]? {
        var capacity = max(4096, data.count * 8)
        while capacity <= maximumLength {
            var length = UInt(capacity)
            var output = [UInt8](repeating: 0, count: capacity)
            switch uncompress(&output, &length, data, UInt(data.count)) {
            case Z_OK:
                output.removeLast(output.count - Int(length))
                return output
            case Z_BUF_ERROR: capacity *= 4
            default: return nil
            }
        }
        return nil
    }
}
