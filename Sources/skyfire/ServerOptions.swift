import ArgumentParser
import Cron
import Logging

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
