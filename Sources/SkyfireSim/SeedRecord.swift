internal import ArgumentParser
internal import Foundation

/// A file of what was lived through: one line for each batch, written and synced as the batch is over. One process at a time
/// writes it.
final class SeedRecord {
    private let path: String
    private let descriptor: Int32
    private(set) var batches: [Batch] = []
    let build: String
    private let commit: String?

    /// Opens it, or begins it. A last line that a kill has left unfinished is taken away.
    init(_ path: String) throws {
        self.path = path
        build = try Self.buildOfThisProgram()
        commit = Self.commitOfThisProgram()
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ValidationError("cannot write \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw ValidationError("\(path) is being written by another process")
        }
        let content = try Data(contentsOf: URL(fileURLWithPath: path))
        let whole = content.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for (number, line) in content[..<whole].split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                batches.append(try Batch.decode(line))
            } catch {
                throw ValidationError("line \(number + 1) of \(path) is no record of seeds")
            }
        }
        guard ftruncate(descriptor, off_t(whole)) == 0 else { throw ValidationError("cannot write \(path)") }
    }

    deinit { close(descriptor) }

    /// What this build has lived through with these options.
    func own(_ options: WorldOptions) -> [Batch] {
        batches.filter { $0.build == build && $0.options == options }
    }

    func append(_ batch: Batch) throws {
        var batch = batch
        batch.build = build
        batch.commit = commit
        batch.at = Date()
        let line = Array(try batch.encoded().utf8)
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw ValidationError("cannot write \(path)") }
        guard write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
            // Others that work side by side append theirs still: not behind half a line.
            let isWhole = ftruncate(descriptor, end) == 0
            throw ValidationError("cannot write \(path)" + (isWhole ? "" : ", and its last line may be torn"))
        }
        batches.append(batch)
    }

    /// FNV-1a over the program, eight bytes at a time.
    private static func buildOfThisProgram() throws -> String {
        let program = try Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .alwaysMapped)
        let hash = program.withUnsafeBytes { bytes in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            var offset = 0
            while offset + 8 <= bytes.count {
                hash =
                    (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01b3
                offset += 8
            }
            return hash
        }
        return String(hash, radix: 16)
    }

    private static func commitOfThisProgram() -> String? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "describe", "--always", "--exclude=*", "--dirty=+", "--abbrev=12"]
        git.currentDirectoryURL = SimulationProcess.program.deletingLastPathComponent()
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        do {
            try git.run()
        } catch {
            return nil
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        git.waitUntilExit()
        return git.terminationStatus == 0 ? text.trimmingCharacters(in: .newlines) : nil
    }
}
