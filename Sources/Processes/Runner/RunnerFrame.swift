/// Frames of the connection between a worker and its runner: four bytes of length, little endian, then the message.
///
/// Numbers are little endian, texts are a length and UTF-8. Both ends are of one machine, and of one version of the
/// protocol, which the first message of each side tells.
enum RunnerFrame {
    /// The largest message: an attempt's arguments and environment, with room to spare.
    static let maximumBytes = 4 << 20
}

/// Builds one frame.
struct FrameWriter {
    private(set) var bytes: [UInt8] = [0, 0, 0, 0]

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put(_ value: Int64) {
        // The bytes of an integer; they are copied.
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ value: Int32) { put(Int64(value)) }

    mutating func put(_ value: Bool) { put(UInt8(value ? 1 : 0)) }

    mutating func put(_ value: Int64?) {
        put(value != nil)
        if let value { put(value) }
    }

    mutating func put(_ text: String) {
        put(Int64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(_ text: String?) {
        put(text != nil)
        if let text { put(text) }
    }

    mutating func put<Element>(
        each elements: some Collection<Element>,
        _ write: (inout Self, Element) -> Void
    ) {
        put(Int64(elements.count))
        for element in elements { write(&self, element) }
    }

    /// The whole frame with its length.
    consuming func finish() -> [UInt8] {
        let length = UInt32(bytes.count - 4)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
        return bytes
    }
}

/// A message that does not follow the protocol: the other side is broken, or not a runner's.
struct FrameError: Error {}

/// Reads one message.
struct FrameReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    mutating func byte() throws(FrameError) -> UInt8 {
        guard position < bytes.endIndex else { throw FrameError() }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number() throws(FrameError) -> Int64 {
        guard bytes.endIndex - position >= 8 else { throw FrameError() }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[position + index]) << (8 * UInt64(index)) }
        position += 8
        return Int64(bitPattern: value)
    }

    mutating func smallNumber() throws(FrameError) -> Int32 { Int32(truncatingIfNeeded: try number()) }

    mutating func flag() throws(FrameError) -> Bool { try byte() != 0 }

    mutating func text() throws(FrameError) -> String {
        let count = try number()
        guard count >= 0, count <= bytes.endIndex - position else { throw FrameError() }
        defer { position += Int(count) }
        return String(decoding: bytes[position..<position + Int(count)], as: UTF8.self)
    }

    mutating func optionalNumber() throws(FrameError) -> Int64? { try flag() ? try number() : nil }

    mutating func optionalText() throws(FrameError) -> String? { try flag() ? try text() : nil }

    mutating func list<Element>(
        _ read: (inout Self) throws(FrameError) -> Element
    ) throws(FrameError) -> [Element] {
        let count = try number()
        guard count >= 0, count <= bytes.count else { throw FrameError() }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }
}

/// Takes frames out of what has come in.
struct FrameBuffer {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ new: UnsafeRawBufferPointer) { bytes.append(contentsOf: new) }

    /// The next whole message; `nil` when more must come first.
    mutating func next() throws(FrameError) -> ArraySlice<UInt8>? {
        guard bytes.count - start >= 4 else { return nil }
        var length = 0
        for index in 0..<4 { length |= Int(bytes[start + index]) << (8 * index) }
        guard length <= RunnerFrame.maximumBytes else { throw FrameError() }
        guard bytes.count - start - 4 >= length else {
            if start > 1 << 16 {
                bytes.removeFirst(start)
                start = 0
            }
            return nil
        }
        let message = bytes[(start + 4)..<(start + 4 + length)]
        start += 4 + length
        if start == bytes.count {
            // The slice keeps its storage; this buffer begins anew.
            bytes = []
            start = 0
        }
        return message
    }
}
