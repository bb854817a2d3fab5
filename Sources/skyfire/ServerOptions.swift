import ArgumentParser
import Cron
import Logging
import Scheduling

/// What `dev` and `node` share.
enum ServerOptions {
    static let version = "0.1.0"

    static func duration(_ text: String, _ option: String) throws -> Duration {
        do throws(CronError) {
            return .milliseconds(try DurationText.milliseconds(parsing: text))
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }

    /// The bytes that logs may take.
    static func logSpace(_ text: String) throws -> Int64 {
        let bytes: Int64
        do throws(ByteCountError) {
            bytes = try ByteCount(parsing: text).bytes
        } catch {
            throw ValidationError("--log-space: \(error)")
        }
        guard bytes >= 1 << 20 else { throw ValidationError("--log-space is at least 1MiB") }
        return bytes
    }

    static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError(
                "--log-level is one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return level
    }

    /// A logger on stderr: stdout is for the ready line alone.
    static func logger(_ levelText: String) throws -> Logger {
        let level = try level(levelText)
        LoggingSystem.bootstrap(StreamLogHandler.standardError(label:))
        var logger = Logger(label: "skyfire")
        logger.logLevel = level
        return logger
    }
}
