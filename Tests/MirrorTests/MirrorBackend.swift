import FoundationEssentials
import Logging
import Mirror
import Redis
import Scheduling
import ServerFixtures
import Testing

/// A mirror that the conformance suite runs on.
enum MirrorBackend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case redis, sqliteFile, sqliteMemory

    var testDescription: String { rawValue }

    /// The id before every event.
    var idBeforeEvents: String { self == .redis ? "0-0" : "0" }

    /// Opens an empty mirror, lends it, and closes it; a Redis server is started for it alone.
    func withMirror(_ body: (any MirrorStore) async throws -> Void) async throws {
        switch self {
        case .redis:
            try await withRedisMirror { mirror, _ in try await body(mirror) }
        case .sqliteMemory:
            let mirror = try SQLiteMirror(path: nil, logger: quiet)
            try await body(mirror)
            await mirror.close()
        case .sqliteFile:
            try await withTemporaryDirectory { directory in
                let mirror = try SQLiteMirror(path: "\(directory)/mirror.sqlite", logger: quiet)
                try await body(mirror)
                await mirror.close()
            }
        }
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Lends a mirror on a Redis server of its own.
func withRedisMirror(_ body: (RedisMirror, RedisServer) async throws -> Void) async throws {
    let server = try await RedisServer.start()
    defer { server.stop() }
    let mirror = RedisMirror(configuration(of: server), clusterID: "c1", logger: quiet)
    try await body(mirror, server)
    await mirror.close()
}

/// Connects again without a noticeable wait.
func configuration(of server: RedisServer) -> RedisConfiguration {
    var configuration = RedisConfiguration(port: server.port)
    configuration.firstBackoff = .milliseconds(1)
    configuration.longestBackoff = .milliseconds(2)
    return configuration
}

func withTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "skyfire-mirror-\(UUID())")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(url.path))
    } catch {
        result = .failure(error)
    }
    try FileManager.default.removeItem(at: url)
    try result.get()
}
