internal import Foundation

/// What the worlds of a batch have in common.
struct WorldOptions: Codable, Hashable {
    var bug: String?
    var isFaultless = false
    var isTwice = false

    /// The arguments that give a world these options.
    var arguments: [String] {
        (bug.map { ["--bug", $0] } ?? []) + (isFaultless ? ["--faultless"] : [])
            + (isTwice ? ["--twice"] : [])
    }

    /// The command that lives through one seed again.
    func command(_ seed: UInt64) -> String {
        (["skyfire-sim", "--seed", String(seed)] + arguments).joined(separator: " ")
    }
}

/// Seeds in a row that were lived through, and what came of them: one line of a record.
struct Batch: Codable {
    let first: UInt64
    private(set) var count: UInt64 = 0
    private(set) var broken: [UInt64] = []
    let options: WorldOptions
    /// The hash of the program that did it: a seed gives the same history with the same build alone.
    var build: String?
    /// The commit that lay where the program did, with a `+` where files differed from it; `nil` where that is unknown.
    var commit: String?
    /// When it was over.
    var at: Date?

    init(first: UInt64, options: WorldOptions) {
        self.first = first
        self.options = options
    }

    var seeds: Range<UInt64> { first..<first + count }

    /// Counts the next seed.
    mutating func add(isBroken: Bool) {
        if isBroken { broken.append(first + count) }
        count += 1
    }

    /// One line.
    func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// Reads one line; throws where it is none that could have been written.
    static func decode(_ line: some DataProtocol) throws -> Batch {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        let batch = try decoder.decode(Batch.self, from: Data(line))
        guard !batch.first.addingReportingOverflow(batch.count).overflow else {
            throw CocoaError(.coderReadCorrupt)
        }
        return batch
    }
}
