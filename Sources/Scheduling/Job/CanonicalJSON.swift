import FoundationEssentials

/// The canonical JSON form: sorted keys, no spaces, slashes as they are, absent values left out.
///
/// The same value gives the same bytes on every node. For a `JobDefinition` it is a valid job file.
package enum CanonicalJSON {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// Reads what `encode` wrote. Unknown keys are passed over, so that older nodes read newer forms.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
