import FoundationEssentials
import HTTPTypes
import Hummingbird
package import NIOCore

/// Writes values as JSON bodies: sorted keys, slashes as they are.
package enum JSONBody {
    /// The bytes of a value.
    package static func buffer(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return ByteBuffer(bytes: try encoder.encode(value))
        } catch {
            // All values encoded here are of our own types, whose encoding throws only for numbers that are not
            // finite and for instants outside the years 0 to 9999; none of them is made by this module.
            preconditionFailure("a body of type \(type(of: value)) cannot be encoded: \(error)")
        }
    }

    /// An answer with a JSON body.
    static func response(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        return Response(status: status, headers: headers, body: .init(byteBuffer: buffer(value)))
    }

    /// An answer with an ETag over the body, or 304 where the client has it already.
    static func cacheableResponse(_ value: some Encodable, to request: APIRequest) -> Response {
        let body = buffer(value)
        // FNV-1a, 64 bits: a fingerprint, no defence.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in body.readableBytesView { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let tag = "\"" + String(hash, radix: 16) + "\""
        return response(body: body, tag: tag, to: request)
    }

    /// An answer with a given ETag, or 304 where the client has it already.
    static func response(body: ByteBuffer, tag: String, to request: APIRequest) -> Response {
        var headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache"]
        if EntityTags(request.headers[values: .ifNoneMatch]).contains(tag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "application/json; charset=utf-8"
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
    }
}

/// A page of a list; `next_cursor` is `null` on the last one.
struct ListBody<Item: Encodable>: Encodable {
    var items: [Item]
    var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case items
        case nextCursor = "next_cursor"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(items, forKey: .items)
        try container.encode(nextCursor, forKey: .nextCursor)
    }
}

/// The tags of an `If-Match` or `If-None-Match` header.
struct EntityTags {
    var isAny = false
    var tags: [String] = []

    init(_ values: [String]) {
        for value in values {
            for part in value.split(separator: ",") {
                var tag = part.drop { $0 == " " || $0 == "\t" }
                while tag.last == " " || tag.last == "\t" { tag.removeLast() }
                if tag == "*" { isAny = true } else if !tag.isEmpty { tags.append(String(tag)) }
            }
        }
    }

    var isEmpty: Bool { !isAny && tags.isEmpty }

    /// Whether a tag is named, by weak comparison.
    func contains(_ tag: String) -> Bool {
        isAny || tags.contains { $0 == tag || $0 == "W/" + tag }
    }
}
