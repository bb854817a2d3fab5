/// Reads ZooKeeper's record encoding (jute): big-endian numbers; strings, buffers and lists with a length
/// first.
struct JuteReader {
    struct Overrun: Error {}

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    mutating func int32() throws(Overrun) -> Int32 { Int32(truncatingIfNeeded: try number(4)) }
    mutating func int64() throws(Overrun) -> Int64 { try number(8) }

    mutating func bool() throws(Overrun) -> Bool { try number(1) != 0 }

    private mutating func number(_ count: Int) throws(Overrun) -> Int64 {
        guard bytes.endIndex - position >= count else { throw Overrun() }
        var value: UInt64 = 0
        for byte in bytes[position..<position + count] { value = value << 8 | UInt64(byte) }
        position += count
        return Int64(bitPattern: value)
    }

    /// A length of -1 is an absent buffer, read as an empty one.
    mutating func buffer() throws(Overrun) -> ArraySlice<UInt8> {
        let count = Int(try int32())
        if count < 0 { return [] }
        guard bytes.endIndex - position >= count else { throw Overrun() }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func string() throws(Overrun) -> String { String(decoding: try buffer(), as: UTF8.self) }

    mutating func strings() throws(Overrun) -> [String] {
        var result: [String] = []
        for _ in 0..<max(0, try int32()) { result.append(try string()) }
        return result
    }

    /// A list of access rights; who may do what is no matter here.
    mutating func skipAccess() throws(Overrun) {
        for _ in 0..<max(0, try int32()) {
            _ = try int32()
            _ = try string()
            _ = try string()
        }
    }
}
