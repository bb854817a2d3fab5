import JobFile
import Scheduling
import Testing

struct MutationTests {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private static let pieces: [String] = [
        "{", "}", "[", "]", ":", ": ", "- ", "\"", "'", "\\", "#", "&a ", "*a", "!x ", "|", ">", "\n", "\t",
        "  ", "\0", "🚀",
        "${", "}", "$${", "${params.day}", "$((", "))", "<<E\n", "`", "\r\n", "---\n", "~",
        "999999999999999999999", "-1", "1e400",
        ".nan", "0x", "? ", "<<: ", "\u{FEFF}", "\u{202E}", "汇",
    ]

    @Test(arguments: ["a.yaml", "a.json"])
    func mutatedFilesAreReadOrRefused(_ fileName: String) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("MutationTests \(fileName) seed \(seed)")
        var generator = Generator(state: seed)
        let job = try #require(try parser.parse(fullYAML, fileName: "a.yaml").first)
        let original = fileName == "a.json" ? try CanonicalJSON.encode(job) : Array(fullYAML.utf8)
        var accepted = 0
        for round in 0..<1000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) { Self.mutate(&bytes, &generator) }
            do throws(JobFileError) {
                let jobs = try parser.parse(bytes, fileName: fileName)
                accepted += 1
                for job in jobs { try checkRoundTrip(job, "seed \(seed) round \(round)") }
            } catch {
                #expect(!error.diagnostics.isEmpty)
                let source = String(decoding: bytes, as: UTF8.self)
                for diagnostic in error.diagnostics {
                    #expect(
                        diagnostic.line >= 1 && diagnostic.column >= 1,
                        "seed \(seed) round \(round): \(diagnostic)"
                    )
                    #expect(!diagnostic.render(source: source).isEmpty)
                }
            }
        }
        print("MutationTests \(fileName): \(accepted) of 1000 were still jobs")
    }

    private func checkRoundTrip(_ job: JobDefinition, _ place: String) throws(JobFileError) {
        do {
            let canonical = try CanonicalJSON.encode(job)
            let again = try parser.parse(canonical, fileName: "b.json")
            #expect(again == [job], "\(place)")
        } catch {
            Issue.record("\(place): \(error)")
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ generator: inout Generator) {
        let index = Int.random(in: 0..<max(1, bytes.count), using: &generator)
        guard index < bytes.count else { return }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: index)
        case 2:
            let end = min(bytes.count, index + Int.random(in: 1...30, using: &generator))
            bytes.removeSubrange(index..<end)
        case 3:
            let end = min(bytes.count, index + Int.random(in: 1...60, using: &generator))
            bytes.insert(
                contentsOf: bytes[index..<end],
                at: Int.random(in: 0...bytes.count, using: &generator)
            )
        case 4: bytes.insert(contentsOf: (pieces.randomElement(using: &generator) ?? "").utf8, at: index)
        default:
            bytes.replaceSubrange(
                index..<index + 1,
                with: (pieces.randomElement(using: &generator) ?? "").utf8
            )
        }
    }
}
