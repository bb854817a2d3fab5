/// The contents of a compiled zone file, TZif versions 1 to 4 (RFC 9636).
struct TimeZoneFile {
    /// Instants at which the offset changes, strictly ascending.
    var times: [Int64] = []
    /// For each of `times` the offset from then on, in seconds east of Greenwich.
    var offsets: [Int] = []
    /// The offset before all transitions.
    var initialOffset = 0
    /// The rule after the last transition; nil in version 1 and when the file's is empty.
    var footer: PosixTimeZone?

    /// Why a file cannot be used.
    struct Damage: Error {
        let reason: String
    }

    /// Makes what a file of one offset would hold.
    init(fixedOffset: Int) { initialOffset = fixedOffset }

    /// Reads a file's bytes. Every count and index is checked against the size before it is used.
    init(bytes: [UInt8]) throws(Damage) {
        var reader = Reader(bytes: bytes)
        var header = try Header(&reader)
        if header.version >= 2 {
            // The first block repeats in 32 bits what the second says in 64.
            try reader.skip(header.blockSize(timeSize: 4))
            header = try Header(&reader)
            try readBlock(&reader, header, timeSize: 8)
            footer = try TimeZoneFile.readFooter(&reader)
        } else {
            try readBlock(&reader, header, timeSize: 4)
        }
    }

    private mutating func readBlock(_ reader: inout Reader, _ header: Header, timeSize: Int) throws(Damage) {
        guard header.leapCount == 0 else { throw Damage(reason: "it counts leap seconds") }
        guard header.typeCount > 0 else { throw Damage(reason: "it has no local time type") }
        // Checked before anything is reserved, so that a forged count cannot ask for memory.
        guard reader.remaining >= header.blockSize(timeSize: timeSize) else {
            throw Damage(reason: "it is cut off")
        }
        for _ in 0..<header.timeCount { times.append(try reader.integer(size: timeSize)) }
        for (earlier, later) in zip(times, times.dropFirst()) where earlier >= later {
            throw Damage(reason: "its transitions are not in order")
        }
        let typeIndices = try reader.take(header.timeCount)
        var typeOffsets: [Int] = []
        for _ in 0..<header.typeCount {
            let offset = try reader.integer(size: 4)
            guard abs(offset) < 26 * 3600 else { throw Damage(reason: "an offset is beyond 26 hours") }
            typeOffsets.append(Int(offset))
            // Whether it is daylight saving, and where its abbreviation is: neither moves a clock.
            try reader.skip(2)
        }
        try reader.skip(header.nameCount)
        initialOffset = typeOffsets[0]
        for index in typeIndices {
            guard Int(index) < typeOffsets.count else { throw Damage(reason: "a transition names no type") }
            offsets.append(typeOffsets[Int(index)])
        }
        try reader.skip(header.standardCount + header.universalCount)
    }

    private static func readFooter(_ reader: inout Reader) throws(Damage) -> PosixTimeZone? {
        guard try reader.byte() == 10 else { throw Damage(reason: "its footer is missing") }
        var line: [UInt8] = []
        while true {
            let byte = try reader.byte()
            if byte == 10 { break }
            line.append(byte)
        }
        guard !line.isEmpty else { return nil }
        let text = String(decoding: line, as: UTF8.self)
        guard let rule = PosixTimeZone(text) else {
            throw Damage(reason: "its footer \"\(text)\" is malformed")
        }
        return rule
    }

    private struct Header {
        let version: Int
        let universalCount, standardCount, leapCount, timeCount, typeCount, nameCount: Int

        init(_ reader: inout Reader) throws(Damage) {
            guard try reader.take(4).elementsEqual("TZif".utf8) else {
                throw Damage(reason: "it is not a TZif file")
            }
            let digit = try reader.byte()
            switch digit {
            case 0: version = 1
            case UInt8(ascii: "2")...UInt8(ascii: "9"): version = Int(digit) - 48
            default: throw Damage(reason: "its version is unknown")
            }
            try reader.skip(15)
            universalCount = try reader.count()
            standardCount = try reader.count()
            leapCount = try reader.count()
            timeCount = try reader.count()
            typeCount = try reader.count()
            nameCount = try reader.count()
        }

        func blockSize(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + nameCount + leapCount * (timeSize + 4)
                + standardCount + universalCount
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        var remaining: Int { bytes.count - index }

        mutating func take(_ count: Int) throws(Damage) -> ArraySlice<UInt8> {
            guard count <= remaining else { throw Damage(reason: "it is cut off") }
            defer { index += count }
            return bytes[index..<index + count]
        }

        mutating func skip(_ count: Int) throws(Damage) { _ = try take(count) }

        mutating func byte() throws(Damage) -> UInt8 {
            guard remaining > 0 else { throw Damage(reason: "it is cut off") }
            defer { index += 1 }
            return bytes[index]
        }

        /// A big-endian signed number.
        mutating func integer(size: Int) throws(Damage) -> Int64 {
            let raw = try take(size).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return size == 4 ? Int64(Int32(truncatingIfNeeded: raw)) : Int64(bitPattern: raw)
        }

        mutating func count() throws(Damage) -> Int {
            let value = try integer(size: 4)
            guard value >= 0 else { throw Damage(reason: "a count is negative") }
            return Int(value)
        }
    }
}
