import CZooKeeper
import Logging
import Synchronization

/// Routes libzookeeper's log lines to swift-log, at most ten in a second.
///
/// The library's log callback has no context, so the route is one for the process. A client without a server
/// logs dozens of lines a second for as long as that lasts, so what is beyond the bound is counted, not
/// logged. The level is fixed at WARN: at DEBUG the library uses freed memory at the end of a thread
/// (ZOOKEEPER-4809).
enum LibraryLog {
    struct Limiter {
        let linesPerSecond: Int
        private var second: ContinuousClock.Instant?
        private var lines = 0
        private var suppressed = 0

        init(linesPerSecond: Int) {
            self.linesPerSecond = linesPerSecond
        }

        /// Whether a line may pass now: `nil` if not, otherwise how many were held back since the last that
        /// did.
        mutating func admit(at now: ContinuousClock.Instant) -> Int? {
            if let start = second, now - start < .seconds(1) {
                guard lines < linesPerSecond else {
                    suppressed += 1
                    return nil
                }
                lines += 1
            } else {
                second = now
                lines = 1
            }
            defer { suppressed = 0 }
            return suppressed
        }
    }

    private struct Route {
        var logger: Logger?
        var limiter = Limiter(linesPerSecond: 10)
    }

    private static let route = Mutex(Route())

    /// Sends the lines from now on to this logger.
    static func route(to logger: Logger) {
        zoo_set_debug_level(ZOO_LOG_LEVEL_WARN)
        route.withLock { $0.logger = logger }
    }

    static func write(_ line: String) {
        let admitted = route.withLock { route -> (Logger, Int)? in
            guard let logger = route.logger, let suppressed = route.limiter.admit(at: .now) else {
                return nil
            }
            return (logger, suppressed)
        }
        guard let (logger, suppressed) = admitted else { return }
        var metadata: Logger.Metadata = ["zookeeper.line": "\(line)"]
        if suppressed > 0 { metadata["zookeeper.suppressed_lines"] = "\(suppressed)" }
        logger.debug("libzookeeper logged", metadata: metadata)
    }
}

/// Called by libzookeeper on any thread, under locks of its own: takes no lock of a session.
func libraryLogged(_ line: UnsafePointer<CChar>?) {
    guard let line else { return }
    LibraryLog.write(String(cString: line))
}
