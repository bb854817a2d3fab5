/// An absolute path of a znode, valid by construction.
///
/// The grammar is `/`, or `/` followed by segments of `[A-Za-z0-9._~%@-]{1,250}` joined by `/`, none of them `.` or `..`.
/// It is narrower than ZooKeeper's own on purpose: libzookeeper aborts the process when a `multi` holds a path
/// that it rejects, so a path that exists as a value can always be sent.
package struct ZnodePath: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The root of the tree (or of the chroot).
    package static let root = ZnodePath(unchecked: "/")

    /// The longest segment, in bytes.
    package static let maximumSegmentLength = 250

    package let description: String

    /// Validates a path.
    ///
    /// - Throws: `StoreError` with `.badArguments`, naming the path.
    package init(_ string: String) throws(StoreError) {
        guard Self.isValid(string) else {
            throw StoreError(.badArguments, operation: "path", message: "invalid znode path \"\(string)\"")
        }
        self.description = string
    }

    private init(unchecked string: String) {
        self.description = string
    }

    /// The child with this name.
    ///
    /// - Precondition: the name is a valid segment. Names that hold text of users are validated before they get here.
    package func child(_ name: String) -> ZnodePath {
        precondition(Self.isValidSegment(name.utf8), "invalid znode name \"\(name)\" below \(description)")
        return ZnodePath(unchecked: description == "/" ? "/\(name)" : "\(description)/\(name)")
    }

    /// The path above this one; `nil` for the root.
    package var parent: ZnodePath? {
        guard description != "/", let slash = description.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return nil
        }
        return slash == description.startIndex ? .root : ZnodePath(unchecked: String(description[..<slash]))
    }

    /// The last segment; empty for the root.
    package var name: Substring {
        guard let slash = description.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return description[description.utf8.index(after: slash)...]
    }

    package static func < (left: ZnodePath, right: ZnodePath) -> Bool {
        left.description < right.description
    }

    /// Whether a name may stand as one segment of a path.
    package static func isValidName(_ name: String) -> Bool {
        isValidSegment(name.utf8)
    }

    private static func isValid(_ string: String) -> Bool {
        if string == "/" { return true }
        let bytes = string.utf8
        guard bytes.first == UInt8(ascii: "/") else { return false }
        return bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy(isValidSegment)
    }

    private static func isValidSegment(_ bytes: some Collection<UInt8>) -> Bool {
        guard !bytes.isEmpty, bytes.count <= maximumSegmentLength else { return false }
        if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"),
                UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "-"):
                true
            default:
                false
            }
        }
    }
}
