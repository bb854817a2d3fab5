import Foundation
import JobFile
import Testing

struct ErrorCatalogueTests {
    @Test func everyCodeOfTheSourcesHasAnEntryAndTheOtherWayRound() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/JobFile")
        var used: Set<String> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: sources.path)
        where !name.hasPrefix("ErrorCatalogue") {
            let text = try String(contentsOf: sources.appending(path: name), encoding: .utf8)
            for match in text.matches(of: /"(E1\d{3})"/) { used.insert(String(match.1)) }
        }
        #expect(used == Set(ErrorCatalogue.entries.map(\.code).filter { $0.hasPrefix("E1") }))
    }

    @Test func codesAreUniqueAndWellFormed() {
        let codes = ErrorCatalogue.entries.map(\.code)
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { $0.wholeMatch(of: /E[123]\d{3}/) != nil })
        #expect(codes.count { $0.hasPrefix("E2") } == 31)
        #expect(codes.count { $0.hasPrefix("E3") } == 10)
    }

    @Test func entriesAreFoundAsUsersWriteThem() {
        for text in ["E1203", "e1203", "1203"] { #expect(ErrorCatalogue.entry(text)?.title == "unknown key") }
        #expect(ErrorCatalogue.entry("E9999") == nil)
    }

    @Test func entriesAreComplete() {
        for entry in ErrorCatalogue.entries {
            #expect(![entry.title, entry.cause, entry.mend, entry.example].contains(""), "\(entry.code)")
        }
    }
}
