import Scheduling
import Testing

struct TextFormsTests {
    @Test(arguments: [
        ("512MiB", 512 << 20, "512MiB"), ("4GiB", 4 << 30, "4GiB"), ("1.5GB", 1_500_000_000, "1500000000"),
        ("1048576", 1 << 20, "1MiB"), ("0.5KiB", 512, "512"), ("10kB", 10_000, "10000"), ("7B", 7, "7"),
        ("0", 0, "0"),
    ])
    func sizesAreReadAndWritten(_ text: String, _ bytes: Int64, _ written: String) throws {
        let value = try ByteCount(parsing: text)
        #expect(value.bytes == bytes)
        #expect(value.description == written)
        #expect(try ByteCount(parsing: written) == value)
    }

    @Test(arguments: [
        "", "MiB", "1.", ".5GB", "1.5B", "-1", "1 GiB", "5mib", "99999999999999999999", "9999999PiB",
        "1.2.3MB",
    ])
    func otherTextsAreNoSizes(_ text: String) {
        #expect(throws: ByteCountError.self) { try ByteCount(parsing: text) }
    }

    @Test func durationsAndSizesAreTextsInJSON() throws {
        let task = [DurationValue(milliseconds: 5_400_000)]
        #expect(String(decoding: try CanonicalJSON.encode(task), as: UTF8.self) == #"["1h30m"]"#)
        #expect(
            try CanonicalJSON.decode([DurationValue].self, from: Array(#"["90s"]"#.utf8))[0].milliseconds
                == 90_000
        )
        #expect(try CanonicalJSON.decode([ByteCount].self, from: Array(#"["1KiB"]"#.utf8))[0].bytes == 1024)
        #expect(throws: DecodingError.self) {
            try CanonicalJSON.decode([ByteCount].self, from: Array(#"["x"]"#.utf8))
        }
    }
}
