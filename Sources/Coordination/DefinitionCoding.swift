internal import CZlib
package import Scheduling
package import ZnodeStore

/// The stored form of a definition: JSON as it is where it is small, zlib-compressed JSON where it is not.
package enum DefinitionCoding {
    /// The most bytes of a definition in a znode.
    package static let maximumStoredLength = 64 * 1024
    /// The most bytes of a definition in canonical form.
    package static let maximumCanonicalLength = 256 * 1024
    /// Below this a definition stays readable in a ZooKeeper shell.
    private static let plainLength = 512

    /// - Throws: `RecordError` where the definition is too large.
    package static func encode(_ stored: StoredJob) throws(RecordError) -> [UInt8] {
        let data = encodeChecked(stored)
        guard data.count <= maximumStoredLength else {
            throw RecordError(
                "the definition takes \(data.count) bytes when stored; \(maximumStoredLength) are allowed"
            )
        }
        return data
    }

    /// The same for a definition whose size was checked before.
    package static func encodeChecked(_ stored: StoredJob) -> [UInt8] {
        let plain = RecordCoding.encode(stored)
        return plain.count < plainLength ? plain : deflate(plain)
    }

    package static func decode(_ data: [UInt8], path: ZnodePath) throws(RecordError) -> StoredJob {
        let plain = data.first == UInt8(ascii: "{") ? data : try inflate(data, path: path)
        return try RecordCoding.decode(StoredJob.self, from: plain, path: path)
    }

    private static func deflate(_ plain: [UInt8]) -> [UInt8] {
        var length = compressBound(UInt(plain.count))
        var output = [UInt8](repeating: 0, count: Int(length))
        let status = compress2(&output, &length, plain, UInt(plain.count), Z_DEFAULT_COMPRESSION)
        // With an output of `compressBound` bytes zlib can only fail for want of memory.
        precondition(status == Z_OK, "zlib failed with \(status)")
        output.removeLast(output.count - Int(length))
        return output
    }

    private static func inflate(_ data: [UInt8], path: ZnodePath) throws(RecordError) -> [UInt8] {
        var capacity = max(data.count * 8, 4096)
        while capacity <= 4 * maximumCanonicalLength {
            var length = UInt(capacity)
            var output = [UInt8](repeating: 0, count: capacity)
            let status = uncompress(&output, &length, data, UInt(data.count))
            if status == Z_OK {
                output.removeLast(output.count - Int(length))
                return output
            }
            guard status == Z_BUF_ERROR else { break }
            capacity *= 2
        }
        throw RecordError("\(path) does not hold a compressed definition")
    }
}
