import FoundationEssentials
import Scheduling

/// Turns views into the JSON text that a mirror holds, and back.
///
/// Keys are sorted, so equal views have equal texts.
struct MirrorJSON {
    private let encoder: JSONEncoder
    private let decoder = JSONDecoder()

    init() {
        encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func encode(_ value: some Encodable) throws(MirrorError) -> String {
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw MirrorError("a record cannot be written as JSON: \(error)", isRetriable: false)
        }
    }

    /// Reads what `encode` wrote; another text in its place is an error that names the key.
    func decode<Value: Decodable>(
        _ type: Value.Type,
        from text: some Sequence<UInt8>,
        of key: String
    ) throws(MirrorError) -> Value {
        do {
            return try decoder.decode(type, from: Data(text))
        } catch {
            throw MirrorError("the mirror's \(key) cannot be read: \(error)", isRetriable: false)
        }
    }
}
