private import CZlib

/// Reads one file of ZooKeeper's transaction log (`log.<zxid>`), as versions 3.5 to 3.9 write it.
///
/// A header of 16 bytes (`ZKLG`, version, database), then entries: an Adler-32 checksum (8 bytes), a length
/// (4 bytes),
/// that many bytes of header, record and digest, and the byte `B`. The rest of the file is zeros, written
/// ahead. An
/// entry that a crash cut off at the very end of what was written is no error; anything else that does not
/// fit is.
package enum TransactionLogFile {
    private static let headerLength = 16
    /// Larger entries cannot be: a server refuses requests beyond some megabytes.
    private static let maximumLength = 64 << 20

    /// The kinds of entries that are read apart; ZooKeeper's `OpCode`.
    private enum Kind {
        static let create: Int32 = 1
        static let delete: Int32 = 2
        static let setData: Int32 = 5
        static let setACL: Int32 = 7
        static let check: Int32 = 13
        static let multi: Int32 = 14
        static let create2: Int32 = 15
        static let createContainer: Int32 = 19
        static let deleteContainer: Int32 = 20
        static let createTTL: Int32 = 21
        static let createSession: Int32 = -10
        static let closeSession: Int32 = -11
        static let error: Int32 = -1
    }

    /// Reads the entries of a file. `name` goes into errors and sources.
    package static func read(_ bytes: [UInt8], name: String) throws(UnreadableInput) -> [Transaction] {
        guard bytes.count >= headerLength else {
            // A server that was killed right after it made the file.
            if bytes.allSatisfy({ $0 == 0 }) { return [] }
            throw UnreadableInput(name, "no transaction log: it is shorter than its header")
        }
        guard bytes[0..<4].elementsEqual("ZKLG".utf8) else {
            if bytes.allSatisfy({ $0 == 0 }) { return [] }
            throw UnreadableInput(name, "no transaction log: it does not begin with ZKLG")
        }
        let written = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
        var transactions: [Transaction] = []
        var position = headerLength
        while position < written {
            let place = "\(name):\(position)"
            guard position + 12 <= bytes.count else { break }
            var head = JuteReader(bytes[position..<position + 12])
            let (checksum, length): (Int64, Int)
            do {
                checksum = try head.int64()
                length = Int(try head.int32())
            } catch {
                throw UnreadableInput(place, "an entry's head does not fit")
            }
            let end = position + 12 + length
            guard length > 0, length <= maximumLength, end < bytes.count, bytes[end] == UInt8(ascii: "B"),
                adler(bytes[position + 12..<end]) == checksum
            else {
                // Cut off: nothing was written beyond the place where this entry would end.
                // A damaged length may claim as much: then whole entries follow.
                if length >= 0, written <= max(end, position + 12),
                    !hasEntry(bytes, from: position + 1, to: written)
                {
                    break
                }
                throw UnreadableInput(place, "an entry is damaged, and it is not the last one")
            }
            do {
                transactions.append(try entry(bytes[position + 12..<end], place))
            } catch {
                throw UnreadableInput(place, "an entry cannot be decoded")
            }
            position = end + 1
        }
        return transactions
    }

    /// Whether a whole entry begins anywhere within what was written.
    private static func hasEntry(_ bytes: [UInt8], from start: Int, to written: Int) -> Bool {
        var position = start
        while position + 12 < written {
            defer { position += 1 }
            let length = bytes[position + 8..<position + 12].reduce(0) { $0 << 8 | Int($1) }
            let end = position + 12 + length
            guard length > 32, end < written, bytes[end] == UInt8(ascii: "B") else { continue }
            let checksum = bytes[position..<position + 8].reduce(Int64(0)) { $0 << 8 | Int64($1) }
            if adler(bytes[position + 12..<end]) == checksum { return true }
        }
        return false
    }

    private static func adler(_ bytes: ArraySlice<UInt8>) -> Int64 {
        // `adler32` reads as many bytes as it is told of, and keeps no pointer.
        bytes.withUnsafeBufferPointer { Int64(adler32(adler32(0, nil, 0), $0.baseAddress, UInt32($0.count))) }
    }

    private static func entry(
        _ bytes: ArraySlice<UInt8>,
        _ place: String
    ) throws(JuteReader.Overrun) -> Transaction {
        var reader = JuteReader(bytes)
        let session = try reader.int64()
        let cxid = try reader.int32()
        let zxid = try reader.int64()
        let time = try reader.int64()
        let kind = try reader.int32()
        var operations: [LogOperation] = []
        if kind == Kind.multi {
            for _ in 0..<max(0, try reader.int32()) {
                let kind = try reader.int32()
                var part = JuteReader(try reader.buffer())
                operations.append(try operation(kind, &part))
            }
        } else {
            operations = [try operation(kind, &reader)]
        }
        // What is left is the digest of the tree, which the server checks by itself.
        return Transaction(
            zxid: zxid,
            time: time,
            session: session,
            cxid: cxid,
            operations: operations,
            source: place
        )
    }

    private static func operation(
        _ kind: Int32,
        _ reader: inout JuteReader
    ) throws(JuteReader.Overrun) -> LogOperation {
        switch kind {
        case Kind.create, Kind.create2, Kind.createContainer, Kind.createTTL:
            let path = try reader.string()
            let data = Array(try reader.buffer())
            try reader.skipAccess()
            let isEphemeral =
                kind == Kind.create || kind == Kind.create2 ? try reader.bool() : false
            return .create(path: path, data: data, isEphemeral: isEphemeral)
        case Kind.delete, Kind.deleteContainer:
            return .delete(path: try reader.string())
        case Kind.setData:
            let path = try reader.string()
            let data = Array(try reader.buffer())
            return .set(path: path, data: data, version: try reader.int32())
        case Kind.setACL:
            let path = try reader.string()
            try reader.skipAccess()
            return .setACL(path: path, version: try reader.int32())
        case Kind.check:
            let path = try reader.string()
            return .check(path: path, version: try reader.int32())
        case Kind.createSession:
            return .createSession(timeoutMilliseconds: try reader.int32())
        case Kind.closeSession:
            // Servers before 3.6, and those told so, write no list.
            return .closeSession(paths: reader.isAtEnd ? [] : try reader.strings())
        case Kind.error:
            return .failed(code: try reader.int32())
        default:
            return .other(kind: kind)
        }
    }
}
